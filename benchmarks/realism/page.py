"""The page on realism: ``python -m benchmarks.realism.page`` measures, draws, and writes ``docs/realism.md``.

Needs the real CT of the core set (`benchmarks.accuracy.real_ct`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.accuracy import ACCURACY_RESULTS
from benchmarks.accuracy.core_pairs import core_pairs
from benchmarks.accuracy.real_ct import real_patient
from benchmarks.realism.charts import Curve, line_chart, slice_picture, tiled
from benchmarks.realism.contrast import contrast_tables
from benchmarks.realism.measures import histogram, noise_power, shared_noise, vessel_calibres
from benchmarks.realism.truth import shifts_by_depth
from benchmarks.results import ROOT, provenance
from hepareg.io.json import write_json
from hepareg.simulation import (
    MotionSettings,
    PairSettings,
    PatientCT,
    PhantomSettings,
    SimulatedPair,
    simulate_pair,
)
from hepareg.volume import Volume

__all__ = ["main"]

PHANTOM = PhantomSettings(shape=(480, 400, 110), spacing_mm=(0.8, 0.8, 2.2), fat_fraction=0.0)
SEED = 8
ENOUGH_VESSELS = 60
"""Places on middle lines, from which on a distribution is drawn."""

TRUTH_PAIR = "real_large"
PICTURES = ROOT / "docs" / "images"
CREDIT = (
    "Real CT: LIDC-IDRI-0001, Armato III et al., Data From LIDC-IDRI, The Cancer Imaging Archive, 2015, "
    "doi:10.7937/K9/TCIA.2015.LO9QL9SX, CC BY 3.0."
)


@dataclass(frozen=True, eq=False)
class Subject:
    """One image to measure."""

    name: str
    image: Volume
    liver: NDArray[np.bool_]


def main() -> None:
    """Measure, draw and write the page."""
    patient = real_patient()
    if patient is None:
        raise SystemExit("the real CT is not there; see benchmarks/accuracy/real_ct.py for its place")
    subjects, pairs = _subjects(patient)
    numbers = _measure(subjects, PICTURES) | {"shared_detail": _shared(patient), "truth": _truth(patient)}
    _slices(patient, pairs).save(PICTURES / "realism_slices.jpg", quality=82)
    ACCURACY_RESULTS.mkdir(parents=True, exist_ok=True)
    write_json(ACCURACY_RESULTS / "realism.json", {"kind": "realism", **provenance({"seed": SEED}), **numbers})
    (ROOT / "docs" / "realism.md").write_text(_page(numbers))


def _subjects(patient: PatientCT) -> tuple[list[Subject], dict[str, SimulatedPair]]:
    still = MotionSettings(kind="still")
    from_real = simulate_pair(settings=PairSettings(motion=still), seed=SEED, patient=patient)
    phantom = simulate_pair(settings=PairSettings(phantom=PHANTOM, motion=still), seed=SEED)
    subjects = [
        Subject("real, arterial", patient.ct, patient.liver),
        Subject("made portal, its own noise", from_real.fixed, from_real.fixed_liver.data > 0),
        Subject("made again, simulated noise", from_real.moving, from_real.moving_liver.data > 0),
        Subject("phantom, arterial", phantom.moving, phantom.moving_liver.data > 0),
        Subject("phantom, portal", phantom.fixed, phantom.fixed_liver.data > 0),
    ]
    return subjects, {"real": from_real, "phantom": phantom}


def _measure(subjects: list[Subject], folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    rows, livers, bodies, powers, calibres = [], [], [], [], []
    for subject in subjects:
        inner = ndimage.binary_erosion(subject.liver, np.ones((7, 7, 1), dtype=bool))
        power, vessels = noise_power(subject.image, inner), vessel_calibres(subject.image, subject.liver)
        livers.append(Curve(subject.name, *histogram(subject.image, inner, low=-20, high=240)))
        body = ndimage.binary_erosion(subject.image.data > -400, iterations=2)
        bodies.append(Curve(subject.name, *histogram(subject.image, body, low=-200, high=500)))
        powers.append(Curve(subject.name, power.frequency_per_mm, power.density))
        if len(vessels.radius_mm) >= ENOUGH_VESSELS:
            counts, edges = np.histogram(vessels.radius_mm, bins=np.arange(0.75, 9, 0.75), density=True)
            calibres.append(Curve(subject.name, (edges[1:] + edges[:-1]) / 2, counts))
        rows.append(
            {
                "image": subject.name,
                "liver_median_hu": float(np.median(subject.image.data[inner])),
                "noise_hu": power.level_hu,
                "slice_correlation": power.slice_correlation,
                "vessel_radius_median_mm": float(np.median(vessels.radius_mm)),
                "vessel_radius_p90_mm": float(np.percentile(vessels.radius_mm, 90)),
                "vessel_fraction_percent": 100 * vessels.fraction,
            }
        )
    charts = {
        "liver": line_chart(livers, title="Intensities in the liver (density)", x_label="HU"),
        "body": line_chart(bodies, title="Intensities in the body (density)", x_label="HU"),
        "noise": line_chart(powers, title="Noise power in the liver (share of each band)", x_label="cycles per mm"),
        "calibre": line_chart(calibres, title="Radii of bright vessels in the liver (density)", x_label="mm"),
    }
    for name, chart in charts.items():
        chart.save(folder / f"realism_{name}.png", optimize=True)
    return {"rows": rows}


def _shared(patient: PatientCT) -> dict[str, float]:
    """Return how much fine detail partners share in calm liver, with noise of their own and with the source's."""
    still = MotionSettings(kind="still")
    calm = ndimage.binary_erosion(patient.liver, np.ones((9, 9, 1), dtype=bool))
    detail = patient.denoised_hu - ndimage.uniform_filter(patient.denoised_hu, (15, 15, 1))
    local = ndimage.uniform_filter(detail**2, (15, 15, 1))
    found = {}
    for name, shared in (("own_noise", False), ("shared_noise", True)):
        pair = simulate_pair(settings=PairSettings(motion=still, shared_noise=shared), seed=SEED, patient=patient)
        grown = ndimage.binary_dilation(pair.labels.data != patient.labels, iterations=3)
        chosen = calm & ~grown & (local < np.median(local[calm]))
        found[name] = shared_noise(pair.fixed.data, pair.moving.data, chosen)
    return found


def _truth(patient: PatientCT) -> dict[str, Any]:
    pair = next(pair for pair in core_pairs(with_real_ct=True) if pair.name == TRUTH_PAIR)
    shells, moved_mm = shifts_by_depth(patient, settings=pair.settings, seed=pair.seed)
    return {
        "pair": pair.name,
        "liver_displacement_mm": moved_mm,
        "shells": [
            {"from_mm": s.low_mm, "to_mm": s.high_mm, "shift_mm": list(s.shift_mm), "size_mm": s.size_mm}
            for s in shells
        ],
    }


def _slices(patient: PatientCT, pairs: dict[str, SimulatedPair]):  # type: ignore[no-untyped-def]
    real, phantom = pairs["real"], pairs["phantom"]
    rows = []
    for axis, width in ((2, 330), (1, 330)):
        row = []
        for name, image, mask in (
            ("real CT, arterial", patient.ct, patient.liver),
            ("simulated partner, portal", real.fixed, patient.liver),
            ("phantom, arterial", phantom.moving, phantom.moving_liver.data > 0),
            ("phantom, portal", phantom.fixed, phantom.fixed_liver.data > 0),
        ):
            index = round(float(np.argwhere(mask)[:, axis].mean()))
            row.append((name, slice_picture(image, axis, index, width=width)))
        rows.append(row)
    return tiled(rows)


COLUMNS = (
    ("liver (HU)", "liver_median_hu", "{:.0f}"),
    ("noise (HU)", "noise_hu", "{:.1f}"),
    ("slices correlate", "slice_correlation", "{:.2f}"),
    ("vessel radius, median (mm)", "vessel_radius_median_mm", "{:.1f}"),
    ("90th percentile", "vessel_radius_p90_mm", "{:.1f}"),
    ("vessels / liver (%)", "vessel_fraction_percent", "{:.1f}"),
)


def _page(numbers: dict[str, Any]) -> str:
    lines = ["| image | " + " | ".join(name for name, _, _ in COLUMNS) + " |", "|" + "---|" * (len(COLUMNS) + 1)]
    for row in numbers["rows"]:
        lines.append(f"| {row['image']} | " + " | ".join(text.format(row[key]) for _, key, text in COLUMNS) + " |")
    text = (Path(__file__).parent / "page_text.md").read_text()
    shared = numbers["shared_detail"]
    return text.format(
        table="\n".join(lines),
        credit=CREDIT,
        own=shared["own_noise"],
        shared=shared["shared_noise"],
        contrast=contrast_tables(),
        truth=_truth_table(numbers["truth"]["shells"]),
        motion=numbers["truth"]["liver_displacement_mm"],
    )


def _truth_table(shells: list[dict[str, Any]]) -> str:
    lines = [
        "| distance to the surface (mm) | left-right | back-front | down-up | in all (mm) |",
        "|---|---|---|---|---|",
    ]
    for shell in shells:
        where = (
            f"deeper than {-shell['to_mm']}" if shell["from_mm"] < -100 else f"{shell['from_mm']} to {shell['to_mm']}"
        )
        parts = " | ".join(f"{part:.2f}" for part in shell["shift_mm"])
        lines.append(f"| {where} | {parts} | {shell['size_mm']:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

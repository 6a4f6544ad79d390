"""Pairs on parallel grids, where interpolation pulls the pose: ``python -m benchmarks.accuracy.parallel_grids``.

Both images have voxels of one size along the same axes; the liver stays, moves without a turn, or turns a little or
more. Writes ``parallel_grids.json`` beside the other results, and a table of it: error, expected error, and the mean
error along each axis of the world. `PULL_VOX` and `SHARP_PULL_VOX` of `hepareg.registration.evidence` were read off
such pairs.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.accuracy import ACCURACY_RESULTS
from benchmarks.results import provenance
from benchmarks.tables import markdown, number
from hepareg import register
from hepareg.evaluation import tre_over_mask
from hepareg.io.json import write_json
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, simulate_pair
from hepareg.workflows.atomic import atomic_file

GRIDS = (((1.1, 1.1, 2.5), (320, 320, 90)), ((1.5, 1.5, 1.5), (240, 240, 150)), ((0.9, 0.9, 5.0), (400, 400, 45)))
MOTIONS = ((0.0, 0.0), (5.0, 0.0), (5.0, 0.5), (8.0, 2.0))
"""Displacement of the liver in mm, and its turn in degrees."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=ACCURACY_RESULTS / "parallel_grids.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    rows = []
    for row in measured(arguments.seeds):
        print(row, flush=True)
        rows.append(row)
    write_json(arguments.out, {"kind": "parallel_grids", **provenance({"seeds": arguments.seeds}), "rows": rows})
    with atomic_file(arguments.out.with_suffix(".md"), overwrite=True) as temporary:
        temporary.write_text(page(rows))


def measured(seeds: list[int]) -> Iterator[dict[str, Any]]:
    """Yield a row for each grid, seed and motion."""
    for spacing_mm, shape in GRIDS:
        grid = AcquisitionSettings(shape=shape, spacing_mm=spacing_mm)
        for seed in seeds:
            for shift_mm, turn_deg in MOTIONS:
                motion = MotionSettings(translation_mm=(shift_mm, shift_mm), rotation_deg=(turn_deg, turn_deg))
                pair = simulate_pair(settings=PairSettings(motion=motion, fixed=grid, moving=grid), seed=seed)
                masks = {"moving_mask": pair.moving_liver, "fixed_mask": pair.fixed_liver}
                found = register(moving=pair.moving, fixed=pair.fixed, **masks)
                centroid = pair.fixed_liver.centroid_mm
                error = found.transform.apply(centroid) - pair.truth.apply(centroid)  # affine: the mean over the liver
                yield {
                    "spacing_mm": spacing_mm,
                    "seed": seed,
                    "translation_mm": shift_mm,
                    "rotation_deg": turn_deg,
                    "tre_mean_mm": tre_over_mask(found.transform, pair.truth, mask=pair.fixed_liver).mean_mm,
                    "expected_tre_mm": found.verdict.expected_liver_tre_mm,
                    "pull_mm": found.verdict.evidence["interpolation_pull_mm"],
                    "mean_error_mm": error.tolist(),
                    "decision": found.verdict.decision.value,
                }


def page(rows: list[dict[str, Any]]) -> str:
    """Return the table."""
    bounded = sum(row["tre_mean_mm"] <= row["expected_tre_mm"] for row in rows)
    header = [
        "voxel mm",
        "motion",
        "turn deg",
        "TRE mm",
        "expected mm",
        "of it the pull",
        "mean error x, y, z mm",
        "verdict",
    ]
    table = [
        [
            " x ".join(map(str, row["spacing_mm"])),
            f"{row['translation_mm']:g} mm",
            f"{row['rotation_deg']:g}",
            number(row["tre_mean_mm"]),
            number(row["expected_tre_mm"]),
            number(row["pull_mm"]),
            ", ".join(f"{value:+.2f}" for value in row["mean_error_mm"]),
            row["decision"],
        ]
        for row in rows
    ]
    return (
        "# Pairs on parallel grids\n\nSimulated phases, known truth. Made by "
        "`python -m benchmarks.accuracy.parallel_grids`.\n\n"
        f"The expected error is at least the true one on {bounded} of {len(rows)} pairs.\n\n{markdown(header, table)}\n"
    )


if __name__ == "__main__":
    main()

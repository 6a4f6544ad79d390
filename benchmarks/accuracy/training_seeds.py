"""Spread over training seeds of what a trained network reaches: ``python -m benchmarks.accuracy.training_seeds``.

Each seed draws other anatomies, motions, poses, first weights and batches, and trains the preset ``small`` for the same
number of epochs on one thread; the network alone is then measured on the same unseen anatomies and on the same pairs
made from a real CT, with a start that is the masks' centroid and a random shift of 3 mm. Predicting zero is the start's
own error. Writes ``benchmarks/results/training_seeds.json``, which `benchmarks.trained_network` puts on its page.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.real_ct import real_patient
from benchmarks.results import RESULTS, ROOT, provenance, read_result, write_result
from hepareg.data.case_pair import CasePair
from hepareg.data.simulated_pairs import simulated_sources
from hepareg.networks.weights import save_weights
from hepareg.simulation import AcquisitionSettings, ContrastPhase, MotionSettings, PairSettings, simulate_pair
from hepareg.training.fit import fit
from hepareg.training.settings import TrainingSettings
from hepareg.training.settings_file import load_settings
from hepareg.workflows.evaluate import EvaluationRow, evaluate, simulated_test_pairs

NAME = "training_seeds"
SIMULATED, REAL = "unseen anatomies", "real CT"
NUM_SIMULATED, NUM_REAL, NUM_DRAWS, BIAS_MM = 12, 8, 3, 3.0
THRIFTY = ["run.threads=1", "data.prepare_processes=1", "run.max_minutes=null", "tracking.overlays=0",
           "checkpoints.keep=0"]  # fmt: skip


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=16, help="of 50 steps with four pairs each")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "training-cache")
    arguments = parser.parse_args()
    changed = [*THRIFTY, f"run.epochs={arguments.epochs}"]
    described = {"preset": "small", "changed": changed, "bias_mm": BIAS_MM, "num_draws": NUM_DRAWS,
                 "pairs": {SIMULATED: NUM_SIMULATED, REAL: NUM_REAL}}  # fmt: skip
    for seed in arguments.seeds:
        print(f"== seed {seed}", flush=True)
        _keep(_rows(load_settings("small", [*changed, f"seed={seed}"]), arguments.cache), described)
    return 0


def real_ct_pairs(num_pairs: int = NUM_REAL) -> Iterator[CasePair]:
    """Give pairs made from a real CT that no training saw: 2.5 mm voxels, masks with an error of 1.5 mm."""
    patient = real_patient()
    if patient is None:
        raise SystemExit("expected the real CT (HEPAREG_DATA), found none")
    image = AcquisitionSettings(shape=(144, 144, 132), spacing_mm=(2.5, 2.5, 2.5), mask_error_mm=1.5)
    phases = (ContrastPhase.EARLY_ARTERIAL, ContrastPhase.LATE_ARTERIAL)
    for index in range(num_pairs):
        settings = PairSettings(
            moving_phase=phases[index % 2],
            motion=MotionSettings(kind="breathing", translation_mm=(5.0, 25.0), rotation_deg=(0.0, 8.0)),
            moving=image,
            fixed=image,
        )
        pair = simulate_pair(settings=settings, seed=900 + index, patient=patient)
        yield CasePair(
            case=f"real {index}", moving=pair.moving, fixed=pair.fixed, moving_mask=pair.moving_liver,
            fixed_mask=pair.fixed_liver, moving_from_fixed=pair.truth,
        )  # fmt: skip


def _rows(settings: TrainingSettings, cache: Path) -> list[dict[str, Any]]:
    """Train with one seed and measure on both sets of pairs."""
    cache.mkdir(parents=True, exist_ok=True)
    sources = simulated_sources(settings.data, seed=settings.seed, folder=cache)
    sources.fill(num_processes=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = fit(settings, sources=sources, folder=folder, clock=time.process_time)
        save_weights(result.module.net, folder / "weights.safetensors", preprocessing=asdict(settings.data.region))
        run = {"seed": settings.seed, "steps": result.steps, "cpu_minutes": round(result.minutes, 2),
               "best_epoch": result.best_epoch}  # fmt: skip
        sets = {SIMULATED: simulated_test_pairs(NUM_SIMULATED, seed=0), REAL: real_ct_pairs()}
        return [
            run | {"pairs": title, **_summary(evaluate(
                pairs, out=folder / title.replace(" ", "_"), weights=folder / "weights.safetensors",
                methods=("start", "network"), bias_mm=BIAS_MM, num_draws=NUM_DRAWS,
            ))}
            for title, pairs in sets.items()
        ]  # fmt: skip


def _summary(rows: list[EvaluationRow]) -> dict[str, Any]:
    """Return medians of start and network over all runs; a run that failed counts as its start."""
    start = {(row.case, row.draw): row.tre_mm or np.nan for row in rows if row.method == "start"}
    network = [row for row in rows if row.method == "network"]
    tre = np.array([start[row.case, row.draw] if row.tre_mm is None else row.tre_mm for row in network])
    q1, middle, q3 = np.percentile(tre, [25, 50, 75])
    before = np.array([start[row.case, row.draw] for row in network])
    return {
        "num_runs": len(network), "num_failed": sum(row.error is not None for row in network),
        "num_worse_than_start": int((tre >= before).sum()),
        "start_tre_mm": round(float(np.median(before)), 3), "tre_mm": round(float(middle), 3),
        "tre_q1_mm": round(float(q1), 3), "tre_q3_mm": round(float(q3), 3), "worst_tre_mm": round(float(tre.max()), 3),
    }  # fmt: skip


def _keep(rows: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Put a seed's rows into the result file in the place of older ones; other seeds of equal settings stay."""
    old = read_result(NAME)
    others = [] if old is None or old["settings"] != settings else old["rows"]
    kept = [row for row in others if row["seed"] != rows[0]["seed"]]
    ordered = sorted([*kept, *rows], key=lambda row: (row["seed"], row["pairs"] == REAL))
    write_result({"kind": "training_seeds", **provenance(settings), "rows": ordered}, RESULTS / f"{NAME}.json")


if __name__ == "__main__":
    raise SystemExit(main())

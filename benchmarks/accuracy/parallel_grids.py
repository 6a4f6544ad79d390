"""Pairs on parallel grids, on which interpolation pulls the pose: ``python -m benchmarks.accuracy.parallel_grids``.

Both images have voxels of one size along the same axes; the liver stays, moves without a rotation, or rotates a little
or more. Writes ``parallel_grids.json`` with the error, the expected error and the mean error along each axis of the
world, and the pages. `pull_vox` and `deblurred_pull_vox` of `hepareg.registration.evidence` were read off such pairs.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import page
from benchmarks.accuracy.core import simulated
from benchmarks.accuracy.core_pairs import CorePair
from benchmarks.results import ACCURACY_RESULTS, provenance
from hepareg import register
from hepareg.evaluation import tre_over_mask
from hepareg.io.json import write_json
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings

__all__ = ["main", "parallel_pairs"]

GRIDS = (((1.1, 1.1, 2.5), (320, 320, 90)), ((1.5, 1.5, 1.5), (240, 240, 150)), ((0.9, 0.9, 5.0), (400, 400, 45)))
MOTIONS = ((0.0, 0.0), (5.0, 0.0), (5.0, 0.5), (8.0, 2.0))
"""Displacement of the liver in mm, and its rotation in degrees."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=ACCURACY_RESULTS / "parallel_grids.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    rows = []
    for pair in parallel_pairs(arguments.seeds):
        rows.append(_row(pair))
        print(rows[-1], flush=True)
    write_json(arguments.out, {"kind": "parallel_grids", **provenance({"seeds": arguments.seeds}), "rows": rows})
    page.main([])


def parallel_pairs(seeds: Sequence[int]) -> Iterator[CorePair]:
    """Yield a pair for each grid, seed and motion."""
    for number, (spacing_mm, shape) in enumerate(GRIDS):
        grid = AcquisitionSettings(shape=shape, spacing_mm=spacing_mm)
        for seed in seeds:
            for kind, (shift_mm, turn_deg) in enumerate(MOTIONS):
                motion = MotionSettings(translation_mm=(shift_mm, shift_mm), rotation_deg=(turn_deg, turn_deg))
                settings = PairSettings(motion=motion, fixed=grid, moving=grid)
                yield CorePair(f"parallel_{number}_{seed}_{kind}", "parallel_grids", "phantom", settings, seed)


def _row(pair: CorePair) -> dict[str, Any]:
    made, settings = simulated(pair), pair.settings
    masks = {"moving_mask": made.moving_liver, "fixed_mask": made.fixed_liver}
    found = register(moving=made.moving, fixed=made.fixed, **masks)
    # Both maps are affine, so that their difference at the centroid is the mean difference over the liver.
    centroid = made.fixed_liver.centroid_mm
    error = found.transform.apply(centroid) - made.truth.apply(centroid)
    return {
        "spacing_mm": settings.fixed.spacing_mm, "seed": pair.seed,
        "translation_mm": settings.motion.translation_mm[0], "rotation_deg": settings.motion.rotation_deg[0],
        "tre_mean_mm": tre_over_mask(found.transform, made.truth, mask=made.fixed_liver).mean_mm,
        "expected_tre_mm": found.verdict.expected_liver_tre_mm, "decision": found.verdict.decision.value,
        "pull_mm": found.verdict.evidence["interpolation_pull_mm"], "mean_error_mm": error.tolist(),
    }  # fmt: skip


if __name__ == "__main__":
    main()

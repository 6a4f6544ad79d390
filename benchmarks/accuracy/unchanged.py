"""Say whether a change of the code changed a result: ``python -m benchmarks.accuracy.unchanged make|record|compare``.

``make DIR`` writes 148 pairs once: the core set, the pairs on parallel grids and 100 pairs of the stress set.
``record DIR -o FILE`` registers the pairs with the code at hand and writes the outcome of each to the last digit.
``compare BEFORE AFTER`` prints the pairs whose matrix, start, decision, reasons or expected error differ, and by how
many mm the two matrices part at points 150 mm from the liver's centre; the exit status is 1 if a pair differs by more
than ``--tolerance-mm``. Evidence may be renamed: ``--evidence`` prints the differences of the numbers that both have.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.core import simulated
from benchmarks.accuracy.core_pairs import core_pairs, parallel_pairs
from benchmarks.accuracy.real_ct import real_patient
from benchmarks.accuracy.stress_pairs import NUM_POSES, PAIRS_PER_ANATOMY, simulate_stress, stress_pairs
from benchmarks.pairs import Case
from hepareg import Grid, Volume
from hepareg.errors import HeparegError
from hepareg.io.json import read_json, write_json
from hepareg.registration import register

__all__ = ["compare", "main", "make", "record"]

ROLES = ("moving", "fixed", "moving_mask", "fixed_mask")
ANATOMY_STEP, PAIR_STEP = 5, 2
"""Of every fifth of the stress set's 50 anatomies, every second of its 20 pairs."""
REACH_MM = 150.0
COMPARED = ("error", "start", "decision", "reasons", "expected_liver_tre_mm")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["make", "record", "compare"])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, help="of record: the file to write")
    parser.add_argument("--only", default="", help="of record: a part of the names of the pairs")
    parser.add_argument("--tolerance-mm", type=float, default=0.0, help="of compare")
    parser.add_argument("--evidence", action="store_true", help="of compare: print differences of the evidence as well")
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(*arguments.paths)
    elif arguments.command == "record":
        write_json(arguments.out, record(*arguments.paths, only=arguments.only))
    else:
        before, after = map(read_json, arguments.paths)
        differing = compare(before, after, tolerance_mm=arguments.tolerance_mm, evidence=arguments.evidence)
        sys.exit(min(differing, 1))


def make(folder: Path) -> None:
    """Write each pair that the folder lacks as one file of arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, images in _pairs({path.stem for path in folder.glob("*.npz")}):
        grids = {f"{role}_grid": image.grid.world_from_voxel for role, image in images.items()}
        np.savez(folder / f"{name}.npz", **grids, **{role: image.data for role, image in images.items()})
        print(name, flush=True)


def _pairs(done: set[str]) -> Iterator[tuple[str, dict[str, Volume]]]:
    """Yield the names of the pairs that are not done, and the images and masks that a method is given."""
    core = {f"core_{pair.name}": pair for pair in core_pairs(with_real_ct=real_patient() is not None)}
    for name, pair in {**core, **{pair.name: pair for pair in parallel_pairs()}}.items():
        if name not in done:
            yield name, Case.of(simulated(pair)).operands((pair.masks, pair.masks))
    stress = list(stress_pairs())[:NUM_POSES]
    for first in range(0, len(stress), ANATOMY_STEP * PAIRS_PER_ANATOMY):
        chosen = stress[first : first + PAIRS_PER_ANATOMY : PAIR_STEP]
        if not {f"stress_{pair.number:04d}_{pair.trouble}" for pair in chosen} <= done:
            for pair, case, _ in simulate_stress(chosen):
                yield f"stress_{pair.number:04d}_{pair.trouble}", case.operands(pair.masks)


def record(folder: Path, *, only: str = "") -> dict[str, Any]:
    """Return the outcome of each pair by name: matrix, verdict and evidence, or the text of the error."""
    return {path.stem: _outcome(path) for path in sorted(folder.glob("*.npz")) if only in path.stem}


def _outcome(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        given = [role for role in ROLES if role in arrays]
        images = {role: Volume(arrays[role], Grid(arrays[role].shape, arrays[f"{role}_grid"])) for role in given}
    try:
        found = register(**images)
    except HeparegError as error:
        return {"error": str(error)}
    return {
        "matrix": found.transform.matrix.tolist(),
        "centre_mm": found.centre_mm.tolist(),
        "start": found.start_name,
        "decision": found.verdict.decision.value,
        "expected_liver_tre_mm": found.verdict.expected_liver_tre_mm,
        "reasons": list(found.verdict.reasons),
        "evidence": dict(found.verdict.evidence),
    }


def compare(before: dict[str, Any], after: dict[str, Any], *, tolerance_mm: float, evidence: bool = False) -> int:
    """Print the differences between two records; return the number of pairs that differ by more than the tolerance.

    The tolerance holds for the matrices and the expected errors; of the rest, every difference counts.
    """
    differing, worst_mm = 0, 0.0
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name, {}), after.get(name, {})
        apart_mm = _apart_mm(one, other)
        changed = [key for key in COMPARED if not _same(one.get(key), other.get(key), tolerance_mm)]
        worst_mm = max(worst_mm, apart_mm)
        if changed or apart_mm > tolerance_mm:
            differing += 1
            print(f"{name}: {apart_mm:.3g} mm" + "".join(f"; {k} {one.get(k)} -> {other.get(k)}" for k in changed))
        if evidence:
            old, new = one.get("evidence", {}), other.get("evidence", {})
            for key in sorted(key for key in old.keys() & new.keys() if old[key] != new[key]):
                print(f"  {name}: {key} {old[key]:.9g} -> {new[key]:.9g}")
    print(f"{len(before)} pairs before, {len(after)} after; {differing} differ, matrices by at most {worst_mm:.3g} mm")
    return differing


def _same(one: Any, other: Any, tolerance: float) -> bool:
    return one == other or (type(one) is type(other) is float and abs(one - other) <= tolerance)


def _apart_mm(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the largest distance between the images of six points around the centre; infinite if one is missing."""
    if "matrix" not in one or "matrix" not in other:
        return 0.0 if one == other else float("inf")
    change = np.array(one["matrix"]) - np.array(other["matrix"])
    points = np.array(one["centre_mm"]) + REACH_MM * np.vstack([np.eye(3), -np.eye(3)])
    return float(np.linalg.norm(points @ change[:3, :3].T + change[:3, 3], axis=1).max())


if __name__ == "__main__":
    main()

"""Run hepareg and the peers on a real breathing pair, both ways: ``python -m benchmarks.accuracy.real_pair DATA``.

``DATA`` holds two phases of breathing of one patient, ``t0.nii.gz`` and ``t5.nii.gz``, and their liver masks,
``t0_liver_approximate.nii.gz`` and ``t5_liver_approximate.nii.gz``. Nobody knows the true transform: `closeness` judges
a result by the distance of the domes and of the mask surfaces, and both ways are compared with each other.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.accuracy.closeness import Breath, RealPair
from benchmarks.accuracy.dome_distance import AIR_HU, FAR_MM
from benchmarks.compare import run_contender
from benchmarks.contenders import Contender, Job, contenders, hepareg
from benchmarks.pairs import Pair
from benchmarks.peers.preparation import DILATION_MM, WINDOW_HU, prepare
from benchmarks.results import ACCURACY_RESULTS, ROOT, provenance, write_result
from benchmarks.tables import Row
from hepareg.io.json import read_json
from hepareg.transforms import RigidTransform

__all__ = ["RESULT", "TOOLS", "judged_hepareg", "link_pair", "main", "measure", "with_ways_apart"]

RESULT = ACCURACY_RESULTS / "real_pair.json"
PICTURES = ROOT / "docs" / "images"
PHASES = ("t5", "t0")
TOOLS = ("hepareg", "start", "antspy", "greedy", "elastix")
VERDICT = ("reasons", "expected_liver_p95_mm", "rigid_fit_error_mm", "left_by_rigid")
"""Entries of the verdict that a row of hepareg has beside decision and expected mean error."""
PICTURE_WIDTH = 1200
PICTURE_COLOURS = 128
MEASURED = ("process_s", "cpu_s", "peak_bytes", "load_average")
UNKNOWN: Row = dict.fromkeys(
    (
        *("masks", "reason", "version", "call_s", *MEASURED, "decision", "expected_tre_mm", *VERDICT, "t0_from_t5"),
        *("dome_of_t5", "dome_of_t0", "surfaces", "surfaces_without_cut_end_mm", "ways_apart_mm"),
    )
)
"""Entries of a row that stay None if they do not apply or the tool found no transform."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the two phases and their masks")
    parser.add_argument("-o", "--out", type=Path, default=RESULT, help="result file")
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".peers" / "bin" / "python")
    parser.add_argument(
        "--tools", nargs="+", default=TOOLS, help="keys of the contenders to run (default: %(default)s)"
    )
    parser.add_argument("--pictures", type=Path, default=PICTURES, help="folder for the pictures of hepareg with masks")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit-s", type=float, default=600.0, help="time limit of one run")
    arguments = parser.parse_args()
    known = {each.key: each for each in contenders(arguments.peers_python.absolute())}
    known["hepareg"] = judged_hepareg(arguments.pictures)
    chosen = [known[key] for key in arguments.tools]
    options = {"threads": arguments.threads, "limit_s": arguments.limit_s}
    settings = {**options, "window_hu": list(WINDOW_HU), "mask_dilation_mm": DILATION_MM}
    settings |= {"air_hu": AIR_HU, "far_mm": FAR_MM}
    rows = measure(arguments.data.absolute(), chosen, **options)
    write_result({"kind": "real_pair", **provenance(settings), "rows": rows}, arguments.out)


def measure(data: Path, chosen: list[Contender], *, threads: int, limit_s: float) -> list[Row]:
    """Return the rows of the poses that need no tool, and one for each tool, direction and choice of masks.

    hepareg is run with masks and without, every other tool with masks.
    """
    pair = RealPair(*(Breath.read(data / f"{name}.nii.gz", _liver(data, name)) for name in ("t0", "t5")))
    rows = [*_references(pair)]
    for contender in chosen:
        for masks in (True, False) if contender.key == "hepareg" else (True,):
            ways = []
            for fixed in PHASES:
                with tempfile.TemporaryDirectory() as folder:
                    linked = link_pair(data, Path(folder) / f"{fixed}_fixed", fixed=fixed)
                    prepared = prepare(linked, Path(folder) / "prepared", masks=masks)
                    found = _run(contender, Job(Pair(linked), prepared, masks, threads), limit_s)
                ways.append({**UNKNOWN, "fixed": fixed, **_placed(found, fixed, pair), **found})
                print(*(ways[-1][key] for key in ("tool", "masks", "fixed", "status", "process_s")), flush=True)
            rows += with_ways_apart(ways, pair)
    return rows


def link_pair(data: Path, folder: Path, *, fixed: str) -> Path:
    """Write the folder of a pair, with links to the phases, and return it; ``fixed`` is the fixed phase."""
    folder.mkdir(parents=True)
    moving = next(name for name in PHASES if name != fixed)
    for role, name in (("moving", moving), ("fixed", fixed)):
        (folder / f"{role}.nii.gz").symlink_to(data / f"{name}.nii.gz")
        (folder / f"{role}_liver.nii.gz").symlink_to(_liver(data, name))
    return folder


def with_ways_apart(ways: list[Row], pair: RealPair) -> list[Row]:
    """Return both rows of a tool with ``ways_apart_mm``, the mean distance of their poses over the liver of t5."""
    poses = [RigidTransform(row["t0_from_t5"]) for row in ways if row["t0_from_t5"] is not None]
    apart_mm = pair.apart_mm(*poses) if len(poses) == len(PHASES) else None
    return [row | {"ways_apart_mm": apart_mm} for row in ways]


def judged_hepareg(pictures: Path) -> Contender:
    """Return the command ``hepareg register`` with every output; it answers with the parts of its verdict.

    Its pictures of runs with masks are made smaller and written to the folder ``pictures``.
    """
    ours = hepareg(every_output=True)

    def answer(job: Job, exit_status: int) -> Row:
        verdict = read_json(job.folder / "out" / "result.json")["verdict"]
        if job.masks:
            _write_smaller(job.folder / "out" / "qa.png", pictures / f"real_pair_{job.pair.name}.png")
        return {**ours.answer(job, exit_status), **{key: verdict[key] for key in VERDICT}}

    return replace(ours, answer=answer)


def _references(pair: RealPair) -> Iterator[Row]:
    """Yield the rows of no transform at all, and of the poses at which nothing but one dome is closest."""
    poses = {"before": RigidTransform.identity(), **{f"dome_of_{name}": pair.closest_at_dome(name) for name in PHASES}}
    for name, pose in poses.items():
        yield {**UNKNOWN, "tool": name, "fixed": None, "status": "found", **_judge(pose, pair)}


def _run(contender: Contender, job: Job, limit_s: float) -> Row:
    answer, outcome = run_contender(contender, job, limit_s)
    measurements = {name: getattr(outcome, name) for name in MEASURED} if outcome else {}
    return {"tool": contender.key, "masks": job.masks, **measurements, **answer}


def _placed(row: Row, fixed: str, pair: RealPair) -> Row:
    """Take the matrix, moving_from_fixed, out of a row and return the row's entries on the pose, if there is one."""
    matrix: Any = row.pop("matrix", None)
    if matrix is None:
        return {}
    pose = RigidTransform(matrix)
    return _judge(pose if fixed == "t5" else pose.inverse(), pair)


def _judge(t0_from_t5: RigidTransform, pair: RealPair) -> Row:
    return {"t0_from_t5": t0_from_t5.matrix.tolist(), **pair.closeness(t0_from_t5)}


def _liver(data: Path, name: str) -> Path:
    return data / f"{name}_liver_approximate.nii.gz"


def _write_smaller(picture: Path, out: Path) -> None:
    """Write a picture with `PICTURE_WIDTH` and a palette of `PICTURE_COLOURS`."""
    from PIL import Image

    with Image.open(picture) as image:
        height = round(image.height * PICTURE_WIDTH / image.width)
        smaller = image.convert("RGB").resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    smaller.quantize(PICTURE_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    main()

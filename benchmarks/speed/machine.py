"""What the machine itself needs for a pair, whatever the program: inflate the files, touch the liver's voxels once.

Run as ``-m benchmarks.speed.machine PAIR ANSWER --task inflate|touch``: seconds on one core, the files being in
the system's cache. Inflation cannot be avoided for ``.nii.gz``, since the stream has no index; the liver's box is
what any masked measure has to look at.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pairs import Pair

REPEATS = 3


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pair", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("--task", choices=TASKS, required=True)
    arguments = parser.parse_args()
    work = TASKS[arguments.task](Pair(arguments.pair))
    arguments.answer.write_text(json.dumps({"call_s": [_seconds(work) for _ in range(REPEATS)]}))


def inflation(pair: Pair):
    """Return the work of inflating the pair's four files."""
    from isal import igzip

    packed = [pair.image(name).read_bytes() for name in ("moving", "fixed", "moving_liver", "fixed_liver")]
    return lambda: [igzip.decompress(data) for data in packed]


def touching(pair: Pair):
    """Return the work of reading every voxel of both livers' boxes once, stored as int16."""
    boxes = [_liver_box(pair, name) for name in ("moving", "fixed")]
    return lambda: [box.sum(dtype=np.int64) for box in boxes]


def _liver_box(pair: Pair, name: str) -> NDArray[np.int16]:
    import nibabel as nib

    from hepareg.geometry.boxes import bounding_box

    start, stop = bounding_box(np.asanyarray(nib.load(pair.image(f"{name}_liver")).dataobj) > 0)
    ranges = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    return np.ascontiguousarray(np.asanyarray(nib.load(pair.image(name)).dataobj)[ranges])


def _seconds(work) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


TASKS = {"inflate": inflation, "touch": touching}


if __name__ == "__main__":
    main()

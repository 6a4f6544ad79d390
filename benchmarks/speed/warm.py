"""Time the library call on volumes in memory, in a process that has called it before: ``-m benchmarks.speed.warm``."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

__all__ = ["arguments_of", "call_s", "read_operands"]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = arguments_of(parser)
    arguments.answer.write_text(json.dumps({"call_s": call_s(arguments)}))


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Add the options of a process that measures calls on one pair, and return the arguments."""
    parser.add_argument("pair", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("--masks", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def read_operands(pair: Path, *, masks: bool) -> dict[str, Any]:
    """Return the images of a pair, and its masks if wanted, by the names that ``hepareg.register`` gives them."""
    from hepareg.io.images import read_image

    files = {"moving": "moving", "fixed": "fixed"}
    if masks:
        files |= {"moving_mask": "moving_liver", "fixed_mask": "fixed_liver"}
    return {role: read_image(pair / f"{name}.nii.gz") for role, name in files.items()}


def call_s(arguments: argparse.Namespace) -> float:
    """Return the median seconds of the calls after a first one, which is not counted."""
    from statistics import median

    from hepareg.workflows.threads import spin_briefly

    spin_briefly()  # as the command does; before torch is imported
    import torch

    import hepareg

    torch.set_num_threads(arguments.threads)
    operands = read_operands(arguments.pair, masks=arguments.masks)
    seconds = []
    for _ in range(arguments.repeats + 1):
        begin = time.perf_counter()
        hepareg.register(**operands)
        seconds.append(time.perf_counter() - begin)
    return median(seconds[1:])


if __name__ == "__main__":
    main()

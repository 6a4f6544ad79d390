"""The library call in a warm process, on volumes in memory: ``-m benchmarks.speed.warm PAIR ANSWER``."""

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pair", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("--masks", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    seconds = call_seconds(
        arguments.pair,
        masks=arguments.masks,
        threads=arguments.threads,
        repeats=arguments.repeats,
        device=arguments.device,
    )
    arguments.answer.write_text(json.dumps({"call_s": seconds}))


def call_seconds(pair: Path, *, masks: bool, threads: int, repeats: int, device: str) -> list[float]:
    """Return the seconds of ``repeats`` calls after one that is not counted."""
    from hepareg.workflows.threads import spin_briefly

    spin_briefly()  # as the command does; before torch is imported
    import torch

    import hepareg
    from hepareg.io.images import read_image

    torch.set_num_threads(threads)
    roles = {"moving": "moving", "fixed": "fixed"}
    if masks:
        roles |= {"moving_mask": "moving_liver", "fixed_mask": "fixed_liver"}
    operands = {role: read_image(pair / f"{name}.nii.gz") for role, name in roles.items()}
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        hepareg.register(**operands, device=device)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


if __name__ == "__main__":
    main()

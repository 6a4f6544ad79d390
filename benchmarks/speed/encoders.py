"""Training throughput and peak memory of the two encoders, in one run: ``python -m benchmarks.speed.encoders``.

One step is what training does with one pair: predict, warp, compare by MIND inside a mask, differentiate, update.
Seconds of the CPU are counted beside those of the wall, which other programs on the machine lengthen.
Each encoder runs in a process of its own, so that peaks do not add up; on CUDA the peak is what torch allocated,
on the CPU it is the process's peak less what it held before the network was made. Writes
``benchmarks/results/training/encoders.json`` with the ratio of the two.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.results import RESULTS, provenance
from hepareg.workflows.atomic import atomic_file

ENCODERS = ("published", "efficient")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "training" / "encoders.json")
    parser.add_argument("--shape", type=int, nargs=3, default=[64, 64, 64], help="voxels of the region")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=ENCODERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps(measure(arguments.only, arguments)))
        return
    shape, device, repeats = arguments.shape, arguments.device, arguments.repeats
    rows = [training_row(name, shape=shape, device=device, repeats=repeats) for name in ENCODERS]
    published, efficient = rows
    settings = {"shape": arguments.shape, "device": arguments.device, "repeats": arguments.repeats, "batch": 1}
    ratio = {key: efficient[key] / published[key] for key in ("pairs_per_s", "pairs_per_cpu_s", "peak_bytes")}
    result = {"kind": "encoders", **provenance(settings), "rows": rows, "efficient_over_published": ratio}
    with atomic_file(arguments.out, overwrite=True) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"rows": rows, "efficient_over_published": ratio}, indent=1))


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return seconds of every step, pairs per second and peak memory of one encoder."""
    import torch

    from hepareg.networks import RegistrationNet, RegistrationNetSettings
    from hepareg.networks.settings import ENCODERS as SETTINGS
    from hepareg.similarity import MIND

    device, shape = torch.device(arguments.device), tuple(arguments.shape)
    torch.manual_seed(0)
    moving, fixed = torch.rand(2, 1, 1, *shape, device=device).unbind(0)
    mask = torch.zeros_like(fixed)
    mask[(..., *(slice(n // 4, n - n // 4) for n in shape))] = 1  # a liver's share of its region
    places = torch.diag(torch.tensor([3.0, 3.0, 3.0, 1.0], dtype=torch.float64, device=device))[None]
    held = _peak_bytes()
    net = RegistrationNet(RegistrationNetSettings(encoder=SETTINGS[name]())).to(device)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4)
    loss = MIND(recompute=True)
    steps = [_step(net, optimiser, loss, moving, fixed, mask, places) for _ in range(arguments.repeats + 1)][1:]
    seconds, cpu_seconds = zip(*steps, strict=True)
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else _peak_bytes() - held
    return {
        "encoder": name, "step_s": seconds, "step_cpu_s": cpu_seconds, "pairs_per_s": 1 / median(seconds),
        "pairs_per_cpu_s": 1 / median(cpu_seconds), "peak_bytes": peak,
    }  # fmt: skip


def _step(net: Any, optimiser: Any, loss: Any, moving: Any, fixed: Any, mask: Any, places: Any) -> tuple[float, float]:
    import torch

    from hepareg.transforms.warp import warp

    begin, cpu_begin = time.perf_counter(), time.process_time()
    with torch.autocast(fixed.device.type, dtype=torch.bfloat16, enabled=fixed.device.type == "cuda"):
        predicted = net(moving, fixed, places).predicted
        warped = warp(
            moving,
            moving_world_from_voxel=places,
            fixed_world_from_voxel=places,
            fixed_shape=fixed.shape[2:],
            moving_from_fixed=predicted,
        ).image
        value = loss(fixed, warped, mask, spacing_mm=(3.0, 3.0, 3.0)).mean()
    optimiser.zero_grad()
    value.backward()
    optimiser.step()
    if fixed.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin, time.process_time() - cpu_begin


def training_row(name: str, *, shape: Sequence[int], device: str, repeats: int) -> dict[str, Any]:
    """Return what `measure` finds in a process of its own, and the shape."""
    command = [sys.executable, "-m", "benchmarks.speed.encoders", "--only", name, "--shape", *map(str, shape)]
    command += ["--device", device, "--repeats", str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"shape": list(shape), **json.loads(done.stdout.splitlines()[-1])}


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()

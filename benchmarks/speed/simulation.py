"""Speed and memory of the simulation: ``python -m benchmarks.speed.simulation``.

Whole `hepareg simulate` processes at the two sizes that are promised, files included; then training pairs made in torch
at 96 x 96 x 96. Writes ``benchmarks/results/accuracy/simulation_speed.json`` beside what was promised.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.accuracy import ACCURACY_RESULTS
from benchmarks.results import provenance
from hepareg.workflows.atomic import atomic_file

PROMISED = {"256x256x160": {"seconds": 5.0}, "512x512x300": {"seconds": 60.0, "peak_bytes": 4 * 2**30}}
SPACING_MM = {"256x256x160": "1.5 1.5 1.5", "512x512x300": "0.8 0.8 1.0"}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=ACCURACY_RESULTS / "simulation_speed.json")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where training pairs are made")
    parser.add_argument("--batch", type=int, default=4)
    arguments = parser.parse_args()
    rows = [{**_process(size), "promised": PROMISED[size]} for size in PROMISED for _ in range(arguments.repeats)]
    pairs = device_pairs(arguments.device, arguments.batch)
    settings = {"repeats": arguments.repeats, "device": arguments.device, "batch": arguments.batch}
    result = {"kind": "simulation_speed", **provenance(settings), "rows": rows, "device_pairs": pairs}
    with atomic_file(arguments.out, overwrite=True) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"rows": rows, "device_pairs": pairs}, indent=1))


def _process(size: str) -> dict[str, Any]:
    """Return seconds, processor seconds and peak memory of a process that simulates a pair and writes it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hepareg", "simulate", "-o", str(Path(folder) / "pair"), "--size"]
        command += [*size.split("x"), "--spacing-mm", *SPACING_MM[size].split()]
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
    if status != 0:
        raise SystemExit(f"hepareg simulate at {size} ended with status {status}")
    cpu_s = used.ru_utime + used.ru_stime
    return {"size": size, "seconds": seconds, "cpu_s": cpu_s, "peak_bytes": used.ru_maxrss * 1024}


def device_pairs(device: str, batch: int) -> dict[str, Any]:
    """Return the seconds of batches of training pairs made in torch."""
    import numpy as np
    import torch

    from hepareg.simulation.pairs.anatomy_bank import make_bank
    from hepareg.simulation.pairs.device_pairs import DevicePairSettings, simulate_on_device

    bank = make_bank(number=2, seed=0, size=96, spacing_mm=3.0, device=device)
    rng, seconds = np.random.default_rng(0), []
    for _ in range(4):
        begin = time.perf_counter()
        simulate_on_device(bank, batch_size=batch, settings=DevicePairSettings(), rng=rng)
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return {"size": "96x96x96", "batch": batch, "batch_s": seconds, "pairs_per_minute": 60 * batch / min(seconds[1:])}


if __name__ == "__main__":
    main()

"""Measure registrations on a GPU: ``python -m benchmarks.speed.gpu``; writes ``benchmarks/results/gpu/gpu.json``.

Measured are warm registrations of one pair, volumes on the device and in the host's memory, beside the processor of the
same machine, and a pool on batches of 32 pairs. Workers share the GPU at once if NVIDIA's multi-process service runs
and ``CUDA_MPS_PIPE_DIRECTORY`` is set; otherwise they take turns. The service may slow a single process down: measure
``--parts registration`` without it, then ``--parts batches --add`` with it.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.pairs import Answer, Case
from benchmarks.results import RESULTS, provenance
from benchmarks.speed.volumes import STANDARD
from hepareg import RegistrationPool
from hepareg.io.json import read_json, write_json
from hepareg.registration import RegistrationResult, register
from hepareg.simulation import simulate_pair
from hepareg.voxel_tensor import voxel_tensor

ANATOMIES = 4
PARTS = ("registration", "batches")
Operands = dict[str, Any]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "gpu" / "gpu.json")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--add", action="store_true", help="keep the other part of --out")
    arguments = parser.parse_args()
    settings = {"repeats": arguments.repeats, "batch": arguments.batch, "anatomies": ANATOMIES}
    result = {"kind": "gpu", **provenance(settings), **{part: [] for part in PARTS}}
    if arguments.add:
        result |= {part: rows for part, rows in read_json(arguments.out).items() if part in PARTS}
    result |= {part: [] for part in arguments.parts}
    with ProcessPoolExecutor(ANATOMIES, get_context("spawn")) as makers:
        cases = list(makers.map(_case, range(1, ANATOMIES + 1)))
    rows = {
        "registration": lambda: _registrations(cases[0], repeats=arguments.repeats),
        "batches": lambda: _batches(cases, size=arguments.batch, workers=arguments.workers),
    }
    for part in arguments.parts:
        for row in rows[part]():
            result[part].append({**row, "mps": "CUDA_MPS_PIPE_DIRECTORY" in os.environ})
            write_json(arguments.out, result)  # after each row, so that a stopped run loses nothing
            print(part, row, flush=True)
        torch.cuda.empty_cache()


def _case(seed: int) -> tuple[Operands, Answer]:
    """Return the operands of a registration in the memory order of a NIfTI file, and the answer."""
    made = Case.of(simulate_pair(settings=STANDARD, seed=seed))
    images = made.operands((True, True))
    return {k: v.with_data(np.asfortranarray(v.data)) for k, v in images.items()}, made.answer


def _on_cuda(operands: Operands) -> Operands:
    return {k: (voxel_tensor(v.data).to("cuda"), v.grid.world_from_voxel) for k, v in operands.items()}


def _registrations(case: tuple[Operands, Answer], *, repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each place of the volumes and of the work, with the distance from the processor's result."""
    operands, answer = case
    reference = replace(answer, truth=register(**operands).transform)
    kinds = {"cuda": (_on_cuda(operands), "cuda"), "host": (operands, "cuda"), "cpu": (operands, "cpu")}
    for volumes, (given, device) in kinds.items():
        register(**given, device=device)
        number = repeats if device == "cuda" else 5
        found, seconds = _timed(lambda g=given, d=device: register(**g, device=d), number)
        yield {
            "volumes": volumes, "device": device, "call_s": seconds, "median_s": median(seconds),
            "tre_mm": _tre_mm(found, answer), "from_cpu_mm": _tre_mm(found, reference),
        }  # fmt: skip


def _batches(cases: list[tuple[Operands, Answer]], *, size: int, workers: list[int]) -> Iterator[dict[str, Any]]:
    """Yield a row for each number of workers."""
    batch = [_on_cuda(cases[n % ANATOMIES][0]) for n in range(size)]
    for number in workers:
        with RegistrationPool(workers=number, device="cuda") as pool:
            pool.register(batch)
            found, seconds = _timed(lambda p=pool: p.register(batch), 3)
        errors = [_tre_mm(result, cases[n % ANATOMIES][1]) for n, result in enumerate(found)]
        rate = size / median(seconds)
        yield {"workers": number, "batch_s": seconds, "pairs_per_s": rate, "worst_tre_mm": max(errors)}


def _timed(call: Callable[[], Any], repeats: int) -> tuple[Any, list[float]]:
    """Return the last result of a call and the seconds of each, until the device has done all its work."""
    seconds = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        result = call()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return result, seconds


def _tre_mm(result: RegistrationResult, answer: Answer) -> float:
    return answer.errors(result.transform)["liver_tre_mean_mm"]


if __name__ == "__main__":
    main()

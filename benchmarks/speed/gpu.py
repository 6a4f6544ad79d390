"""What a GPU gives: ``python -m benchmarks.speed.gpu``; writes ``benchmarks/results/gpu/gpu.json``.

Warm registrations of one pair, volumes on the device and in the host's memory, beside the processor of the same
machine; a pool on batches of 32 pairs; training steps of both encoders with their peak memory, up to a region of
200 x 512 x 512 voxels; training pairs made on the device. Workers share the GPU at once where NVIDIA's
multi-process service runs and ``CUDA_MPS_PIPE_DIRECTORY`` is set; else they take turns. The service may make
one process alone slower: measure ``--parts registration`` without it, then the others with it and ``--add``.
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.results import RESULTS, provenance
from benchmarks.speed.encoders import training_row
from benchmarks.speed.simulation import device_pairs
from benchmarks.speed.volumes import MOTION
from hepareg import RegistrationPool, RigidTransform, register
from hepareg.io.json import read_json, write_json
from hepareg.simulation import AcquisitionSettings, PairSettings, simulate_pair
from hepareg.voxel_tensor import voxel_tensor

FIXED = AcquisitionSettings(shape=(512, 512, 119), spacing_mm=(0.75, 0.75, 2.0))
MOVING = AcquisitionSettings(shape=(476, 476, 153), spacing_mm=(0.75, 0.75, 1.5))
ANATOMIES = 4
TRAINING = (("published", (96, 96, 96)), ("efficient", (96, 96, 96)), ("published", (100, 200, 200)),
            ("efficient", (200, 512, 512)))  # fmt: skip
PARTS = ("registration", "batches", "training", "simulation")
Operands = dict[str, Any]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=RESULTS / "gpu" / "gpu.json")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--workers", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--add", action="store_true", help="keep what --out holds of other parts")
    arguments = parser.parse_args()
    settings = {"repeats": arguments.repeats, "batch": arguments.batch, "anatomies": ANATOMIES}
    result = {"kind": "gpu", **provenance(settings), **{part: [] for part in PARTS}}
    if arguments.add:
        result |= {part: rows for part, rows in read_json(arguments.out).items() if part in PARTS}
    result |= {part: [] for part in arguments.parts}
    with ProcessPoolExecutor(ANATOMIES, get_context("spawn")) as makers:
        cases = list(makers.map(_case, range(1, ANATOMIES + 1)))
    rows = {
        "registration": lambda: _registrations(*cases[0], repeats=arguments.repeats),
        "batches": lambda: _batches(cases, size=arguments.batch, workers=arguments.workers),
        "training": lambda: (
            training_row(encoder, shape=shape, device="cuda", repeats=3) for encoder, shape in TRAINING
        ),
        "simulation": lambda: [device_pairs("cuda", 32)],
    }
    for part in arguments.parts:
        for row in rows[part]():
            _keep(result, part, row, arguments.out)
        torch.cuda.empty_cache()


def _keep(result: dict[str, Any], kind: str, row: dict[str, Any], path: Path) -> None:
    """Add a row and write the file, so that an end before its time loses nothing."""
    result[kind].append({**row, "mps": "CUDA_MPS_PIPE_DIRECTORY" in os.environ})
    write_json(path, result)
    print(kind, row, flush=True)


def _case(seed: int) -> tuple[Operands, Any, Any]:
    """Return the arguments of a registration in the memory order of a NIfTI file, the truth and points of the liver."""
    pair = simulate_pair(settings=PairSettings(motion=MOTION, fixed=FIXED, moving=MOVING), seed=seed)
    volumes = {"moving": pair.moving, "fixed": pair.fixed, "moving_mask": pair.moving_liver,
               "fixed_mask": pair.fixed_liver}  # fmt: skip
    points = pair.fixed_liver.grid.world_points(4 * np.argwhere(pair.fixed_liver.data[::4, ::4, ::4]))
    return {k: v.with_data(np.asfortranarray(v.data)) for k, v in volumes.items()}, pair.truth, points


def _on_cuda(operands: Operands) -> Operands:
    return {k: (voxel_tensor(v.data).to("cuda"), v.grid.world_from_voxel) for k, v in operands.items()}


def _registrations(operands: Operands, truth: RigidTransform, points: Any, *, repeats: int) -> Any:
    """Yield a row for each place of volumes and work; the distance is that from the processor's own result."""
    reference = register(**operands).transform
    kinds = {"cuda": (_on_cuda(operands), "cuda"), "host": (operands, "cuda"), "cpu": (operands, "cpu")}
    for volumes, (given, device) in kinds.items():
        register(**given, device=device)
        seconds = []
        for _ in range(repeats if device == "cuda" else 5):
            torch.cuda.synchronize()
            begin = time.perf_counter()
            found = register(**given, device=device)
            torch.cuda.synchronize()
            seconds.append(time.perf_counter() - begin)
        yield {
            "volumes": volumes,
            "device": device,
            "call_s": seconds,
            "median_s": median(seconds),
            "stages_s": dict(found.timings_s),
            "tre_mm": _distance(found.transform, truth, points),
            "from_cpu_mm": _distance(found.transform, reference, points),
            "decision": found.verdict.decision.value,
        }


def _batches(cases: list[tuple[Operands, Any, Any]], *, size: int, workers: list[int]) -> Any:
    """Yield a row for each number of workers."""
    pairs = [_on_cuda(cases[n % ANATOMIES][0]) for n in range(size)]
    for number in workers:
        yield _batch(pairs, cases, number)


def _batch(pairs: list[Operands], cases: list[tuple[Operands, Any, Any]], workers: int) -> dict[str, Any]:
    with RegistrationPool(workers=workers, device="cuda") as pool:
        pool.register(pairs)
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            found = pool.register(pairs)
            seconds.append(time.perf_counter() - begin)
    errors = [_distance(r.transform, *cases[n % len(cases)][1:]) for n, r in enumerate(found)]
    return {
        "workers": workers,
        "batch_s": seconds,
        "pairs_per_s": len(pairs) / median(seconds),
        "worst_tre_mm": max(errors),
        "accepted": sum(r.verdict.decision.value == "accept" for r in found),
    }


def _distance(transform: RigidTransform, other: RigidTransform, points: Any) -> float:
    return float(np.linalg.norm(transform.apply(points) - other.apply(points), axis=1).mean())


if __name__ == "__main__":
    main()

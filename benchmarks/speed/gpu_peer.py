"""FireANTs and hepareg on the same pairs and the same card: ``python -m benchmarks.speed.gpu_peer -o FILE``.

The pairs are those of `benchmarks.speed.gpu`. FireANTs gets them as every peer does (window, dilated masks and
mask-centroid start of `benchmarks.peers.preparation`), hepareg as they are; both have the images on the device when
their time starts. ``cold_s`` is the first call on a pair; that of the first pair is also the first of the process.
The memory is the most that torch allocated, the images among it.
What is written is the part ``fireants`` of ``benchmarks/results/gpu/gpu.json``; ``--into`` puts it there.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers import fireants
from benchmarks.peers.inputs import Inputs
from benchmarks.peers.preparation import prepare
from benchmarks.results import provenance
from benchmarks.speed import gpu
from hepareg import RigidTransform, register
from hepareg.io.json import read_json, write_json
from hepareg.io.nifti import write_nifti

FILES = {"moving": "moving", "fixed": "fixed", "moving_mask": "moving_liver", "fixed_mask": "fixed_liver"}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True, help="file for the numbers")
    parser.add_argument("--into", type=Path, help="result of benchmarks.speed.gpu that takes in --out's numbers")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--repeats", type=int, default=2, help="warm calls of each")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing after so long")
    parser.add_argument("--device", default="cuda", help="cpu tries the program, and is no measurement")
    arguments = parser.parse_args()
    if arguments.into:
        write_json(arguments.into, {**read_json(arguments.into), "fireants": read_json(arguments.out)})
        return
    begin = time.perf_counter()
    reason = fireants.missing() if arguments.device == "cuda" else None
    if reason:
        parser.exit(1, f"FireANTs cannot be measured: {reason}\n")
    result = {**provenance({"repeats": arguments.repeats}), "version": fireants.version(), "rows": []}
    folder = tempfile.TemporaryDirectory()
    with folder, ProcessPoolExecutor(len(arguments.seeds), get_context("spawn")) as makers:
        make = partial(made, Path(folder.name))
        for seed, case in zip(arguments.seeds, makers.map(make, arguments.seeds), strict=True):
            for row in rows(seed, case, repeats=arguments.repeats, device=arguments.device):
                result["rows"].append(row)
                write_json(arguments.out, result)
                spent = time.perf_counter() - begin
                print(f"{spent:.1f} s", row, flush=True)
                if spent > arguments.seconds:
                    return


def made(parent: Path, seed: int) -> tuple[dict[str, Any], RigidTransform, Any, Path]:
    """Return a case of `benchmarks.speed.gpu` and a folder with the peers' inputs."""
    operands, truth, points = gpu._case(seed)
    folder = parent / str(seed)
    folder.mkdir()
    for name, file in FILES.items():
        write_nifti(folder / f"{file}.nii.gz", operands[name])
    return operands, truth, points, prepare(folder, folder / "prepared", masks=True)


def rows(seed: int, case: tuple[dict[str, Any], RigidTransform, Any, Path], *, repeats: int, device: str) -> Iterator:
    """Yield a row for each program, with masks and without."""
    operands, truth, points, prepared = case
    for masks in (True, False):
        for tool, program in (("fireants", _fireants), ("hepareg", _hepareg)):
            row = {"tool": tool, "seed": seed, "masks": masks, "status": "found", "reason": None}
            made_ready = partial(program, prepared if tool == "fireants" else operands, masks, device)
            try:
                row |= _measured(made_ready, truth, points, repeats=repeats, device=device)
            except (RuntimeError, ValueError) as error:  # torch's out-of-memory error is a RuntimeError
                row |= {"status": "failed", "reason": str(error).splitlines()[0]}
            yield row


def _measured(
    made_ready: Callable[[], Callable], truth: RigidTransform, points: Any, *, repeats: int, device: str
) -> dict[str, Any]:
    """Return cold and warm seconds, the most that torch allocated, and the error of the last call."""
    on_cuda = device == "cuda"
    if on_cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    call = made_ready()
    found = [call() for _ in range(repeats + 1)]
    return {
        "cold_s": found[0][1],
        "warm_s": [seconds for _, seconds in found[1:]],
        "peak_bytes": torch.cuda.max_memory_allocated() if on_cuda else None,
        "tre_mm": gpu._distance(found[-1][0], truth, points),
    }


def _fireants(prepared: Path, masks: bool, device: str) -> Callable[[], tuple[RigidTransform, float]]:
    inputs = Inputs.read(prepared, scratch=prepared, threads=len(os.sched_getaffinity(0)))
    if not masks:
        inputs = replace(inputs, fixed_mask=None, moving_mask=None, start=None)
    images = fireants.read(inputs, device=device)

    def call() -> tuple[RigidTransform, float]:
        found = fireants.register(inputs, *images, device=device)
        return found.transform, found.call_s

    return call


def _hepareg(operands: dict[str, Any], masks: bool, device: str) -> Callable[[], tuple[RigidTransform, float]]:
    given = {name: volume for name, volume in operands.items() if masks or not name.endswith("mask")}
    on_device = gpu._on_cuda(given) if device == "cuda" else given

    def call() -> tuple[RigidTransform, float]:
        if device == "cuda":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        found = register(**on_device, device=device)
        if device == "cuda":
            torch.cuda.synchronize()
        return found.transform, time.perf_counter() - begin

    return call


if __name__ == "__main__":
    main()

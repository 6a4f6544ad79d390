"""Result files: the numbers of a benchmark with its command, machine and versions; checked against a schema."""

import json
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hepareg.workflows.atomic import atomic_file

__all__ = ["ACCURACY_RESULTS", "RESULTS", "ROOT", "SCHEMA", "installed", "provenance", "write_result"]

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
ACCURACY_RESULTS = RESULTS / "accuracy"
SCHEMA = Path(__file__).parent / "result_schema.json"
PACKAGES = ("hepareg", "torch", "numpy", "scipy", "nibabel", "SimpleITK", "isal")


def provenance(settings: dict[str, Any]) -> dict[str, Any]:
    """Return commit, settings, device and versions of this run; nothing that names the machine or its user."""
    return {"commit": _commit(), "settings": settings, "device": _device(), "versions": _versions()}


def write_result(result: dict[str, Any], path: Path) -> None:
    """Write a result file, whole or not at all.

    Raises
    ------
    jsonschema.ValidationError
        If the result does not fit the schema.
    """
    import jsonschema

    jsonschema.validate(result, json.loads(SCHEMA.read_text()))
    with atomic_file(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "src", "benchmarks/*.py", "benchmarks/**/*.py")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _device() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "gpu": _gpu(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _gpu() -> str | None:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() or None
    except (OSError, subprocess.CalledProcessError):
        return None


def _versions() -> dict[str, str]:
    missing = {"hepareg": "source tree"}
    found = {name.lower(): installed(name) or missing.get(name, "absent") for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def installed(distribution: str) -> str | None:
    """Return the version of a Python package, or None if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None

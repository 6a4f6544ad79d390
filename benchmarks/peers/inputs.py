"""The inputs and the result of an adapter."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.rigidify import rigid_part

__all__ = ["LPS_FROM_RAS", "Found", "Inputs", "package", "rigid"]

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Also RAS from LPS; ITK, ANTs and elastix work in LPS."""


@dataclass(frozen=True)
class Inputs:
    """One pair as files, prepared alike for every peer.

    Parameters
    ----------
    moving, fixed
        Images with HU clamped to [-150, 250].
    fixed_mask, moving_mask
        Liver masks, dilated by 5 mm, or None in runs without masks. The moving one is for tools that cannot use
        the fixed one alone.
    start
        Shift that joins the masks' centroids; None in runs without masks, in which each tool chooses its own start.
    centre_mm
        Point about which a rounded matrix is made rigid: the fixed mask's centroid, without masks the origin.
    scratch
        Empty folder for the tool's own files.
    threads
        Number of threads that the tool may use.
    """

    moving: Path
    fixed: Path
    fixed_mask: Path | None
    moving_mask: Path | None
    start: RigidTransform | None
    centre_mm: tuple[float, float, float]
    scratch: Path
    threads: int

    @classmethod
    def read(cls, prepared: Path, *, scratch: Path, threads: int) -> "Inputs":
        """Read a folder that `benchmarks.peers.preparation.prepare` wrote."""
        start = json.loads((prepared / "start.json").read_text())
        fixed_mask, moving_mask = (prepared / f"{name}_mask.nii.gz" if start else None for name in ("fixed", "moving"))
        return cls(
            moving=prepared / "moving.nii.gz",
            fixed=prepared / "fixed.nii.gz",
            fixed_mask=fixed_mask,
            moving_mask=moving_mask,
            start=RigidTransform.from_vectors(np.zeros(3), start["translation_mm"]) if start else None,
            centre_mm=start["centre_mm"] if start else (0.0, 0.0, 0.0),
            scratch=scratch,
            threads=threads,
        )


@dataclass(frozen=True)
class Found:
    """Result of a tool on one pair.

    Parameters
    ----------
    transform
        moving_from_fixed, RAS mm.
    call_s
        Seconds of the registration call alone, images in memory if the tool can take them from there.
    """

    transform: RigidTransform
    call_s: float


def package(distribution: str, *, module: str) -> tuple[Callable[[], str | None], Callable[[], str]]:
    """Return an adapter's functions ``missing`` and ``version`` for a tool that is a Python package."""

    def missing() -> str | None:
        return None if find_spec(module) else f"not installed: {distribution}"

    return missing, lambda: version(distribution)


def rigid(matrix: ArrayLike, *, centre_mm: ArrayLike = (0.0, 0.0, 0.0)) -> RigidTransform:
    """Return the rigid part of a tool's rounded (4, 4) matrix, computed as ``hepareg rigidify`` does."""
    return rigid_part(AffineTransform(np.asarray(matrix, dtype=np.float64)), centre_mm=centre_mm)

"""What an adapter is given and what it returns."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.geometry.rotations import homogeneous
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.rigidify import rigid_part

__all__ = ["LPS_FROM_RAS", "Found", "Inputs", "Start", "rigid"]

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Also RAS from LPS; ITK, ANTs and elastix work in LPS."""


@dataclass(frozen=True)
class Start:
    """Translation of the mask-centroid start: fixed centroid + translation = moving centroid, RAS mm."""

    translation_mm: tuple[float, float, float]
    centre_mm: tuple[float, float, float]

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(4, 4) moving_from_fixed, RAS mm."""
        return homogeneous(np.eye(3), self.translation_mm)


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
        Mask-centroid start, or None in runs without masks: then each tool starts as it does by itself.
    scratch
        Empty folder for the tool's own files.
    threads
        Number of threads that the tool may use.
    """

    moving: Path
    fixed: Path
    fixed_mask: Path | None
    moving_mask: Path | None
    start: Start | None
    scratch: Path
    threads: int

    @property
    def centre_mm(self) -> tuple[float, float, float]:
        """Point about which a rounded matrix is made rigid: the fixed mask's centroid, without masks the origin."""
        return self.start.centre_mm if self.start else (0.0, 0.0, 0.0)

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
            start=Start(**start) if start else None,
            scratch=scratch,
            threads=threads,
        )


@dataclass(frozen=True)
class Found:
    """What a tool found.

    Parameters
    ----------
    transform
        moving_from_fixed, RAS mm.
    call_s
        Seconds of the registration call alone, images in memory where the tool takes them so.
    """

    transform: RigidTransform
    call_s: float


def rigid(matrix: ArrayLike, *, centre_mm: ArrayLike = (0.0, 0.0, 0.0)) -> RigidTransform:
    """Return the rigid part of a tool's rounded (4, 4) matrix, as ``hepareg rigidify`` takes it."""
    return rigid_part(AffineTransform(np.asarray(matrix, dtype=np.float64)), centre_mm=centre_mm)

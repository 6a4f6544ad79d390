"""The inputs of an adapter."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hepareg.clock import Clock
from hepareg.transforms import RigidTransform

__all__ = ["Inputs"]


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
    clock
        Takes the seconds of the registration call alone, images in memory if the tool takes them so.
    """

    moving: Path
    fixed: Path
    fixed_mask: Path | None
    moving_mask: Path | None
    start: RigidTransform | None
    centre_mm: tuple[float, float, float]
    scratch: Path
    threads: int
    clock: Clock = field(default_factory=Clock)

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

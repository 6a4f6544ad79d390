"""Smooth implicit shapes: functions on a coarse grid, negative inside the shape, painted onto a fine grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.simulation.interpolation import resample_axes

__all__ = ["DesignGrid", "ellipsoid", "smooth_maximum", "smooth_minimum", "smooth_noise", "tube"]

Field = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class DesignGrid:
    """A coarse grid on which implicit shapes are computed, and the fine grid that the shapes are painted on.

    Parameters
    ----------
    grid
        Fine grid, its axes parallel to the world's.
    spacing_mm
        Spacing of the coarse grid.
    """

    grid: Grid
    spacing_mm: float = 3.0

    @property
    def positions(self) -> tuple[NDArray[np.floating], ...]:
        """Positions of the fine voxels in coarse voxels, one array for each axis."""
        return tuple(
            np.arange(n) * s / self.spacing_mm for n, s in zip(self.grid.shape, self.grid.spacing_mm, strict=True)
        )

    @property
    def axes(self) -> tuple[Field, Field, Field]:
        """Body coordinates x, y, z of the coarse voxels, mm from the middle of the grid, shaped for broadcasting."""
        half = (np.array(self.grid.shape) - 1) * self.grid.spacing_mm / 2
        counts = np.ceil(2 * half / self.spacing_mm).astype(int) + 1
        x, y, z = ((np.arange(n) * self.spacing_mm - h).astype(np.float32) for n, h in zip(counts, half, strict=True))
        return x[:, None, None], y[None, :, None], z[None, None, :]

    def fine(self, field: Field) -> Field:
        """Return a coarse field interpolated on the whole fine grid."""
        return resample_axes(np.ascontiguousarray(field), self.positions)

    def paint(self, labels: NDArray[np.uint8], field: Field, label: int) -> None:
        """Write ``label`` into the fine voxels where the interpolated field is negative."""
        near = np.argwhere(field < 0)
        if len(near) == 0:
            return
        block, where = [], []
        for axis in range(3):
            at = self.positions[axis]
            chosen = np.flatnonzero((at > near[:, axis].min() - 1) & (at < near[:, axis].max() + 1))
            if len(chosen) == 0:  # a shape that fits between two fine voxels
                return
            block.append(slice(int(chosen[0]), int(chosen[-1]) + 1))
            where.append(at[chosen])
        labels[tuple(block)][resample_axes(np.ascontiguousarray(field), where) < 0] = label


def ellipsoid(axes: Sequence[Field], centre: ArrayLike, radii: ArrayLike, *, power: float = 2.0) -> Field:
    """Return the implicit function of a superellipsoid, about the distance to its surface in mm near the surface.

    It is (rho - 1) times the mean radius, with rho = (sum |(x - centre) / radius|^power)^(1 / power).
    """
    terms = [np.abs((a - c) / r) ** power for a, c, r in zip(axes, np.asarray(centre), np.asarray(radii), strict=True)]
    rho = (terms[0] + terms[1] + terms[2]) ** np.float32(1 / power)
    return ((rho - 1) * np.float32(np.asarray(radii, dtype=np.float64).mean())).astype(np.float32)


def tube(axes: Sequence[Field], path: Sequence[tuple[float, float, float]], radii: Sequence[float]) -> Field:
    """Return the horizontal distance in mm to an upright tube, negative inside.

    ``path`` and ``radii`` give centre (x, y, z) and radius at rising heights z, linear in between.
    """
    x, y, z = axes
    nodes = np.array(path)
    cx, cy, r = (np.interp(z, nodes[:, 2], v).astype(np.float32) for v in (nodes[:, 0], nodes[:, 1], np.array(radii)))
    return (np.hypot(x - cx, y - cy) - r).astype(np.float32)


def smooth_minimum(a: Field, b: Field, width: float) -> Field:
    """Return the union of two shapes, rounded where they meet."""
    h = np.clip(0.5 + 0.5 * (b - a) / width, 0, 1)
    return b + (a - b) * h - width * h * (1 - h)


def smooth_maximum(a: Field, b: Field, width: float) -> Field:
    """Return the intersection of two shapes, rounded where they meet."""
    return -smooth_minimum(-a, -b, width)


def smooth_noise(shape: tuple[int, ...], *, scale_vox: ArrayLike, rng: Generator) -> Field:
    """Return a smooth random field of unit standard deviation that varies over about two ``scale_vox`` voxels."""
    scales = np.maximum(np.broadcast_to(np.asarray(scale_vox, dtype=np.float64), 3), 1.0)
    coarse = [max(4, int(np.ceil(n / scale)) + 3) for n, scale in zip(shape, scales, strict=True)]
    values = ndimage.gaussian_filter(rng.standard_normal(coarse).astype(np.float32), 0.8)
    noise = resample_axes(values, [1 + np.arange(n) / scale for n, scale in zip(shape, scales, strict=True)])
    return (noise / noise.std()).astype(np.float32)

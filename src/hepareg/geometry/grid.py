"""A voxel grid placed in the world."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import Matrix, Points
from hepareg.errors import ImageError
from hepareg.geometry.rotations import IDENTITY

__all__ = ["FARTHEST_MM", "Grid", "apply_matrix"]

FARTHEST_MM = 1e9
"""A thousand kilometres: more is no place, and its square loses the digits of a spacing."""


def apply_matrix(matrix: ArrayLike, points: ArrayLike) -> Points:
    """Map (..., 3) points by a (4, 4) homogeneous matrix."""
    M = np.asarray(matrix, dtype=np.float64)
    return np.asarray(points, dtype=np.float64) @ M[:3, :3].T + M[:3, 3]


def _read_only(array: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the array itself, made read-only so that it can be cached."""
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape of a voxel array and the matrix that places its voxel centres in the world.

    Parameters
    ----------
    shape
        Number of voxels (I, J, K).
    world_from_voxel
        (4, 4) float64; maps zero-based voxel centres (i, j, k) to world RAS+ mm. The first three
        columns may be oblique and of either handedness, but have to be orthogonal to 1e-3 (a
        sheared grid, as from a tilted gantry, is an error) and not singular.

    Raises
    ------
    ImageError
        If the matrix is singular, sheared or not finite, or the shape is not three positive numbers.
    """

    shape: tuple[int, int, int]
    world_from_voxel: Matrix

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise ImageError(f"expected a 3-D grid, got shape {tuple(self.shape)}")
        matrix = np.array(self.world_from_voxel, dtype=np.float64)
        if matrix.shape != (4, 4) or not (np.abs(matrix) < FARTHEST_MM).all():
            raise ImageError("expected a finite 4x4 world_from_voxel matrix; the header's geometry is unusable")
        spacing = np.sqrt(np.square(matrix[:3, :3]).sum(axis=0))
        directions = matrix[:3, :3] / np.maximum(spacing, 1e-6)
        if np.abs(directions.T @ directions - IDENTITY).max() > 1e-3:
            if (spacing <= 1e-6).any() or abs(np.linalg.det(directions)) < 1e-6:
                raise ImageError(
                    "expected an invertible world_from_voxel matrix, got a singular one; repair the header"
                )
            raise ImageError(
                "expected orthogonal voxel axes, got a sheared grid (gantry tilt?): "
                "resample the image onto an orthogonal grid first"
            )
        matrix.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "world_from_voxel", matrix)

    @cached_property
    def spacing_mm(self) -> NDArray[np.floating]:
        """(3,) distances in mm between neighbouring voxel centres along i, j and k."""
        return _read_only(np.sqrt(np.square(self.world_from_voxel[:3, :3]).sum(axis=0)))

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel in mm3."""
        return float(abs(np.linalg.det(self.world_from_voxel[:3, :3])))

    @cached_property
    def voxel_from_world(self) -> Matrix:
        """(4, 4) inverse of ``world_from_voxel``."""
        return _read_only(np.linalg.inv(self.world_from_voxel))

    @property
    def is_left_handed(self) -> bool:
        """True if the voxel axes form a left-handed frame (as in LPS-ordered NIfTI files)."""
        return bool(np.linalg.det(self.world_from_voxel[:3, :3]) < 0)

    @property
    def centre_mm(self) -> NDArray[np.floating]:
        """(3,) world position of the middle of the grid."""
        return apply_matrix(self.world_from_voxel, (np.array(self.shape) - 1) / 2)

    @cached_property
    def corners_mm(self) -> Points:
        """(8, 3) world positions of the corner voxels' centres."""
        return _read_only(self.world_points(list(product(*((0, n - 1) for n in self.shape)))))

    @property
    def superior_axis(self) -> tuple[int, int]:
        """Voxel axis closest to the world's superior direction, and +1 if its indices rise upwards, -1 if downwards."""
        cosines = self.world_from_voxel[2, :3] / self.spacing_mm
        axis = int(np.argmax(np.abs(cosines)))
        return axis, 1 if cosines[axis] > 0 else -1

    def world_points(self, voxels: ArrayLike) -> Points:
        """Map (..., 3) voxel coordinates to world mm."""
        return apply_matrix(self.world_from_voxel, voxels)

    def voxel_points(self, points: ArrayLike) -> Points:
        """Map (..., 3) world points in mm to (fractional) voxel coordinates."""
        return apply_matrix(self.voxel_from_world, points)

    def nearest_voxels(self, points: ArrayLike) -> NDArray[np.int_]:
        """Return the (..., 3) indices of the voxels nearest to (..., 3) world points, clipped to the grid."""
        return np.clip(np.rint(self.voxel_points(points)).astype(int), 0, np.array(self.shape) - 1)

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Return for each of (..., 3) world points whether it lies within the hull of the voxel centres."""
        voxels = self.voxel_points(points)
        inside = (voxels >= -1e-6) & (voxels <= np.array(self.shape) - 1 + 1e-6)
        return np.asarray(inside.all(axis=-1))

    def crop(self, start: ArrayLike, stop: ArrayLike) -> "Grid":
        """Return the grid of the voxel range ``start`` (inclusive) to ``stop`` (exclusive)."""
        start, stop = np.asarray(start, dtype=int), np.asarray(stop, dtype=int)
        if (start < 0).any() or (stop > self.shape).any() or (stop <= start).any():
            raise ImageError(f"expected a voxel range inside {self.shape}, got {start.tolist()} to {stop.tolist()}")
        return self.window(start, stop - start)

    def window(self, start: ArrayLike, shape: ArrayLike) -> "Grid":
        """Return the grid of ``shape`` voxels that begins at the voxel ``start``; both may reach beyond this grid."""
        matrix = self.world_from_voxel.copy()
        matrix[:3, 3] = self.world_points(start)
        return Grid(tuple(np.asarray(shape).tolist()), matrix)

    def with_spacing(self, spacing_mm: ArrayLike) -> "Grid":
        """Return a grid of another spacing that covers the same extent, measured to the outer faces of the voxels.

        The outer faces of the first voxels coincide; the number of voxels is rounded up.
        """
        new = np.broadcast_to(np.asarray(spacing_mm, dtype=np.float64), 3)
        ratio = new / self.spacing_mm
        shape = np.maximum(np.ceil(np.array(self.shape) / ratio - 1e-6).astype(int), 1)
        matrix = self.world_from_voxel.copy()
        matrix[:3, :3] = matrix[:3, :3] * ratio
        matrix[:3, 3] = self.world_points((ratio - 1) / 2)
        return Grid(tuple(shape), matrix)

    def equals(self, other: "Grid") -> bool:
        """Return whether both grids are identical, to the last digit."""
        return self is other or (
            self.shape == other.shape and np.array_equal(self.world_from_voxel, other.world_from_voxel)
        )

    def same_as(self, other: "Grid", *, tolerance_vox: float = 0.01) -> bool:
        """Return whether corresponding voxel centres of both grids lie within ``tolerance_vox`` voxels."""
        if self.shape != other.shape:
            return False
        return bool(
            np.abs(self.voxel_points(other.corners_mm) - self.voxel_points(self.corners_mm)).max() <= tolerance_vox
        )

    def describe(self) -> str:
        """Return shape, spacing, axis codes and origin as one line of text that identifies no patient."""
        from nibabel.orientations import aff2axcodes

        spacing = " x ".join(f"{s:.4g}" for s in self.spacing_mm)
        origin = ", ".join(f"{x:.2f}" for x in self.world_from_voxel[:3, 3])
        codes = "".join(aff2axcodes(self.world_from_voxel))
        return f"{'x'.join(map(str, self.shape))} voxels of {spacing} mm, axes {codes}, origin ({origin}) mm"

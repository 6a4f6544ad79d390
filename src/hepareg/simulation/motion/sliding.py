"""Backward map of the moving image: rigid in the liver, the identity in static tissue, smooth in between."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.arrays import Matrix
from hepareg.geometry import Grid
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.interpolation import resample_axes, sample_affine, smooth_step
from hepareg.simulation.motion.motion import Motion
from hepareg.simulation.motion.random_bend import BendField
from hepareg.simulation.organ_space import OrganSpace, coarse_grid_around, mask_on_grid

__all__ = ["EXACT_MM", "ZONE_MM", "ZONE_PER_MM", "SlidingField", "sliding_field"]

EXACT_MM = 2.0
"""Distance outside the liver's surface up to which the map is exactly the liver's motion."""
ZONE_MM, ZONE_PER_MM = 12.0, 2.5
"""Width of the transition around the liver: a constant, and this multiple of the liver's displacement, so that the map
does not fold."""


@dataclass(frozen=True, eq=False)
class SlidingField:
    """The map from points after the liver's motion to points before it, in the body's frame (before ``Motion.body``).

    The tissue seen at a point z after the motion was at z + w(z) (``liver_inverse`` z + c(z) - z) before it, in mm.
    w(z) is ``weight``, interpolated at z and then clipped to [0, 1]; c(z) is ``bend_mm``, interpolated at z, or 0.

    Parameters
    ----------
    grid
        Coarse grid; weight and bend are linear between its nodes.
    weight
        (I, J, K) float32: at least 1 in the moved liver and `EXACT_MM` around it, 0 in static tissue and at the border
        of the grid, smooth in between. Inside, it is stored as 1 plus the depth in units of the grid's spacing. Since
        it is clipped only after the interpolation between nodes, the surface at which w falls below 1 lies in the right
        place between two nodes.
    liver_inverse
        (4, 4) inverse of the liver's rigid motion.
    bend_mm
        (3, I, J, K) float32, c in mm: exact inverse of the liver's motion with its bend, minus ``liver_inverse``. None
        if the liver does not bend.
    """

    grid: Grid
    weight: NDArray[np.floating]
    liver_inverse: Matrix
    bend_mm: NDArray[np.float32] | None


def sliding_field(anatomy: Anatomy, motion: Motion, *, space: OrganSpace, spacing_mm: float) -> SlidingField | None:
    """Return the backward map, or None if the liver does not move within the body.

    The weight falls from 1 around the moved liver to 0 over a zone that is wide along the motion, since a narrow one
    would fold, and as narrow as the gap between liver and body wall, along which the liver slides.

    Parameters
    ----------
    anatomy, motion
        The body and its motion.
    space
        The fixed liver.
    spacing_mm
        Spacing of the field's grid.
    """
    if motion.liver_is_still:
        return None
    points = space.points
    moved = motion.body.inverse().apply(motion.forward(points))
    zone = ZONE_MM + ZONE_PER_MM * np.abs(moved - points).max(0)
    grid = coarse_grid_around(np.vstack([points, moved]), spacing_mm=spacing_mm, margin_mm=zone + 2 * spacing_mm)
    inverse = motion.liver.inverse().matrix
    bend = None if motion.bend is None else _bend_back(motion, motion.bend, grid)
    weight = _weight(anatomy, grid, _moved_liver(anatomy, grid, inverse, bend), zone, spacing_mm)
    return SlidingField(grid, weight, inverse, bend)


def _bend_back(motion: Motion, bend: BendField, grid: Grid) -> NDArray[np.float32]:
    """Return the correction of the liver's inverse motion for the bend, (3, I, J, K) mm.

    It is computed at every second node and interpolated if the bend itself is stored more coarsely than this grid.
    """
    step = 2 if (bend.grid.spacing_mm > 1.2 * grid.spacing_mm).all() else 1
    axes = [np.arange(0, n + 1, step) for n in grid.shape]
    voxels = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    nodes = grid.world_points(voxels.reshape(-1, 3))
    back = motion.liver_backward(nodes) - motion.liver.inverse().apply(nodes)
    coarse = back.T.reshape(3, *voxels.shape[:3]).astype(np.float32)
    return np.stack([resample_axes(part, [np.arange(n) / step for n in grid.shape]) for part in coarse])


def _moved_liver(
    anatomy: Anatomy, grid: Grid, inverse: Matrix, bend_mm: NDArray[np.float32] | None
) -> NDArray[np.bool_]:
    """Return the mask of the moved liver on the field's grid."""
    liver = anatomy.liver.view(np.uint8)
    matrix = anatomy.grid.voxel_from_world @ inverse @ grid.world_from_voxel
    if bend_mm is None:
        return sample_affine(liver, matrix, grid.shape, outside=0.0) > 0.5
    i, j, k = np.indices(grid.shape, sparse=True)
    scale = anatomy.grid.voxel_from_world[:3, :3]
    places = [
        matrix[c, 0] * i + matrix[c, 1] * j + matrix[c, 2] * k + matrix[c, 3] + np.tensordot(scale[c], bend_mm, 1)
        for c in range(3)
    ]
    return ndimage.map_coordinates(liver, places, output=np.float32, order=1) > 0.5


def _weight(
    anatomy: Anatomy, grid: Grid, moved: NDArray[np.bool_], zone: NDArray[np.floating], spacing_mm: float
) -> NDArray[np.floating]:
    # The mask's surface is known to about half a voxel of this grid; the core is enlarged by that much.
    beyond_mm = _signed_distance(moved, spacing_mm) - (EXACT_MM + 0.6 * spacing_mm)
    core = beyond_mm <= 0
    far = ndimage.distance_transform_edt(~core, sampling=spacing_mm / zone).astype(np.float32)
    static = mask_on_grid(anatomy.static, anatomy.grid, grid) > 0.5
    wall_mm = np.maximum(_signed_distance(static & ~core, spacing_mm), 0)
    near_mm = np.maximum(beyond_mm, 0)
    outer = smooth_step(1 - far) * smooth_step(wall_mm / np.maximum(wall_mm + near_mm, np.float32(1e-6)))
    weight = np.where(core, 1 - beyond_mm / np.float32(spacing_mm), outer).astype(np.float32)
    for axis in range(3):
        np.moveaxis(weight, axis, 0)[[0, -1]] = 0.0
    return weight


def _signed_distance(mask: NDArray[np.bool_], spacing_mm: float) -> NDArray[np.floating]:
    """Return the distance to a mask's surface in mm, negative inside."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    inside = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    half = spacing_mm / 2
    return np.where(mask, half - inside, outside - half).astype(np.float32)

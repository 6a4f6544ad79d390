"""The zone in which the moving liver slides along a body that stays: the backward map of the moving image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.simulation.anatomy import Anatomy
from hepareg.simulation.motion import Motion
from hepareg.simulation.organ_space import OrganSpace, coarse_grid_around, mask_on_grid

__all__ = ["SlidingField", "sliding_field"]

EXACT_MM = 2.0
"""The liver's motion is exact to this distance outside its surface."""


@dataclass(frozen=True, eq=False)
class SlidingField:
    """Displacement that leads back from the moved body to the fixed one, in the body's frame (before its own pose).

    Parameters
    ----------
    grid
        Coarse grid; the displacement is linear between its nodes.
    weighted_mm
        (3, I, J, K) float32; exactly the liver's inverse motion in the liver and `EXACT_MM` around it,
        0 in what stays and at the border of the grid.
    liver_mm
        (3, I, J, K) float32; the liver's inverse motion everywhere.
    """

    grid: Grid
    weighted_mm: NDArray[np.float32]
    liver_mm: NDArray[np.float32]


def sliding_field(anatomy: Anatomy, motion: Motion, *, space: OrganSpace, spacing_mm: float) -> SlidingField | None:
    """Return the backward displacement field, or None where the liver moves with the body alone.

    The weight is 1 around the moved liver and falls to 0 over a zone that is wide in the direction of the
    motion, so that nothing folds there, and as narrow as the gap to the body wall, along which it slides.

    Parameters
    ----------
    spacing_mm
        Spacing of the field's grid.
    """
    if motion.liver_is_still:
        return None
    points = space.points
    moved = motion.body.inverse().apply(motion.forward(points))
    reach = np.abs(moved - points).max(0)
    zone = 12.0 + 2.5 * reach
    grid = coarse_grid_around(np.vstack([points, moved]), spacing_mm=spacing_mm, margin_mm=zone + 2 * spacing_mm)
    nodes = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3))
    displacement = motion.liver_backward(nodes) - nodes
    weight = _weight(anatomy, grid, (nodes + displacement), zone, spacing_mm)
    liver = displacement.T.reshape(3, *grid.shape)
    return SlidingField(grid, (liver * weight).astype(np.float32), liver.astype(np.float32))


def _weight(
    anatomy: Anatomy, grid: Grid, origins: NDArray[np.floating], zone: NDArray[np.floating], spacing_mm: float
) -> NDArray[np.floating]:
    liver = mask_on_grid(anatomy.liver, anatomy.grid, grid) > 0.02
    liver = ndimage.binary_dilation(liver)
    moved = ndimage.map_coordinates(
        liver.astype(np.float32), grid.voxel_points(origins).T, order=1, mode="constant"
    ).reshape(grid.shape)
    exact = EXACT_MM + spacing_mm * np.sqrt(3)
    core = ndimage.distance_transform_edt(moved < 0.02, sampling=spacing_mm) <= exact
    far = ndimage.distance_transform_edt(~core, sampling=spacing_mm / zone)
    near_mm = ndimage.distance_transform_edt(~core, sampling=spacing_mm)
    static = mask_on_grid(anatomy.static, anatomy.grid, grid) > 0.5
    wall_mm = ndimage.distance_transform_edt(~static | core, sampling=spacing_mm)
    weight = _smooth(1 - far) * _smooth(wall_mm / np.maximum(wall_mm + near_mm, 1e-6))
    weight[core] = 1.0
    for axis in range(3):
        border = np.moveaxis(weight, axis, 0)
        border[[0, -1]] = 0.0
    return weight


def _smooth(x: NDArray[np.floating]) -> NDArray[np.floating]:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)

"""Folded voxels and local change of volume by the map x -> x + u(x), from its Jacobian determinant; u in mm."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.errors import InputError, MaskError
from hepareg.geometry import Grid
from hepareg.transforms.displacement import jacobian_determinant

__all__ = ["FoldingStatistics", "folding_statistics"]


@dataclass(frozen=True)
class FoldingStatistics:
    """Share of folded voxels and range of the Jacobian determinant of a map x -> x + u(x).

    Parameters
    ----------
    folding_fraction
        Share of voxels whose Jacobian determinant is not positive, in [0, 1]; 0 is best.
    determinant_min, determinant_max
        Smallest and largest determinant of the map x -> x + u(x), without unit: the volume of a small piece of tissue
        after the map, divided by its volume before. Both are 1 for a rigid motion.
    """

    folding_fraction: float
    determinant_min: float
    determinant_max: float


def folding_statistics(
    displacement_mm: NDArray[np.floating], grid: Grid, *, mask: NDArray[np.generic] | None = None
) -> FoldingStatistics:
    """Return the folding statistics of a displacement, over the whole grid or inside a mask.

    Parameters
    ----------
    displacement_mm
        (3, I, J, K) displacement u(x) in world RAS mm on ``grid``.
    grid
        Grid of the field; oblique and anisotropic grids are allowed.
    mask
        (I, J, K), non-zero is inside; None counts every voxel.

    Raises
    ------
    InputError
        If the shape of the field does not fit the grid, or an axis has one voxel only.
    MaskError
        If the mask does not fit the grid, or is empty.
    """
    if displacement_mm.shape != (3, *grid.shape) or min(grid.shape) < 2:
        raise InputError(
            f"expected a displacement of shape (3, {', '.join(map(str, grid.shape))}) with at least two voxels along "
            f"each axis, got {displacement_mm.shape}"
        )
    field = torch.tensor(displacement_mm, dtype=torch.float64)[None]
    determinants = jacobian_determinant(field, torch.tensor(grid.world_from_voxel))[0, 0].numpy()
    if mask is not None:
        if mask.shape != grid.shape or not mask.any():
            raise MaskError(f"expected a mask of {grid.shape} voxels with at least one inside, got {mask.shape}")
        determinants = determinants[np.asarray(mask, dtype=bool)]
    return FoldingStatistics(
        folding_fraction=float(np.mean(determinants <= 0)),
        determinant_min=float(determinants.min()),
        determinant_max=float(determinants.max()),
    )

"""Where a displacement field folds: the determinant of its deformation's Jacobian."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.errors import InputError, MaskError
from hepareg.geometry import Grid

__all__ = ["FoldingStatistics", "folding", "jacobian_determinant"]


@dataclass(frozen=True)
class FoldingStatistics:
    """How far a deformation is from keeping volumes.

    Parameters
    ----------
    folding_fraction
        Share of voxels whose Jacobian determinant is not positive, in [0, 1]; 0 is best.
    determinant_min, determinant_max
        Range of the determinant; 1 keeps volume, and both are 1 for a rigid motion.
    """

    folding_fraction: float
    determinant_min: float
    determinant_max: float


def jacobian_determinant(displacement_mm: NDArray[np.floating], grid: Grid) -> NDArray[np.floating]:
    """Return det(I + du/dx) at every voxel, the derivative taken along world axes in mm per mm.

    Parameters
    ----------
    displacement_mm
        (3, I, J, K) displacement u(x) in world RAS mm on ``grid``.
    grid
        Grid of the field, oblique and anisotropic ones included: the derivatives along the voxel
        axes go through the inverse of ``world_from_voxel``.

    Notes
    -----
    Central differences inside, one-sided ones at the border: exact for affine fields. Each axis
    needs two voxels.

    Raises
    ------
    InputError
        If the field's shape does not fit the grid, or an axis has one voxel only.
    """
    if displacement_mm.shape != (3, *grid.shape) or min(grid.shape) < 2:
        raise InputError(
            f"expected a displacement of shape (3, {', '.join(map(str, grid.shape))}) with at least two voxels along "
            f"each axis, got {displacement_mm.shape}"
        )
    along_voxels = np.stack([np.stack(np.gradient(u)) for u in np.asarray(displacement_mm, dtype=np.float64)])
    jacobian = np.einsum("uaijk,ax->ijkux", along_voxels, grid.voxel_from_world[:3, :3])
    return np.linalg.det(jacobian + np.eye(3))


def folding(
    displacement_mm: NDArray[np.floating], grid: Grid, *, mask: NDArray[np.generic] | None = None
) -> FoldingStatistics:
    """Return how much of a deformation folds, over the whole grid or inside a mask of it.

    Raises
    ------
    InputError
        If the field does not fit the grid.
    MaskError
        If the mask does not fit the grid, or is empty.
    """
    determinants = jacobian_determinant(displacement_mm, grid)
    if mask is not None:
        if mask.shape != grid.shape or not mask.any():
            raise MaskError(f"expected a mask of {grid.shape} voxels with at least one inside, got {mask.shape}")
        determinants = determinants[np.asarray(mask, dtype=bool)]
    return FoldingStatistics(
        folding_fraction=float(np.mean(determinants <= 0)),
        determinant_min=float(determinants.min()),
        determinant_max=float(determinants.max()),
    )

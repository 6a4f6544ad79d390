"""Displacement fields in world mm: Jacobian, folding, composition with linear maps, inverse.

The functions are batched and differentiable, for losses; `DisplacementField` is one field on one
`Grid`, for results. A displacement u maps the fixed world point x to x + u(x).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from hepareg.arrays import Points
from hepareg.errors import InputError, TransformError
from hepareg.geometry.differences import spatial_gradient
from hepareg.geometry.grid import Grid
from hepareg.transforms.linear import AffineTransform
from hepareg.transforms.warp import sample_points, warp

__all__ = [
    "DisplacementField",
    "folding_fraction",
    "inverse_displacement",
    "jacobian",
    "jacobian_determinant",
    "jacobian_range",
    "linear_after_displacement",
    "linear_before_displacement",
    "world_points",
]


def jacobian(displacement: Tensor, world_from_voxel: Tensor) -> Tensor:
    """Return the Jacobian matrices d(x + u)_row / dx_column of x -> x + u(x) in mm per mm: (B, 3, 3, I, J, K).

    Derivatives are central differences inside the grid and one-sided at its border, so exact for affine maps.
    """
    gradient = spatial_gradient(displacement, world_from_voxel)
    return gradient + torch.eye(3, dtype=gradient.dtype, device=gradient.device)[:, :, None, None, None]


def jacobian_determinant(displacement: Tensor, world_from_voxel: Tensor) -> Tensor:
    """Return the determinants of the Jacobian of x -> x + u(x), the local change of volume: (B, 1, I, J, K).

    1 keeps the volume, below 1 shrinks; 0 or less is folded and has no inverse.

    Parameters
    ----------
    displacement
        (B, 3, I, J, K) u(x), world mm.
    world_from_voxel
        (4, 4) or (B, 4, 4) of its grid.
    """
    J = jacobian(displacement, world_from_voxel)
    rows = torch.linalg.cross(J[:, 1], J[:, 2], dim=1)
    return (J[:, 0] * rows).sum(dim=1, keepdim=True)


def jacobian_range(displacement: Tensor, world_from_voxel: Tensor) -> Tensor:
    """Return the smallest and the largest Jacobian determinant of each displacement: (B, 2)."""
    determinant = jacobian_determinant(displacement, world_from_voxel).flatten(1)
    return torch.stack([determinant.amin(dim=1), determinant.amax(dim=1)], dim=1)


def folding_fraction(displacement: Tensor, world_from_voxel: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the fraction of voxels (in a mask) whose Jacobian determinant is not positive: (B,), 0 is best."""
    folded = (jacobian_determinant(displacement, world_from_voxel) <= 0).to(displacement.dtype)
    weights = torch.ones_like(folded) if mask is None else mask.to(folded.dtype).expand_as(folded)
    return (folded * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)


def world_points(world_from_voxel: Tensor, shape: tuple[int, int, int] | torch.Size) -> Tensor:
    """Return the world position in mm of every voxel centre: (B, 3, I, J, K) in the dtype of the matrix."""
    matrix = world_from_voxel.reshape(-1, 4, 4)
    axes = [torch.arange(n, dtype=matrix.dtype, device=matrix.device) for n in shape]
    voxels = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    return torch.einsum("bwv,vijk->bwijk", matrix[:, :3, :3], voxels) + matrix[:, :3, 3, None, None, None]


def linear_after_displacement(matrix: Tensor, displacement: Tensor, world_from_voxel: Tensor) -> Tensor:
    """Return the displacement of x -> A (x + u(x)), i.e. (A - I) x + A u: (B, 3, I, J, K), exact.

    Parameters
    ----------
    matrix
        A: (4, 4) or (B, 4, 4), world mm.
    displacement
        (B, 3, I, J, K) u(x), world mm.
    world_from_voxel
        (4, 4) or (B, 4, 4) of its grid.
    """
    A = matrix.double().expand(len(displacement), 4, 4)
    # (A - I) W as one matrix in float64, so that large world offsets cancel before the cast.
    shift = (A - torch.eye(4, dtype=A.dtype, device=A.device)) @ world_from_voxel.double()
    linear = A[:, :3, :3].to(displacement.dtype)
    return world_points(shift, displacement.shape[2:]).to(displacement.dtype) + torch.einsum(
        "bwv,bvijk->bwijk", linear, displacement
    )


def linear_before_displacement(displacement: Tensor, matrix: Tensor, world_from_voxel: Tensor) -> Tensor:
    """Return the displacement of x -> A x + u(A x): (B, 3, I, J, K).

    u is interpolated linearly at A x; outside the grid the value of the nearest border voxel holds.
    """
    at_image = warp(
        displacement,
        moving_world_from_voxel=world_from_voxel,
        fixed_world_from_voxel=world_from_voxel,
        fixed_shape=displacement.shape[2:],
        moving_from_fixed=matrix,
        padding="border",
    ).image
    return linear_after_displacement(matrix, torch.zeros_like(displacement), world_from_voxel) + at_image


def inverse_displacement(
    displacement: Tensor, world_from_voxel: Tensor, *, iterations: int = 50, tolerance_mm: float = 1e-3
) -> Tensor:
    """Return the displacement v in mm of the inverse map on the same grid, x + v + u(x + v) = x: (B, 3, I, J, K).

    Parameters
    ----------
    displacement
        (B, 3, I, J, K) u(x), world mm. Outside the grid the border value holds.
    world_from_voxel
        (4, 4) or (B, 4, 4) of its grid.
    iterations, tolerance_mm
        Largest number of fixed-point steps, and the largest change of v in a step below which it has converged.

    Raises
    ------
    TransformError
        If the iteration does not converge, as for a folded field or one whose gradient exceeds 1.

    Notes
    -----
    v <- -u(x + v(x)), a contraction if the gradient of u is below 1 in norm.

    References
    ----------
    Chen, M., Lu, W., Chen, Q., Ruchala, K. J., Olivera, G. H. A simple fixed-point approach to
    invert a deformation field. Medical Physics 35, 2008. doi:10.1118/1.2816107
    """
    inverse = -displacement
    for _ in range(iterations):
        update = -warp(
            displacement,
            moving_world_from_voxel=world_from_voxel,
            fixed_world_from_voxel=world_from_voxel,
            fixed_shape=displacement.shape[2:],
            displacement=inverse,
            padding="border",
        ).image
        change = float((update - inverse).detach().abs().amax())
        inverse = update
        if change < tolerance_mm:
            return inverse
    raise TransformError(
        f"expected an invertible displacement, got one whose inverse still changes by {change:.3g} mm after "
        f"{iterations} steps; check its folding fraction"
    )


@dataclass(frozen=True, eq=False)
class DisplacementField:
    """The map x -> x + u(x) of world RAS mm, given by one displacement u on one grid.

    Parameters
    ----------
    displacement_mm
        (3, I, J, K) tensor, floating point, components along world x, y, z.
    grid
        Placement of its voxels; ``grid.shape == (I, J, K)``.
    """

    displacement_mm: Tensor
    grid: Grid

    def __post_init__(self) -> None:
        if tuple(self.displacement_mm.shape) != (3, *self.grid.shape):
            raise InputError(
                f"expected a displacement of shape {(3, *self.grid.shape)}, got {tuple(self.displacement_mm.shape)}"
            )

    @property
    def _batch(self) -> Tensor:
        return self.displacement_mm.unsqueeze(0)

    @property
    def _matrix(self) -> Tensor:
        return torch.tensor(self.grid.world_from_voxel, device=self.displacement_mm.device)

    def apply(self, points: ArrayLike) -> Points:
        """Map (N, 3) world points; outside the grid the displacement of the nearest border voxel holds."""
        x = torch.as_tensor(np.asarray(points, dtype=np.float64), device=self.displacement_mm.device)
        u = sample_points(self._batch.double(), x[None], world_from_voxel=self._matrix, padding="border").image
        return (x + u[0].T).cpu().numpy()

    def jacobian_determinant(self) -> Tensor:
        """Return the Jacobian determinant of x -> x + u(x) at every voxel, the local change of volume: (I, J, K)."""
        return jacobian_determinant(self._batch, self._matrix)[0, 0]

    def jacobian_range(self) -> tuple[float, float]:
        """Return the smallest and the largest Jacobian determinant."""
        low, high = jacobian_range(self._batch, self._matrix)[0].tolist()
        return low, high

    def folding_fraction(self) -> float:
        """Return the fraction of voxels whose Jacobian determinant is not positive."""
        return float(folding_fraction(self._batch, self._matrix)[0])

    def followed_by(self, transform: AffineTransform) -> "DisplacementField":
        """Return the field of x -> transform(x + u(x)), exact."""
        matrix = torch.tensor(transform.matrix, device=self.displacement_mm.device)
        return DisplacementField(linear_after_displacement(matrix, self._batch, self._matrix)[0], self.grid)

    def preceded_by(self, transform: AffineTransform) -> "DisplacementField":
        """Return the field of x -> transform(x) + u(transform(x)), interpolated."""
        matrix = torch.tensor(transform.matrix, device=self.displacement_mm.device)
        return DisplacementField(linear_before_displacement(self._batch, matrix, self._matrix)[0], self.grid)

    def inverse(self) -> "DisplacementField":
        """Return the inverse map as a displacement field on the same grid (`inverse_displacement`).

        Raises
        ------
        TransformError
            If the fixed-point iteration does not converge, as for a folded field or one whose gradient exceeds 1.
        """
        return DisplacementField(inverse_displacement(self._batch, self._matrix)[0], self.grid)

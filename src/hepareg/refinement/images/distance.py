"""Exact Euclidean distances near a mask, in torch on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["distance_within"]


def distance_within(inside: Tensor, *, spacing_mm: Sequence[float], reach_mm: float) -> Tensor:
    """Return the distance in mm from each voxel's centre to the nearest centre of a mask voxel, up to ``reach_mm``.

    Parameters
    ----------
    inside
        (I, J, K) bool: the mask.
    spacing_mm
        Distance in mm between neighbouring voxels along each axis.
    reach_mm
        Distances up to this are exact. Every voxel farther away gets the constant ``2 * reach_mm``.

    Returns
    -------
    Tensor
        (I, J, K) float32, 0 in the mask.

    Notes
    -----
    The squared distance is a sum over the axes. So along one axis after the other, each voxel takes the minimum, over
    its neighbours, of the neighbour's squared distance so far plus the squared distance to that neighbour.

    References
    ----------
    Felzenszwalb, P. F. and Huttenlocher, D. P. Distance transforms of sampled functions. Theory of Computing 8,
    2012. doi:10.4086/toc.2012.v008a019
    """
    far = (2 * reach_mm) ** 2
    squared = torch.where(inside, 0.0, far)
    for axis, step_mm in enumerate(spacing_mm):
        steps = min(int(reach_mm / step_mm + 1e-6), squared.shape[axis] - 1)
        along = _minimum_in_windows if squared.is_cuda else _minimum_by_shifts
        squared = along(squared, axis, steps, step_mm)
    return torch.where(squared > reach_mm**2, 2 * reach_mm, squared.sqrt())


def _minimum_by_shifts(squared: Tensor, axis: int, steps: int, step_mm: float) -> Tensor:
    """Return the minimum, over the neighbours along an axis, of their value plus the squared distance to them in mm^2.

    Neighbours are up to ``steps`` voxels away; one shift of the tensor is compared at a time.
    """
    nearest = squared.clone()
    for shift in range(1, steps + 1):
        kept, way = squared.shape[axis] - shift, (shift * step_mm) ** 2
        reached = squared + way
        for here, there in ((0, shift), (shift, 0)):
            part = nearest.narrow(axis, here, kept)
            torch.minimum(part, reached.narrow(axis, there, kept), out=part)
    return nearest


def _minimum_in_windows(squared: Tensor, axis: int, steps: int, step_mm: float) -> Tensor:
    """Return the result of `_minimum_by_shifts` in one operation with many times the memory, for CUDA devices."""
    padding = [steps * (a == axis) for a in (2, 2, 1, 1, 0, 0)]
    ways = (torch.arange(-steps, steps + 1, device=squared.device, dtype=torch.float64) * step_mm).square()
    windows = functional.pad(squared, padding, value=torch.inf).unfold(axis, 2 * steps + 1, 1)
    return (windows + ways.to(squared.dtype)).amin(dim=-1)

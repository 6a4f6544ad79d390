"""Preparation of the operands that all losses share: checks, precision, crop to the mask."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hepareg.errors import InputError

__all__ = ["prepare", "voxels_within", "weighted_mean"]


def prepare(
    fixed: Tensor, warped: Tensor, mask: Tensor | None, *, margin_vox: Sequence[int] = (0, 0, 0)
) -> tuple[Tensor, Tensor, Tensor]:
    """Return fixed, warped and weights in float32 or float64, cropped to the mask and a margin.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) on one grid. Half precision and integers become float32, so that a loss is
        as exact under autocast as without.
    mask
        (B, 1, I, J, K) weights >= 0 or bool, or None for ones.
    margin_vox
        Support of the loss along i, j, k: voxels farther from the mask cannot influence the loss. They
        are cropped away, which changes no result and saves time.

    Returns
    -------
    tuple of Tensor
        fixed and warped (B, C, I', J', K') and weights (B, 1, I', J', K').

    Raises
    ------
    InputError
        If shapes do not match.
    """
    if fixed.ndim != 5 or fixed.shape != warped.shape:
        raise InputError(
            "expected fixed and warped of one shape (batch, channels, I, J, K), "
            f"got {tuple(fixed.shape)} and {tuple(warped.shape)}; resample the moving image first"
        )
    expected = (fixed.shape[0], 1, *fixed.shape[2:])
    if mask is not None and tuple(mask.shape) != expected:
        raise InputError(f"expected a mask of shape {expected}, got {tuple(mask.shape)}")
    dtype = torch.float64 if torch.float64 in (fixed.dtype, warped.dtype) else torch.float32
    if mask is None:
        return fixed.to(dtype), warped.to(dtype), torch.ones(1, dtype=dtype, device=fixed.device).expand(expected)
    box = _box(mask, margin_vox)
    return fixed[box].to(dtype), warped[box].to(dtype), mask[box].to(dtype)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of (B, C, I, J, K) values under (B, 1, I, J, K) weights: (B,).

    NaN if all weights are zero: an empty mask has no mean, and a loss must not hide that.
    """
    total = weights.flatten(1).sum(1) * values.shape[1]
    return (values * weights).flatten(1).sum(1) / total


def voxels_within(length_mm: float, spacing_mm: Sequence[float], *, at_least: int = 0) -> tuple[int, int, int]:
    """Return the number of voxels nearest to a length along each axis, at least ``at_least``.

    Raises
    ------
    InputError
        If the spacing is not three positive numbers or the length is negative.
    """
    spacing = [float(s) for s in spacing_mm]
    if len(spacing) != 3 or not all(s > 0 for s in spacing) or not length_mm >= 0:
        raise InputError(f"expected three positive spacings and a length >= 0 mm, got {spacing} and {length_mm}")
    i, j, k = (max(at_least, round(length_mm / s)) for s in spacing)
    return i, j, k


def _box(mask: Tensor, margin_vox: Sequence[int]) -> tuple[slice, ...]:
    """Return the slices of the mask's bounding box over the whole batch, grown by the margin; all if it is empty."""
    inside = (mask != 0).any(dim=0).any(dim=0)
    ranges = [slice(None), slice(None)]
    for axis, margin in enumerate(margin_vox):
        others = [a for a in range(3) if a != axis]
        indices = inside.any(dim=others[1]).any(dim=others[0]).nonzero()
        if len(indices):
            start, stop = int(indices[0]) - margin, int(indices[-1]) + margin + 1
            ranges.append(slice(max(start, 0), stop))
        else:
            ranges.append(slice(None))
    return tuple(ranges)

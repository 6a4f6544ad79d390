"""Weighted mean over a mask and floating-point precision, shared by all penalties on displacements."""

import torch
from torch import Tensor

from hepareg.errors import InputError

__all__ = ["masked_mean", "single_or_double"]


def single_or_double(field: Tensor) -> Tensor:
    """Return the field in float32 or float64, so that a penalty is as exact under autocast as without autocast."""
    return field.to(torch.promote_types(field.dtype, torch.float32))


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean of (B, 1, I, J, K) values under a mask of that shape: (B,); NaN if the mask is empty.

    Raises
    ------
    InputError
        If the mask has another shape.
    """
    if mask is None:
        return values.flatten(1).mean(dim=1)
    if mask.shape != values.shape:
        raise InputError(f"expected a mask of shape {tuple(values.shape)}, got {tuple(mask.shape)}")
    weights = mask.to(values.dtype).flatten(1)
    return (values.flatten(1) * weights).sum(dim=1) / weights.sum(dim=1)

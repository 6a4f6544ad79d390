"""Diffusion: penalises every spatial gradient of a displacement, rotations included."""

from typing import Literal

import torch
from torch import Tensor

from hepareg.errors import SettingsError
from hepareg.geometry.differences import spatial_gradient
from hepareg.regularisation.averaging import masked_mean, single_or_double

__all__ = ["gradient_penalty"]


def gradient_penalty(
    displacement: Tensor, world_from_voxel: Tensor, mask: Tensor | None = None, *, power: Literal[1, 2] = 2
) -> Tensor:
    """Return the mean size of the displacement's spatial gradients, squared or absolute.

    Parameters
    ----------
    displacement
        (B, 3, I, J, K) u(x), world mm.
    world_from_voxel
        (4, 4) or (B, 4, 4) matrix of the displacement's grid: gradients are per mm along world axes.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    power
        2 sums the squares of the nine gradients (diffusion), 1 their absolute values.

    Returns
    -------
    Tensor
        (B,), without unit (mm per mm, to the power), in [0, inf); 0 for a translation. NaN under an
        empty mask.

    Raises
    ------
    SettingsError
        If the power is neither 1 nor 2.

    Notes
    -----
    Support: 1 voxel from the mask. Because rotations are penalised too, the penalty suits a displacement
    that is predicted beside a rigid transform.

    References
    ----------
    Horn, B. K. P., Schunck, B. G. Determining optical flow. Artificial Intelligence 17, 1981.
    doi:10.1016/0004-3702(81)90024-2
    """
    if power not in (1, 2):
        raise SettingsError(f"expected power to be 1 or 2, got {power}")
    with torch.autocast(displacement.device.type, enabled=False):
        gradient = spatial_gradient(single_or_double(displacement), world_from_voxel).flatten(1, 2)
        values = gradient.square() if power == 2 else gradient.abs()
        return masked_mean(values.sum(dim=1, keepdim=True), mask)

"""Bending energy: penalises curvature of a deformation and is 0 for every affine map."""

import torch
from torch import Tensor

from hepareg.geometry.differences import spatial_gradient
from hepareg.regularisation.averaging import masked_mean, single_or_double

__all__ = ["bending_energy"]


def bending_energy(displacement: Tensor, world_from_voxel: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean of the squared second derivatives of a displacement, in 1/mm^2.

    Parameters
    ----------
    displacement
        (B, 3, I, J, K) u(x), world mm.
    world_from_voxel
        (4, 4) or (B, 4, 4) matrix of the displacement's grid: derivatives are per mm along world axes.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.

    Returns
    -------
    Tensor
        (B,), in [0, inf); 0 for every affine map, rotations included. NaN under an empty mask.

    Notes
    -----
    The sum of the squared second derivatives over components and over all pairs of axes (mixed pairs
    counted twice), which a rotation of the world does not change. Derivatives are central differences
    of central differences. Support: 2 voxels from the mask.

    References
    ----------
    Rueckert, D. et al. Nonrigid registration using free-form deformations: application to breast MR
    images. IEEE Trans. Med. Imaging 18, 1999. doi:10.1109/42.796284
    """
    with torch.autocast(displacement.device.type, enabled=False):
        first = spatial_gradient(single_or_double(displacement), world_from_voxel).flatten(1, 2)
        second = spatial_gradient(first, world_from_voxel).flatten(1, 2)
        return masked_mean(second.square().sum(dim=1, keepdim=True), mask)

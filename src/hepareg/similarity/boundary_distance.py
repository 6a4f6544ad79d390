"""Distance between the boundaries of two labels, as a loss on the warped label."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from hepareg.similarity.inputs import prepare, voxels_within

__all__ = ["boundary_distance_loss", "distance_to_boundary_mm"]


def boundary_distance_loss(
    fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float]
) -> Tensor:
    """Return the mislabelled volume, weighted by its distance in mm from the boundary of the fixed label.

    Soft Dice counts every mislabelled voxel alike. Here a far voxel counts more, so the gradient does
    not vanish when the labels barely overlap. The loss is not symmetric: distances are taken from the
    boundary of the fixed label, which is constant for the gradient.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) membership in [0, 1] (or bool), one channel a label, no background channel.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Spacing of the grid along i, j, k.

    Returns
    -------
    Tensor
        (B,), in mm, in [0, inf). 0 for equal labels; labels shifted by d give roughly d^2 times the
        ratio of surface to volume. NaN if a fixed label is absent in the mask.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    sum |w - f| |phi| / sum f, with phi the distance to the boundary of f in mm: the difference of the
    integrals of phi over the two labels, made independent of the organ's size. phi is computed over
    the whole fixed image, on the CPU. Edits of either label outside the mask change nothing if they
    lie at least as far from it as the boundary of f lies inside.

    References
    ----------
    Kervadec, H. et al. Boundary loss for highly unbalanced segmentation. Medical Image Analysis 67,
    2021. doi:10.1016/j.media.2020.101851
    """
    phi = distance_to_boundary_mm(fixed, spacing_mm)
    fixed_crop, warped, weights = prepare(fixed, warped, mask)
    _, phi, _ = prepare(fixed, phi.to(warped.dtype), mask)
    mislabelled = ((warped - fixed_crop).abs() * phi * weights).flatten(2).sum(2)
    return (mislabelled / (fixed_crop * weights).flatten(2).sum(2)).mean(dim=1)


def distance_to_boundary_mm(label: Tensor, spacing_mm: Sequence[float]) -> Tensor:
    """Return the distance of each voxel from the boundary of its label: same shape, mm, >= 0, float32.

    The boundary lies half way between voxels inside (membership >= 0.5) and outside. It is placed
    half the smallest spacing before the nearest voxel of the other side. A label that is absent or
    fills the image has no boundary: the distance is 0.
    """
    spacing = [float(s) for s in spacing_mm]
    voxels_within(0.0, spacing)
    inside = (label.detach() >= 0.5).cpu().numpy()
    distance = np.zeros(inside.shape, dtype=np.float32)
    for index in np.ndindex(*inside.shape[:2]):
        if inside[index].any() and not inside[index].all():
            to_other = [distance_transform_edt(side, sampling=spacing) for side in (inside[index], ~inside[index])]
            distance[index] = to_other[0] + to_other[1] - min(spacing) / 2
    return torch.from_numpy(distance).to(label.device)

"""Distance of two labels' boundaries, as a loss on the warped label."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor, nn

from hepareg.similarity.inputs import prepare, voxels_within

__all__ = ["BoundaryDistance", "boundary_distance_loss", "distance_to_boundary_mm"]


def boundary_distance_loss(
    fixed: Tensor,
    warped: Tensor,
    mask: Tensor | None = None,
    *,
    spacing_mm: Sequence[float],
    distance_mm: Tensor | None = None,
) -> Tensor:
    """Return the mislabelled volume weighted by its distance from the fixed label's boundary.

    Where soft Dice counts every mislabelled voxel alike, here a far one counts more: the gradient
    does not vanish when labels barely overlap. Not symmetric: the fixed label's boundary is the
    reference.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) membership in [0, 1] (or bool), one channel a label, no background channel.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Spacing of the grid along i, j, k.
    distance_mm
        (B, C, I, J, K) from `distance_to_boundary_mm` of ``fixed``, where it is at hand; computed
        on the CPU otherwise.

    Returns
    -------
    Tensor
        (B,), in mm, in [0, inf); 0 is equal, and labels shifted by d give roughly d^2 times the ratio of surface
        to volume. NaN if a fixed label is absent in the mask.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    sum |w - f| |phi| / sum f, phi the distance to the boundary of f in mm: the difference of the
    integrals of phi over the two labels, made independent of the organ's size. phi is taken over
    the whole image as a property of ``fixed``; edits of either label outside the mask, at least as
    far from it as the boundary of f inside, change nothing. With a given ``distance_mm`` the
    support is 0 voxels.

    References
    ----------
    Kervadec, H. et al. Boundary loss for highly unbalanced segmentation. Medical Image Analysis 67,
    2021. doi:10.1016/j.media.2020.101851
    """
    phi = distance_to_boundary_mm(fixed, spacing_mm) if distance_mm is None else distance_mm
    fixed_crop, warped, weights = prepare(fixed, warped, mask)
    _, phi, _ = prepare(fixed, phi.to(warped.dtype), mask)
    mislabelled = ((warped - fixed_crop).abs() * phi * weights).flatten(2).sum(2)
    return (mislabelled / (fixed_crop * weights).flatten(2).sum(2)).mean(dim=1)


def distance_to_boundary_mm(label: Tensor, spacing_mm: Sequence[float]) -> Tensor:
    """Return the distance of each voxel from the boundary of its label: same shape, mm, >= 0, float32.

    The boundary lies half way between voxels inside (membership >= 0.5) and outside; it is taken
    at half the smallest spacing before the nearest voxel of the other side. A label that is absent
    or fills the image has no boundary: the distance is 0.
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


class BoundaryDistance(nn.Module):
    """`boundary_distance_loss` as a module."""

    def support_vox(self, spacing_mm: Sequence[float]) -> tuple[int, int, int]:
        """Return how far from the mask a voxel of the warped label can influence the loss."""
        return (0, 0, 0)

    def forward(
        self, fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float]
    ) -> Tensor:
        """Return the loss (B,), mm."""
        return boundary_distance_loss(fixed, warped, mask, spacing_mm=spacing_mm)

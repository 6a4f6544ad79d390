"""Modality-independent neighbourhood descriptor: self-similarity context."""

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from hepareg.errors import InputError
from hepareg.similarity.box import box_sum
from hepareg.similarity.inputs import prepare, voxels_within, weighted_mean

__all__ = ["MIND", "mind_descriptor", "mind_loss"]

NEIGHBOURS = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
PAIRS = tuple((a, b) for a, b in combinations(NEIGHBOURS, 2) if tuple(-x for x in a) != b)
"""The twelve pairs of face neighbours that are not opposite each other."""

SLAB_VOXELS = 2_000_000
"""Larger regions are compared slab by slab: about half a kilobyte a voxel is needed at a time."""

VARIANCE_LIMITS = (1e-3, 1e3)
"""Local variance estimates are kept within these multiples of their mean in the mask."""


def mind_loss(
    fixed: Tensor,
    warped: Tensor,
    mask: Tensor | None = None,
    *,
    spacing_mm: Sequence[float],
    distance_mm: float = 3.0,
    radius_mm: float = 3.0,
    recompute: bool | None = None,
) -> Tensor:
    """Return the mean squared difference of the two images' self-similarity descriptors.

    A descriptor says how alike the patches around a voxel are to each other, not how bright they
    are: a vein that is dark in one phase and bright in the other has the same one.

    Parameters
    ----------
    fixed, warped
        (B, 1, I, J, K) on the fixed grid.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Spacing of the grid along i, j, k.
    distance_mm
        Distance of the six neighbours from the voxel; whole voxels along each axis, at least one.
    radius_mm
        Half width of the patches; whole voxels along each axis, 0 is a single voxel.
    recompute
        Recompute the descriptors in the backward pass instead of storing their parts: more time, a
        fraction of the memory, which above `SLAB_VOXELS` voxels in the mask's box does not grow with
        their number. None does so above that number alone.

    Returns
    -------
    Tensor
        (B,), in [0, 1]; 0 is best. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match, or with several channels.

    Notes
    -----
    Support: distance plus radius in voxels, from the mask; see `mind_descriptor`.

    References
    ----------
    Heinrich, M. P. et al. Towards realtime multimodal fusion for image-guided interventions using
    self-similarities. MICCAI 2013, LNCS 8149. doi:10.1007/978-3-642-40811-3_24
    """
    distance, radius = voxels_within(distance_mm, spacing_mm, at_least=1), voxels_within(radius_mm, spacing_mm)
    margin = [d + r for d, r in zip(distance, radius, strict=True)]
    fixed, warped, weights = prepare(fixed, warped, mask, margin_vox=margin)

    def compare(fixed: Tensor, warped: Tensor) -> Tensor:
        of_fixed = mind_descriptor(fixed, weights, distance_vox=distance, radius_vox=radius)
        of_warped = mind_descriptor(warped, weights, distance_vox=distance, radius_vox=radius)
        return weighted_mean((of_fixed - of_warped).square(), weights)

    is_large = weights[0].numel() > SLAB_VOXELS
    if is_large and recompute is not False:
        return _by_slabs(fixed, warped, weights, distance_vox=distance, radius_vox=radius)
    if recompute and torch.is_grad_enabled():
        return _again(compare, fixed, warped)
    return compare(fixed, warped)


def mind_descriptor(
    image: Tensor, weights: Tensor, *, distance_vox: Sequence[int], radius_vox: Sequence[int]
) -> Tensor:
    """Return the twelve-channel self-similarity context: (B, 12, I, J, K), in (0, 1].

    Parameters
    ----------
    image
        (B, 1, I, J, K), float32 or float64.
    weights
        (B, 1, I, J, K): where the typical variance is taken.
    distance_vox, radius_vox
        Distance of the neighbours and half width of the patches along i, j, k.

    Raises
    ------
    InputError
        If the image has several channels.

    Notes
    -----
    D_p is the mean squared difference of the patches of pair p; the descriptor is
    exp(-(D_p - min D) / V), V the mean of D_p - min D over the pairs, kept within 1e-3 to 1e3 times
    its mean in the mask. Beyond the image's border the border value holds; patches end at it. In a
    constant image all channels are 1.
    """
    if image.shape[1] != 1:
        raise InputError(f"expected an image with one channel, got {image.shape[1]}")
    distance = _excess_distances(image, distance_vox, radius_vox)
    return _descriptor(distance, weighted_mean(distance.mean(dim=1, keepdim=True), weights))


def _descriptor(distance: Tensor, typical: Tensor) -> Tensor:
    """Return the descriptors of (B, 12, I, J, K) excess distances, given their (B,) mean over the mask."""
    typical = typical[:, None, None, None, None]
    variance = distance.mean(dim=1, keepdim=True)
    low, high = (limit * typical for limit in VARIANCE_LIMITS)
    variance = torch.minimum(torch.maximum(variance, low), high).clamp_min(torch.finfo(distance.dtype).tiny ** 0.5)
    return torch.exp(-distance / variance)


def _by_slabs(
    fixed: Tensor, warped: Tensor, weights: Tensor, *, distance_vox: Sequence[int], radius_vox: Sequence[int]
) -> Tensor:
    """Return the same loss with the parts of one slab across the longest axis in memory at a time.

    Two passes: the typical variances are means over the whole mask, then each slab is compared. A
    slab is computed with what its descriptors reach on both sides, so that its cuts change nothing.
    """
    axis = max(range(3), key=lambda a: weights.shape[2 + a])
    halo, length = distance_vox[axis] + radius_vox[axis], weights.shape[2 + axis]
    thickness = max(1, SLAB_VOXELS * length // weights[0].numel())
    whole = weights.flatten(1).sum(1)

    def excess(image: Tensor, start: int, stop: int) -> Tensor:
        first, last = max(start - halo, 0), min(stop + halo, length)
        slab = image.narrow(2 + axis, first, last - first)
        return _excess_distances(slab, distance_vox, radius_vox).narrow(2 + axis, start - first, stop - start)

    def summed(values: Tensor, start: int, stop: int) -> Tensor:
        return (values * weights.narrow(2 + axis, start, stop - start)).flatten(1).sum(1)

    def over_slabs(part: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        starts = range(0, length, thickness)
        return torch.stack([_again(part, *tensors, s, min(s + thickness, length)) for s in starts]).sum(0)

    def variance(image: Tensor, start: int, stop: int) -> Tensor:
        return summed(excess(image, start, stop).mean(dim=1, keepdim=True), start, stop)

    typical = [over_slabs(variance, image) / whole for image in (fixed, warped)]

    def difference(fixed: Tensor, warped: Tensor, one: Tensor, other: Tensor, start: int, stop: int) -> Tensor:
        of_fixed = _descriptor(excess(fixed, start, stop), one)
        of_warped = _descriptor(excess(warped, start, stop), other)
        return summed((of_fixed - of_warped).square(), start, stop)

    return over_slabs(difference, fixed, warped, *typical) / (whole * len(PAIRS))


def _again(part: Callable[..., Tensor], *arguments: Tensor | int) -> Tensor:
    """Call a function whose inner values are computed once more in the backward pass instead of being kept."""
    return checkpoint(part, *arguments, use_reentrant=False, preserve_rng_state=False)


def _excess_distances(image: Tensor, distance_vox: Sequence[int], radius_vox: Sequence[int]) -> Tensor:
    """Return how much farther each pair of patches is apart than the closest pair: (B, 12, I, J, K)."""
    distance = _patch_distances(image, distance_vox, radius_vox)
    return distance - distance.amin(dim=1, keepdim=True)


def _patch_distances(image: Tensor, distance_vox: Sequence[int], radius_vox: Sequence[int]) -> Tensor:
    """Return the mean squared patch difference of each pair: (B, 12, I, J, K)."""
    padded = functional.pad(image, [d for d in reversed(distance_vox) for _ in range(2)], mode="replicate")
    shifted = {}
    for offset in NEIGHBOURS:
        view = padded
        for axis, (d, o, n) in enumerate(zip(distance_vox, offset, image.shape[2:], strict=True)):
            view = view.narrow(2 + axis, d + o * d, n)
        shifted[offset] = view
    squares = torch.cat([(shifted[a] - shifted[b]).square() for a, b in PAIRS], dim=1)
    return box_sum(squares, radius_vox) / box_sum(torch.ones_like(image[:1]), radius_vox)


class MIND(nn.Module):
    """`mind_loss` as a module."""

    def __init__(self, *, distance_mm: float = 3.0, radius_mm: float = 3.0, recompute: bool | None = None) -> None:
        super().__init__()
        self.distance_mm, self.radius_mm, self.recompute = distance_mm, radius_mm, recompute

    def support_vox(self, spacing_mm: Sequence[float]) -> tuple[int, int, int]:
        """Return how far from the mask a voxel can influence the loss."""
        distance = voxels_within(self.distance_mm, spacing_mm, at_least=1)
        radius = voxels_within(self.radius_mm, spacing_mm)
        return distance[0] + radius[0], distance[1] + radius[1], distance[2] + radius[2]

    def forward(
        self, fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float]
    ) -> Tensor:
        """Return the loss (B,)."""
        return mind_loss(
            fixed,
            warped,
            mask,
            spacing_mm=spacing_mm,
            distance_mm=self.distance_mm,
            radius_mm=self.radius_mm,
            recompute=self.recompute,
        )

"""Modality-independent neighbourhood descriptor: self-similarity context."""

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from hepareg.errors import InputError
from hepareg.similarity.box import box_sum
from hepareg.similarity.inputs import prepare, voxels_within, weighted_mean

__all__ = ["mind_descriptor", "mind_loss"]

NEIGHBOURS = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
PAIRS = tuple((a, b) for a, b in combinations(NEIGHBOURS, 2) if tuple(-x for x in a) != b)
"""The twelve pairs of face neighbours that are not opposite each other."""

SLAB_VOXELS = 2_000_000
"""Regions of more voxels are compared slab by slab: comparing needs about half a kilobyte a voxel."""

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

    A descriptor compares the patches around a voxel with each other. It does not depend on their
    brightness: a vein that is dark in one phase and bright in the other has the same descriptor.

    Parameters
    ----------
    fixed, warped
        (B, 1, I, J, K) on the fixed grid.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Spacing of the grid along i, j, k.
    distance_mm
        Distance in mm of the six neighbours from the voxel; rounded to whole voxels along each axis,
        at least one.
    radius_mm
        Half width in mm of the patches; rounded to whole voxels along each axis, 0 is a single voxel.
    recompute
        Whether the descriptors are computed again in the backward pass instead of being stored: more
        time, less memory, the same loss. None: only if the bounding box of the mask has more than
        two million voxels (`SLAB_VOXELS`); above that number memory does not grow any further.

    Returns
    -------
    Tensor
        (B,), in [0, 1]; 0 is best. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match, if there are several channels, or if spacing, distance or radius
        are not usable lengths.

    Notes
    -----
    Support: distance plus radius, in voxels from the mask. Equation: see `mind_descriptor`.

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
        (B, 1, I, J, K) of the mean that gives the typical variance.
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
    """Return the loss of `mind_loss`, keeping one slab across the longest axis in memory at a time.

    The first pass computes the typical variances, which are means over the whole mask; the second pass
    compares the slabs. Each slab is computed with a margin on both sides as wide as its descriptors
    reach, so that the cuts between slabs change nothing.
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
    """Return part(*arguments), whose intermediate values the backward pass computes again instead of storing."""
    return checkpoint(part, *arguments, use_reentrant=False, preserve_rng_state=False)


def _excess_distances(image: Tensor, distance_vox: Sequence[int], radius_vox: Sequence[int]) -> Tensor:
    """Return the distance of each pair of patches minus the distance of the closest pair: (B, 12, I, J, K)."""
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

"""Joint histogram of two images with smooth bins, from which the information losses are computed."""

import torch
from torch import Tensor

from hepareg.errors import InputError

__all__ = ["entropies", "joint_histogram"]

EDGE_BINS = 1
"""Empty bins at either end, into which the spline of the outermost intensities extends."""


def joint_histogram(fixed: Tensor, warped: Tensor, weights: Tensor, *, num_bins: int) -> Tensor:
    """Return the joint probability of binned intensities: (B, num_bins, num_bins), [fixed, warped], sum 1.

    Parameters
    ----------
    fixed, warped
        (B, 1, I, J, K), float32 or float64. The bins span the range of each image in the mask: clamp
        the intensities to a window first, or a single metal clip uses up most of the bins.
    weights
        (B, 1, I, J, K), >= 0.
    num_bins
        At least 4.

    Raises
    ------
    InputError
        If there are several channels or fewer than 4 bins.

    Notes
    -----
    Each voxel is shared among 3 x 3 bins by quadratic B-splines, whose derivative is continuous.
    Voxels of weight zero are dropped beforehand. The range is part of the derivative, so that a
    linear change of intensity changes neither the histogram nor its gradient.
    """
    if fixed.shape[1] != 1 or num_bins < 4:
        raise InputError(f"expected one channel and at least 4 bins, got {fixed.shape[1]} and {num_bins}")
    sample, *_ = torch.nonzero(weights, as_tuple=True)
    used = weights != 0
    position_f, position_w = (_bin_position(image, used, num_bins)[used] for image in (fixed, warped))
    (bin_f, share_f), (bin_w, share_w) = _spline(position_f), _spline(position_w)
    weight, size = weights[used], num_bins * num_bins
    histogram = torch.zeros(len(fixed) * size, dtype=fixed.dtype, device=fixed.device)
    origin = sample * size + (bin_f - 1) * num_bins + bin_w - 1
    for row, part_f in enumerate(share_f):
        part = part_f * weight
        for column, part_w in enumerate(share_w):
            histogram = histogram.index_add(0, origin + (row * num_bins + column), part * part_w)
    histogram = histogram.reshape(-1, num_bins, num_bins)
    return histogram / histogram.sum(dim=(1, 2), keepdim=True)


def entropies(joint: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the entropies in nats of fixed, warped and both together, each (B,)."""
    return _entropy(joint.sum(dim=2)), _entropy(joint.sum(dim=1)), _entropy(joint.flatten(1))


def _entropy(probability: Tensor) -> Tensor:
    # the floor only keeps log finite: 0 log 0 = 0
    return -(probability * probability.clamp_min(1e-30).log()).sum(dim=1)


def _bin_position(image: Tensor, used: Tensor, num_bins: int) -> Tensor:
    """Return intensities as fractional bin numbers in [EDGE_BINS, num_bins - 1 - EDGE_BINS]."""
    low = torch.where(used, image, torch.inf).amin(dim=(1, 2, 3, 4), keepdim=True)
    high = torch.where(used, image, -torch.inf).amax(dim=(1, 2, 3, 4), keepdim=True)
    unit = (image - low) / (high - low).clamp_min(1e-12)
    return EDGE_BINS + unit * (num_bins - 1 - 2 * EDGE_BINS)


def _spline(position: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Return the nearest bin, and the quadratic B-spline's weights of the bin below, this bin and the bin above."""
    centre = position.detach().round()
    t = position - centre
    return centre.long(), ((0.5 - t).square() / 2, 0.75 - t.square(), (0.5 + t).square() / 2)

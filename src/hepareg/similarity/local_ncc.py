"""Squared normalised cross-correlation in a moving box."""

from collections.abc import Sequence

from torch import Tensor

from hepareg.similarity.box import box_sum
from hepareg.similarity.inputs import prepare, voxels_within, weighted_mean

__all__ = ["local_ncc_loss"]

VARIANCE_FLOOR = 1e-4
"""Share of an image's variance in the mask that is added to each local variance: flat boxes count as unrelated."""


def local_ncc_loss(
    fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float], radius_mm: float = 9.0
) -> Tensor:
    """Return one minus the mean squared correlation coefficient of small boxes.

    Linear changes of intensity, of either sign, do not change the loss, even if they differ from
    place to place. Only voxels in the mask enter the means and variances of a box, so that ribs beside
    the liver, which move differently, have no influence. A box counts by its share in the mask.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) on the fixed grid; several channels are averaged.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Spacing of the grid along i, j, k.
    radius_mm
        Half width of the box in mm; rounded to whole voxels along each axis, at least one.

    Returns
    -------
    Tensor
        (B,), in [0, 1]; 0 is best, 1 is unrelated or flat. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match, or spacing or radius are not usable lengths.

    Notes
    -----
    cov^2 / ((var f + e)(var w + e)) with e = 1e-4 of the image's variance in the mask. Both images
    are first centred and scaled by their mean and deviation in the mask, which does not change the
    loss, so that E[x^2] - E[x]^2 loses no digits on Hounsfield units. Support: 0 voxels from the mask.

    References
    ----------
    Avants, B. B., Epstein, C. L., Grossman, M., Gee, J. C. Symmetric diffeomorphic image
    registration with cross-correlation. Medical Image Analysis 12, 2008.
    doi:10.1016/j.media.2007.06.004
    """
    radius = voxels_within(radius_mm, spacing_mm, at_least=1)
    fixed, warped, weights = prepare(fixed, warped, mask)
    fixed, warped = _standardised(fixed, weights), _standardised(warped, weights)
    count = box_sum(weights, radius)
    share = count.clamp_min(1e-6)

    def local_mean(values: Tensor) -> Tensor:
        return box_sum(values * weights, radius) / share

    mean_f, mean_w = local_mean(fixed), local_mean(warped)
    var_f = (local_mean(fixed.square()) - mean_f.square()).clamp_min(0) + VARIANCE_FLOOR
    var_w = (local_mean(warped.square()) - mean_w.square()).clamp_min(0) + VARIANCE_FLOOR
    covariance = local_mean(fixed * warped) - mean_f * mean_w
    return 1 - weighted_mean(covariance.square() / (var_f * var_w), weights * count)


def _standardised(image: Tensor, weights: Tensor) -> Tensor:
    """Return the image with mean 0 and variance 1 in the mask, per channel."""
    total = weights.flatten(2).sum(2)
    mean = (image * weights).flatten(2).sum(2) / total
    centred = image - mean[:, :, None, None, None]
    variance = (centred.square() * weights).flatten(2).sum(2) / total
    return centred / variance.clamp_min(1e-12).sqrt()[:, :, None, None, None]

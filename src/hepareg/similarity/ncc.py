"""Normalised cross-correlation over the whole mask."""

from collections.abc import Sequence

from torch import Tensor

from hepareg.similarity.inputs import prepare

__all__ = ["ncc_loss"]

VARIANCE_FLOOR = 1e-10
"""Smallest product of two variances to divide by: a constant image has the correlation 0 and a finite gradient."""


def ncc_loss(
    fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float] | None = None
) -> Tensor:
    """Return one minus the correlation coefficient of the intensities in the mask.

    A linear change of all intensities does not change the loss; a change that differs between tissues does.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) on the fixed grid; several channels are averaged.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Has no influence; every loss takes it.

    Returns
    -------
    Tensor
        (B,), in [0, 2]; 0 is best (linearly related), 1 for unrelated or constant images, 2 for inverted ones.
        NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    1 - cov(f, w) / sqrt(var f var w), means and (co)variances weighted by the mask and computed
    about the mean (two passes, exact on Hounsfield units). Support: 0 voxels from the mask.

    References
    ----------
    Lewis, J. P. Fast normalized cross-correlation. Vision Interface, 1995. Penney, G. P. et al. A
    comparison of similarity measures for use in 2-D-3-D medical image registration. IEEE Trans.
    Med. Imaging 17, 1998. doi:10.1109/42.730403
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    fixed, warped = _centred(fixed, weights), _centred(warped, weights)
    product = _mean(fixed.square(), weights) * _mean(warped.square(), weights)
    correlation = _mean(fixed * warped, weights) / product.clamp_min(VARIANCE_FLOOR).sqrt()
    return 1 - correlation.mean(dim=1)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean per channel: (B, C)."""
    return (values * weights).flatten(2).sum(2) / weights.flatten(2).sum(2)


def _centred(image: Tensor, weights: Tensor) -> Tensor:
    return image - _mean(image, weights)[:, :, None, None, None]

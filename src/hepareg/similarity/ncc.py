"""Normalised cross-correlation over the whole mask."""

from collections.abc import Sequence

from torch import Tensor, nn

from hepareg.similarity.inputs import prepare

__all__ = ["NCC", "ncc_loss"]

VARIANCE_FLOOR = 1e-10
"""Smallest product of the two variances: a constant image correlates with nothing, with finite gradients."""


def ncc_loss(fixed: Tensor, warped: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return one minus the correlation coefficient of the intensities in the mask.

    Blind to one linear change of all intensities, not to one that differs between tissues.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) on the fixed grid; several channels are averaged.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.

    Returns
    -------
    Tensor
        (B,), in [0, 2]; 0 is best (linearly related), 1 is unrelated or constant, 2 is inverted.
        NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    1 - cov(f, w) / sqrt(var f var w), means and (co)variances weighted by the mask and computed
    about the mean (two passes, exact on Hounsfield units). Support: 0 voxels.

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


class NCC(nn.Module):
    """`ncc_loss` as a module."""

    def support_vox(self, spacing_mm: Sequence[float]) -> tuple[int, int, int]:
        """Return how far from the mask a voxel can influence the loss."""
        return (0, 0, 0)

    def forward(
        self, fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float]
    ) -> Tensor:
        """Return the loss (B,); ``spacing_mm`` has no influence."""
        return ncc_loss(fixed, warped, mask)

"""Soft Dice of label maps."""

from collections.abc import Sequence

from torch import Tensor

from hepareg.similarity.inputs import prepare

__all__ = ["soft_dice_loss"]


def soft_dice_loss(
    fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float] | None = None
) -> Tensor:
    """Return one minus the Dice overlap of soft labels, averaged over the labels.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) membership in [0, 1] (or bool), one channel a label, no background channel.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Has no influence; every loss takes it.

    Returns
    -------
    Tensor
        (B,), in [0, 1]; 0 for equal labels, 1 without overlap. A label absent from both images counts as equal.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    1 - 2 sum f w / (sum f^2 + sum w^2). With squares in the denominator equal soft labels reach 0;
    with plain sums they would not. Support: 0 voxels from the mask.

    References
    ----------
    Milletari, F., Navab, N., Ahmadi, S.-A. V-Net: fully convolutional neural networks for
    volumetric medical image segmentation. 3DV 2016. doi:10.1109/3DV.2016.79
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    overlap = (fixed * warped * weights).flatten(2).sum(2)
    sizes = ((fixed.square() + warped.square()) * weights).flatten(2).sum(2)
    tiny = 1e-6
    return 1 - ((2 * overlap + tiny) / (sizes + tiny)).mean(dim=1)

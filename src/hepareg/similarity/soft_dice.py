"""Soft Dice of label maps."""

from collections.abc import Sequence

from torch import Tensor, nn

from hepareg.similarity.inputs import prepare

__all__ = ["SoftDice", "soft_dice_loss"]


def soft_dice_loss(fixed: Tensor, warped: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return one minus the Dice overlap of soft labels, averaged over the labels.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) membership in [0, 1] (or bool), one channel a label, no background channel.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.

    Returns
    -------
    Tensor
        (B,), in [0, 1]; 0 is equal, 1 has no overlap. A label absent from both counts as equal.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    1 - 2 sum f w / (sum f^2 + sum w^2): with squares in the denominator equal soft labels reach 0,
    which they do not with plain sums. Support: 0 voxels.

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


class SoftDice(nn.Module):
    """`soft_dice_loss` as a module."""

    def support_vox(self, spacing_mm: Sequence[float]) -> tuple[int, int, int]:
        """Return how far from the mask a voxel can influence the loss."""
        return (0, 0, 0)

    def forward(
        self, fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float]
    ) -> Tensor:
        """Return the loss (B,); ``spacing_mm`` has no influence."""
        return soft_dice_loss(fixed, warped, mask)

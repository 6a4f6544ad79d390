"""Mean squared difference."""

from collections.abc import Sequence

from torch import Tensor, nn

from hepareg.similarity.inputs import prepare, weighted_mean

__all__ = ["MSE", "mse_loss"]


def mse_loss(fixed: Tensor, warped: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the weighted mean squared difference.

    For images of one modality and one contrast phase only: a vein that is dark in one phase and
    bright in the other counts as an error.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) on the fixed grid.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.

    Returns
    -------
    Tensor
        (B,), in [0, inf), squared intensity units; 0 is best. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    Support: 0 voxels.

    Examples
    --------
    >>> import torch
    >>> mse_loss(torch.zeros(1, 1, 2, 2, 2), torch.full((1, 1, 2, 2, 2), 3.0))
    tensor([9.])
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    return weighted_mean((fixed - warped).square(), weights)


class MSE(nn.Module):
    """`mse_loss` as a module."""

    def support_vox(self, spacing_mm: Sequence[float]) -> tuple[int, int, int]:
        """Return how far from the mask a voxel can influence the loss."""
        return (0, 0, 0)

    def forward(
        self, fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float]
    ) -> Tensor:
        """Return the loss (B,); ``spacing_mm`` has no influence."""
        return mse_loss(fixed, warped, mask)

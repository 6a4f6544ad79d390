"""Mean squared difference."""

from collections.abc import Sequence

from torch import Tensor

from hepareg.similarity.inputs import prepare, weighted_mean

__all__ = ["mse_loss"]


def mse_loss(
    fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float] | None = None
) -> Tensor:
    """Return the weighted mean squared difference of the intensities.

    Use for images of one modality and one contrast phase only: a vein that is dark in one phase and
    bright in the other counts as an error.

    Parameters
    ----------
    fixed, warped
        (B, C, I, J, K) on the fixed grid.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Has no influence; every loss takes it.

    Returns
    -------
    Tensor
        (B,), in squared intensity units, in [0, inf); 0 is best. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    Support: 0 voxels from the mask.

    Examples
    --------
    >>> import torch
    >>> mse_loss(torch.zeros(1, 1, 2, 2, 2), torch.full((1, 1, 2, 2, 2), 3.0))
    tensor([9.])
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    return weighted_mean((fixed - warped).square(), weights)

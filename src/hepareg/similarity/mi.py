"""Mutual information."""

from collections.abc import Sequence

from torch import Tensor, nn

from hepareg.similarity.inputs import prepare
from hepareg.similarity.joint_histogram import entropies, joint_histogram

__all__ = ["MI", "mi_loss"]


def mi_loss(fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, num_bins: int = 32) -> Tensor:
    """Return minus the mutual information of the intensities in the mask.

    Sees any relation of the two intensities that holds in the whole mask, such as dark veins in one
    phase against bright ones in the other.

    Parameters
    ----------
    fixed, warped
        (B, 1, I, J, K) on the fixed grid, cut to an intensity window.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    num_bins
        Bins per image.

    Returns
    -------
    Tensor
        (B,), in nats, in [-log(num_bins), 0] (0 to rounding: unrelated or constant); lower is better. How low it
        gets depends on the images: never an absolute quality. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match, or with several channels.

    Notes
    -----
    H(f) + H(w) - H(f, w) with quadratic B-splines as Parzen windows. Support: 0 voxels.

    References
    ----------
    Viola, P., Wells, W. M. Alignment by maximization of mutual information. Int. J. Computer
    Vision 24, 1997. doi:10.1023/A:1007958904918. Mattes, D. et al. PET-CT image registration in the
    chest using free-form deformations. IEEE Trans. Med. Imaging 22, 2003. doi:10.1109/TMI.2003.809072
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    entropy_f, entropy_w, entropy_fw = entropies(joint_histogram(fixed, warped, weights, num_bins=num_bins))
    return entropy_fw - entropy_f - entropy_w


class MI(nn.Module):
    """`mi_loss` as a module."""

    def __init__(self, *, num_bins: int = 32) -> None:
        super().__init__()
        self.num_bins = num_bins

    def support_vox(self, spacing_mm: Sequence[float]) -> tuple[int, int, int]:
        """Return how far from the mask a voxel can influence the loss."""
        return (0, 0, 0)

    def forward(
        self, fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float]
    ) -> Tensor:
        """Return the loss (B,); ``spacing_mm`` has no influence."""
        return mi_loss(fixed, warped, mask, num_bins=self.num_bins)

"""Normalised mutual information."""

from collections.abc import Sequence

from torch import Tensor, nn

from hepareg.similarity.inputs import prepare
from hepareg.similarity.joint_histogram import entropies, joint_histogram

__all__ = ["NMI", "nmi_loss"]


def nmi_loss(fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, num_bins: int = 32) -> Tensor:
    """Return two minus the normalised mutual information of the intensities in the mask.

    As mutual information, but less drawn towards transforms that enlarge the overlap.

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
        (B,), in [0, 1]; lower is better, 1 is unrelated. 0 is not reached even by equal images:
        smooth bins leave the joint histogram a little wider than its diagonal. NaN under an empty
        mask.

    Raises
    ------
    InputError
        If the shapes do not match, or with several channels.

    Notes
    -----
    2 - (H(f) + H(w)) / H(f, w), quadratic B-splines as Parzen windows. Support: 0 voxels.

    References
    ----------
    Studholme, C., Hill, D. L. G., Hawkes, D. J. An overlap invariant entropy measure of 3D medical
    image alignment. Pattern Recognition 32, 1999. doi:10.1016/S0031-3203(98)00091-0
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    entropy_f, entropy_w, entropy_fw = entropies(joint_histogram(fixed, warped, weights, num_bins=num_bins))
    return 2 - (entropy_f + entropy_w) / entropy_fw


class NMI(nn.Module):
    """`nmi_loss` as a module."""

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
        return nmi_loss(fixed, warped, mask, num_bins=self.num_bins)

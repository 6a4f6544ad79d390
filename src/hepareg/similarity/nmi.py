"""Normalised mutual information."""

from collections.abc import Sequence

from torch import Tensor

from hepareg.similarity.inputs import prepare
from hepareg.similarity.joint_histogram import entropies, joint_histogram

__all__ = ["nmi_loss"]


def nmi_loss(
    fixed: Tensor,
    warped: Tensor,
    mask: Tensor | None = None,
    *,
    spacing_mm: Sequence[float] | None = None,
    num_bins: int = 32,
) -> Tensor:
    """Return two minus the normalised mutual information of the intensities in the mask.

    Like mutual information, but less biased towards transforms that enlarge the overlap.

    Parameters
    ----------
    fixed, warped
        (B, 1, I, J, K) on the fixed grid, cut to an intensity window.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Has no influence; every loss takes it.
    num_bins
        Number of histogram bins for each image, at least 4.

    Returns
    -------
    Tensor
        (B,), in [0, 1]; lower is better, 1 for unrelated images. Not even equal images reach 0,
        because smooth bins leave the joint histogram a little wider than its diagonal. NaN under an
        empty mask.

    Raises
    ------
    InputError
        If the shapes do not match, if there are several channels, or with fewer than 4 bins.

    Notes
    -----
    2 - (H(f) + H(w)) / H(f, w), quadratic B-splines as Parzen windows. Support: 0 voxels from the mask.

    References
    ----------
    Studholme, C., Hill, D. L. G., Hawkes, D. J. An overlap invariant entropy measure of 3D medical
    image alignment. Pattern Recognition 32, 1999. doi:10.1016/S0031-3203(98)00091-0
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    entropy_f, entropy_w, entropy_fw = entropies(joint_histogram(fixed, warped, weights, num_bins=num_bins))
    return 2 - (entropy_f + entropy_w) / entropy_fw

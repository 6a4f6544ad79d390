"""Mutual information."""

from collections.abc import Sequence

from torch import Tensor

from hepareg.similarity.inputs import prepare
from hepareg.similarity.joint_histogram import entropies, joint_histogram

__all__ = ["mi_loss"]


def mi_loss(
    fixed: Tensor,
    warped: Tensor,
    mask: Tensor | None = None,
    *,
    spacing_mm: Sequence[float] | None = None,
    num_bins: int = 32,
) -> Tensor:
    """Return minus the mutual information of the intensities in the mask.

    Any relation between the two intensities that holds in the whole mask lowers the loss, such as
    veins that are dark in one phase and bright in the other.

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
        (B,), in nats, in [-log(num_bins), 0]; lower is better, 0 (to rounding) for unrelated or
        constant images. The value at perfect alignment depends on the images, so the loss is not an
        absolute measure of quality. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match, if there are several channels, or with fewer than 4 bins.

    Notes
    -----
    H(f) + H(w) - H(f, w) with quadratic B-splines as Parzen windows. Support: 0 voxels from the mask.

    References
    ----------
    Viola, P., Wells, W. M. Alignment by maximization of mutual information. Int. J. Computer
    Vision 24, 1997. doi:10.1023/A:1007958904918. Mattes, D. et al. PET-CT image registration in the
    chest using free-form deformations. IEEE Trans. Med. Imaging 22, 2003. doi:10.1109/TMI.2003.809072
    """
    fixed, warped, weights = prepare(fixed, warped, mask)
    entropy_f, entropy_w, entropy_fw = entropies(joint_histogram(fixed, warped, weights, num_bins=num_bins))
    return entropy_fw - entropy_f - entropy_w

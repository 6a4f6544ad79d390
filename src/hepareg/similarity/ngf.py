"""Normalised gradient fields."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hepareg.errors import InputError
from hepareg.geometry.differences import voxel_gradient
from hepareg.similarity.inputs import prepare, voxels_within, weighted_mean

__all__ = ["ngf_loss"]


def ngf_loss(
    fixed: Tensor, warped: Tensor, mask: Tensor | None = None, *, spacing_mm: Sequence[float], edge: float = 1.0
) -> Tensor:
    """Return the mean squared sine of the angle between the edges of the two images, whatever their strength.

    Parameters
    ----------
    fixed, warped
        (B, 1, I, J, K) on the fixed grid.
    mask
        (B, 1, I, J, K) weights or bool; None counts every voxel.
    spacing_mm
        Spacing of the grid along i, j, k: gradients are per mm.
    edge
        Gradients well below this multiple of the mean gradient of their image in the mask count as noise.

    Returns
    -------
    Tensor
        (B,), in [0, 1]; 0 is best (equal images), 1 if strong edges cross at a right angle
        everywhere. NaN under an empty mask.

    Raises
    ------
    InputError
        If the shapes do not match, or if there are several channels.

    Notes
    -----
    1 - (<g, h> + e^2)^2 / ((|g|^2 + e^2)(|h|^2 + e^2)), g and h the gradients, each in units of its
    mean length in the mask, and e the option ``edge``. Because e^2 is in the numerator too, flat
    regions have no influence and equal images give exactly 0. Edges of opposite sign match as well.
    Support: 1 voxel from the mask.

    References
    ----------
    Haber, E., Modersitzki, J. Intensity gradient based registration and fusion of multi-modal
    images. Methods of Information in Medicine 46, 2007. doi:10.1160/ME9046. Koenig, L., Ruehaak, J.
    A fast and accurate parallel algorithm for non-linear image registration using normalized
    gradient fields. ISBI 2014. doi:10.1109/ISBI.2014.6867937
    """
    if fixed.ndim == 5 and fixed.shape[1] != 1:
        raise InputError(f"expected images with one channel, got {fixed.shape[1]}")
    voxels_within(0.0, spacing_mm)
    fixed, warped, weights = prepare(fixed, warped, mask, margin_vox=(1, 1, 1))
    spacing = torch.tensor([float(s) for s in spacing_mm], dtype=fixed.dtype, device=fixed.device)
    g, h = (_relative_gradient(image, weights, spacing) for image in (fixed, warped))
    inner = (g * h).sum(dim=1, keepdim=True) + edge**2
    norms = (g.square().sum(1, keepdim=True) + edge**2) * (h.square().sum(1, keepdim=True) + edge**2)
    return weighted_mean(1 - inner.square() / norms, weights)


def _relative_gradient(image: Tensor, weights: Tensor, spacing: Tensor) -> Tensor:
    """Return the gradient per mm in units of its mean length in the mask: (B, 3, I, J, K)."""
    gradient = voxel_gradient(image)[:, 0] / spacing[:, None, None, None]
    # both floors keep derivatives finite where an image is flat
    length = (gradient.square().sum(dim=1, keepdim=True) + 1e-20).sqrt()
    return gradient / weighted_mean(length, weights).clamp_min(1e-6)[:, None, None, None, None]

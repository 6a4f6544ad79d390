"""Similarity losses, one per file, and the two tables that give each loss its name in settings.

Every loss is a pure function ``loss(fixed, warped, mask=None, *, spacing_mm, **options)`` that returns (B,). Lower is
better. Losses are weighted by the mask, batched and differentiable, and compute in float32 (or float64) also under
autocast. The keyword-only parameters after ``spacing_mm`` are the options of a loss: their defaults stand in that
signature alone, and their meaning in its docstring; training settings and documentation read both from there.

To add a loss, write its file and add its line to `IMAGE_LOSSES` or `LABEL_LOSSES`.

Why not the losses of MONAI: they take no mask (outside of a wrapper that only multiplies both images), so ribs and
spine beside the liver enter every window; radii are in voxels; spline mutual information takes one intensity range
for the whole batch, so the value of a sample depends on its neighbours, and keeps voxels x bins weights in memory;
there is no NCC, NMI, MIND or gradient field; and bending energy is per voxel, not per mm. Tests compare with MONAI
wherever the definitions coincide.
"""

from collections.abc import Callable

from torch import Tensor

from hepareg.similarity.boundary_distance import boundary_distance_loss
from hepareg.similarity.local_ncc import local_ncc_loss
from hepareg.similarity.mi import mi_loss
from hepareg.similarity.mind import mind_loss
from hepareg.similarity.mse import mse_loss
from hepareg.similarity.ncc import ncc_loss
from hepareg.similarity.ngf import ngf_loss
from hepareg.similarity.nmi import nmi_loss
from hepareg.similarity.soft_dice import soft_dice_loss

__all__ = ["IMAGE_LOSSES", "LABEL_LOSSES"]

IMAGE_LOSSES: dict[str, Callable[..., Tensor]] = {
    "mse": mse_loss,
    "ncc": ncc_loss,
    "local_ncc": local_ncc_loss,
    "nmi": nmi_loss,
    "mi": mi_loss,
    "mind": mind_loss,
    "ngf": ngf_loss,
}
"""Losses on the intensities of two images, by the names that settings use."""

LABEL_LOSSES: dict[str, Callable[..., Tensor]] = {
    "soft_dice": soft_dice_loss,
    "boundary_distance": boundary_distance_loss,
}
"""Losses on the labels of two images, by the names that settings use."""

"""Image measures, one per file: pure functions ``(fixed, warped, mask) -> (B,)`` and thin modules of them.

All are losses: lower is better. All are weighted by a mask, batched and differentiable, and run in
float32 (or float64) also under autocast. Every module is called as
``measure(fixed, warped, mask, spacing_mm=spacing)``.

Why not MONAI's: they take no mask (outside of a wrapper that only multiplies both images), so ribs and
spine beside the liver enter every window; radii are in voxels; its spline mutual information takes one
intensity range for the whole batch, so a sample's value depends on its neighbours, and keeps
voxels x bins weights in memory; there is no NCC, NMI, MIND or gradient field; and its bending energy
is per voxel, not per mm. Tests compare with them where the definitions coincide.
"""

from hepareg.similarity.boundary_distance import BoundaryDistance, boundary_distance_loss, distance_to_boundary_mm
from hepareg.similarity.local_ncc import LocalNCC, local_ncc_loss
from hepareg.similarity.mi import MI, mi_loss
from hepareg.similarity.mind import MIND, mind_descriptor, mind_loss
from hepareg.similarity.mse import MSE, mse_loss
from hepareg.similarity.ncc import NCC, ncc_loss
from hepareg.similarity.ngf import NGF, ngf_loss
from hepareg.similarity.nmi import NMI, nmi_loss
from hepareg.similarity.soft_dice import SoftDice, soft_dice_loss

__all__ = [
    "IMAGE_MEASURES",
    "LABEL_MEASURES",
    "MI",
    "MIND",
    "MSE",
    "NCC",
    "NGF",
    "NMI",
    "BoundaryDistance",
    "LocalNCC",
    "SoftDice",
    "boundary_distance_loss",
    "distance_to_boundary_mm",
    "local_ncc_loss",
    "mi_loss",
    "mind_descriptor",
    "mind_loss",
    "mse_loss",
    "ncc_loss",
    "ngf_loss",
    "nmi_loss",
    "soft_dice_loss",
]

IMAGE_MEASURES = {"mse": MSE, "ncc": NCC, "local_ncc": LocalNCC, "nmi": NMI, "mi": MI, "mind": MIND, "ngf": NGF}
"""Names of the image measures, for settings."""

LABEL_MEASURES = {"soft_dice": SoftDice, "boundary_distance": BoundaryDistance}
"""Names of the label measures, for settings."""

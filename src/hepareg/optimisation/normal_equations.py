"""Gauss-Newton's normal equations of six rigid parameters, for a batch of poses at once.

The parameters are a small motion of the fixed world applied before the current pose,
x -> R(w) (x - c) + c + t with c the samples' centre. The rotation is measured in mm of arc at
`ARC_RADIUS_MM`, so that all six parameters have one unit and one scale.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.geometry.rotations import about_centre, rotation_from_vector
from hepareg.transforms import RigidTransform

__all__ = ["ARC_RADIUS_MM", "NormalEquations", "jacobian", "moved", "moved_matrices"]

ARC_RADIUS_MM = 60.0
"""Radius that turns radians into mm: about the root mean square distance of liver voxels from its centroid."""


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """Quadratic model of an objective about B poses.

    Parameters
    ----------
    hessian
        (B, 6, 6) float64, Gauss-Newton's J' W J per mm^2.
    gradient
        (B, 6) float64, J' W r per mm.
    objective
        (B,) float64; lower is better, comparable between poses of one level.
    overlap
        (B,) share of the samples' weight that falls inside the moving image.
    """

    hessian: NDArray[np.floating]
    gradient: NDArray[np.floating]
    objective: NDArray[np.floating]
    overlap: NDArray[np.floating]


def jacobian(gradients: Tensor, offsets_mm: Tensor) -> Tensor:
    """Return (6, ...): derivative of a value along the six parameters, from its (3, ...) world gradient.

    A point x moves by w x (x - c) + t, so that the value changes by g . t + ((x - c) x g) . w.

    Parameters
    ----------
    gradients
        (3, ...) along x, y and z.
    offsets_mm
        (3, ...) x - c, broadcast to the gradients' shape.
    """
    J = torch.cat([torch.zeros_like(gradients), gradients])
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        J[a].addcmul_(offsets_mm[b], gradients[c], value=1 / ARC_RADIUS_MM)
        J[a].addcmul_(offsets_mm[c], gradients[b], value=-1 / ARC_RADIUS_MM)
    return J


def moved(transform: RigidTransform, step_mm: NDArray[np.floating], centre_mm: NDArray[np.floating]) -> RigidTransform:
    """Return the pose after a (6,) step: the step acts on fixed points first."""
    return RigidTransform(moved_matrices(transform.matrix, step_mm, centre_mm))


def moved_matrices(
    matrices: NDArray[np.floating], steps_mm: NDArray[np.floating], centre_mm: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return (..., 4, 4) poses after (..., 6) steps, as `moved` does, without projecting them onto rotations again."""
    turns = rotation_from_vector(steps_mm[..., :3] / ARC_RADIUS_MM)
    return matrices @ about_centre(turns, steps_mm[..., 3:], centre_mm)

"""Gauss-Newton's normal equations of six rigid parameters, for a batch of poses at once.

A residual may have further parameters beside the six, which `pose_part` eliminates.

The six parameters are a small motion of the template's world applied before the current pose,
x -> R(w) (x - c) + c + t with a centre c. The rotation is measured in mm of arc at
`ARC_RADIUS_MM`, so that all six parameters have one unit and one scale.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.geometry.rotations import about_centre, rotation_from_vector
from hepareg.transforms import RigidTransform

__all__ = ["ARC_RADIUS_MM", "UNDETERMINED", "NormalEquations", "apply_step", "apply_steps", "jacobian", "pose_part"]

ARC_RADIUS_MM = 60.0
"""Radius that turns radians into mm: about the root mean square distance of liver voxels from its centroid."""
UNDETERMINED = 1e-6
"""Parameters beside the pose stay unchanged along eigenvectors of less than this share of the largest eigenvalue."""


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
        (B,) share of the voxels' weight that falls inside the sampled image.
    """

    hessian: NDArray[np.floating]
    gradient: NDArray[np.floating]
    objective: NDArray[np.floating]
    overlap: NDArray[np.floating]

    @classmethod
    def for_pose(
        cls,
        hessian: NDArray[np.floating],
        gradient: NDArray[np.floating],
        objective: NDArray[np.floating],
        overlap: NDArray[np.floating],
    ) -> Self:
        """Return the equations of the six pose parameters from those of n parameters, the first six being the pose.

        ``hessian`` is (B, n, n), ``gradient`` (B, n); the others are eliminated (`pose_part`).
        """
        E = pose_part(hessian)
        return cls(E @ hessian @ np.swapaxes(E, -1, -2), (E @ gradient[..., None])[..., 0], objective, overlap)


def jacobian(gradients: Tensor, offsets_mm: Tensor) -> Tensor:
    """Return (6, ...): derivative of a value along the six pose parameters, from its (3, ...) world gradient.

    The first three parameters are the rotation about x, y and z in mm of arc at `ARC_RADIUS_MM`, the last three the
    translation in mm. For a rotation vector w in radians and a translation t, a point p moves by cross(w, p - c) + t,
    so that a value with gradient g changes by dot(cross(p - c, g), w) + dot(g, t). With the arc a = `ARC_RADIUS_MM` w,
    the six derivatives are cross(p - c, g) / `ARC_RADIUS_MM` and g.

    Parameters
    ----------
    gradients
        (3, ...) g along x, y and z, per mm.
    offsets_mm
        (3, ...) p - c in mm: positions minus the centre of rotation, broadcast to the gradients' shape.
    """
    J = torch.cat([torch.zeros_like(gradients), gradients])
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        J[a].addcmul_(offsets_mm[b], gradients[c], value=1 / ARC_RADIUS_MM)
        J[a].addcmul_(offsets_mm[c], gradients[b], value=-1 / ARC_RADIUS_MM)
    return J


def pose_part(hessian: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the (..., 6, n) matrix E that reduces the normal equations of n parameters to those of the pose alone.

    The first six parameters are the pose; E H E' and E g are their equations once the others have been solved for.
    E = [I, -H_po H_oo^-1], and E H E' is the Schur complement.

    Parameters
    ----------
    hessian
        (..., n, n), symmetric.
    """
    eye = np.broadcast_to(np.eye(6), (*hessian.shape[:-2], 6, 6))
    if hessian.shape[-1] == 6:
        return eye
    others = hessian[..., 6:, 6:]
    finite = np.isfinite(others).all(axis=(-2, -1), keepdims=True)  # the solver checks the rest
    eigenvalues, vectors = np.linalg.eigh(np.where(finite, others, 0.0))
    determined = eigenvalues > UNDETERMINED * np.maximum(eigenvalues[..., -1:], 1e-30)
    inverse = vectors / np.where(determined, eigenvalues, np.inf)[..., None, :] @ np.swapaxes(vectors, -1, -2)
    return np.concatenate([eye, -hessian[..., :6, 6:] @ inverse], axis=-1)


def apply_step(
    transform: RigidTransform, step_mm: NDArray[np.floating], centre_mm: NDArray[np.floating]
) -> RigidTransform:
    """Return the pose after a (6,) step in mm, which moves the template's points before the pose does."""
    return RigidTransform(apply_steps(transform.matrix, step_mm, centre_mm))


def apply_steps(
    matrices: NDArray[np.floating], steps_mm: NDArray[np.floating], centre_mm: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the (..., 4, 4) poses of `apply_step` for (..., 6) steps, without projecting them onto rotations again."""
    turns = rotation_from_vector(steps_mm[..., :3] / ARC_RADIUS_MM)
    return matrices @ about_centre(turns, steps_mm[..., 3:], centre_mm)

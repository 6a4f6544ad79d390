"""Errors of predicted poses in batches, as `hepareg.evaluation` computes them for one pose."""

import torch
from torch import Tensor

__all__ = ["point_error_mm", "rotation_error_deg"]


def point_error_mm(predicted: Tensor, truth: Tensor, points: Tensor) -> Tensor:
    """Return the (B,) mean distance in mm between the images of (B, N, 3) world points under two (B, 4, 4) maps."""
    difference = predicted.double() - truth.double()
    moved = torch.einsum("...ab,...nb->...na", difference[..., :3, :3], points.double()) + difference[..., None, :3, 3]
    return moved.norm(dim=-1).mean(dim=-1)


def rotation_error_deg(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the (B,) geodesic angle between the rotations of two (B, 4, 4) rigid maps, in [0, 180].

    Computed from the Frobenius norm, |R - Q| = 2 sqrt(2) sin(angle / 2), which is exact for small angles;
    the arc cosine of a trace is not.
    """
    gap = torch.linalg.matrix_norm(predicted[..., :3, :3].double() - truth[..., :3, :3].double())
    return torch.rad2deg(2 * torch.asin((gap / 8**0.5).clamp(max=1.0)))

"""Twelve numbers of which only the rigid part is kept: the comparison to six."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hepareg.networks.lie import rigid_matrix
from hepareg.networks.polar import polar_rotation
from hepareg.networks.pooling import MomentHead
from hepareg.networks.region import spacing_mm, to_world

__all__ = ["AffineRigidDecoder", "AffineRigidDecoderSettings"]

LARGEST_DEPARTURE = 0.9
"""Bound of |A - I| (Frobenius): below 1 no singular value reaches 0, so the determinant stays positive."""


@dataclass(frozen=True)
class AffineRigidDecoderSettings:
    """Settings of `AffineRigidDecoder`; as those of `RigidDecoder`, the linear part's scale without unit."""

    width: int = 32
    hidden: int = 64
    moments: bool = True
    linear_scale: float = 0.1
    translation_scale_mm: float = 10.0


class AffineRigidDecoder(nn.Module):
    """Pooled features to an affine map, of which the polar decomposition keeps the rotation.

    Scale and shear are thrown away after they were predicted: three of the twelve numbers' nine
    linear ones matter. Kept as a comparison. The identity before training.

    Parameters
    ----------
    channels, strides
        Of the encoder's levels.
    settings
        See `AffineRigidDecoderSettings`.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], settings: AffineRigidDecoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.head = MomentHead(
            channels, strides, 12, width=settings.width, hidden=settings.hidden, moments=settings.moments
        )

    def forward(self, features: Sequence[Tensor], world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return twelve numbers (B, 12): the linear part minus identity row by row, then the translation."""
        return self.head(features, spacing_mm(world_from_voxel), shape)

    def matrix(self, numbers: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the rigid part, (B, 4, 4) in world mm about the region's centre, float64, of twelve numbers."""
        numbers = numbers.double()
        rotation = polar_rotation(self.linear(numbers))
        return to_world(
            rigid_matrix(rotation, numbers[:, 9:] * self.settings.translation_scale_mm), world_from_voxel, shape
        )

    def linear(self, numbers: Tensor) -> Tensor:
        """Return the affine's linear part (B, 3, 3), scale and shear included, of determinant > 0."""
        departure = numbers[:, :9].unflatten(1, (3, 3)) * self.settings.linear_scale
        size = departure.square().sum(dim=(1, 2), keepdim=True)
        departure = departure / (1 + size / LARGEST_DEPARTURE**2).sqrt()
        return departure + torch.eye(3, dtype=numbers.dtype, device=numbers.device)

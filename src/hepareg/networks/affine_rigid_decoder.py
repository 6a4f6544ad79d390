"""Rigid decoder with twelve outputs, an affine map of which only the rigid part is kept; for comparison."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hepareg.networks.lie import rigid_matrix
from hepareg.networks.polar import polar_rotation
from hepareg.networks.pooling import MomentHead
from hepareg.networks.region import spacing_mm, to_world

__all__ = ["AffineRigidDecoder", "AffineRigidDecoderSettings"]

LARGEST_DEPARTURE = 0.9
"""Largest Frobenius norm of A - I. Below 1 no singular value of A reaches 0, so its determinant stays positive."""


@dataclass(frozen=True)
class AffineRigidDecoderSettings:
    """Settings of `AffineRigidDecoder`.

    Parameters
    ----------
    width
        Number of channels of each level before pooling; 0 pools the encoder's channels themselves.
    hidden
        Width of the hidden layer after the pooling; 0 leaves the layer out.
    moments
        Whether first moments are pooled beside means.
    linear_scale
        Entry of the linear part minus the identity, without unit, for an output of 1.
    translation_scale_mm
        Translation in mm for an output of 1.
    """

    pairwise: ClassVar[bool] = True
    raw_output: ClassVar[str] = (
        "twelve numbers: a linear part minus the identity, row by row, and a translation; the polar decomposition of "
        "the linear part gives the rotation"
    )

    width: int = 32
    hidden: int = 64
    moments: bool = True
    linear_scale: float = 0.1
    translation_scale_mm: float = 10.0

    def build(self, channels: Sequence[int], strides: Sequence[int]) -> "AffineRigidDecoder":
        """Return an untrained decoder; see `AffineRigidDecoder`."""
        return AffineRigidDecoder(channels, strides, self)


class AffineRigidDecoder(nn.Module):
    """Decoder from pooled features to an affine map, reduced to its rotation by the polar decomposition.

    Scale and shear are predicted and then discarded: of the nine numbers of the linear part only three
    degrees of freedom remain. The transform is the identity before training.

    Parameters
    ----------
    channels, strides
        Number of channels and stride of each level of the encoder.
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
        """Return the twelve outputs (B, 12): the linear part minus the identity, row by row, then the translation."""
        return self.head(features, spacing_mm(world_from_voxel), shape)

    def matrix(self, numbers: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the rigid (B, 4, 4) map of world points in mm, float64, of (B, 12) outputs."""
        numbers = numbers.double()
        rotation = polar_rotation(self.linear(numbers))
        return to_world(
            rigid_matrix(rotation, numbers[:, 9:] * self.settings.translation_scale_mm), world_from_voxel, shape
        )

    def linear(self, numbers: Tensor) -> Tensor:
        """Return the linear part (B, 3, 3) of (B, 12) outputs, scale and shear included, of determinant > 0."""
        departure = numbers[:, :9].unflatten(1, (3, 3)) * self.settings.linear_scale
        size = departure.square().sum(dim=(1, 2), keepdim=True)
        departure = departure / (1 + size / LARGEST_DEPARTURE**2).sqrt()
        return departure + torch.eye(3, dtype=numbers.dtype, device=numbers.device)

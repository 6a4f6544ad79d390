"""Rigid decoder with six outputs, a rotation vector and a translation: the default."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from hepareg.networks.lie import rigid_matrix, rotation_from_vector
from hepareg.networks.pooling import MomentHead
from hepareg.networks.region import spacing_mm, to_world

__all__ = ["RigidDecoder", "RigidDecoderSettings"]


@dataclass(frozen=True)
class RigidDecoderSettings:
    """Settings of `RigidDecoder`.

    Parameters
    ----------
    width
        Number of channels of each level before pooling; 0 pools the encoder's channels themselves.
    hidden
        Width of the hidden layer after the pooling; 0 leaves the layer out.
    moments
        Whether first moments are pooled beside means. As published: ``width=0, hidden=0, moments=False``.
    rotation_scale_rad
        Rotation in radians for an output of 1.
    translation_scale_mm
        Translation in mm for an output of 1. With the default scales a unit of rotation and a unit of
        translation move the surface of the liver by about the same distance.
    """

    pairwise: ClassVar[bool] = True
    raw_output: ClassVar[str] = (
        "six numbers: a rotation vector and a translation, in units of the decoder's scales, about the region's centre"
    )

    width: int = 32
    hidden: int = 64
    moments: bool = True
    rotation_scale_rad: float = 0.1
    translation_scale_mm: float = 10.0

    def build(self, channels: Sequence[int], strides: Sequence[int]) -> "RigidDecoder":
        """Return an untrained decoder; see `RigidDecoder`."""
        return RigidDecoder(channels, strides, self)


class RigidDecoder(nn.Module):
    """Decoder from pooled features to a rotation vector and a translation about the region's centre.

    The transform has neither scale nor shear by construction, and is the identity before training. The
    six outputs are the rotation vector and the translation along the voxel axes, in units of the scales
    in the settings.

    Parameters
    ----------
    channels, strides
        Number of channels and stride of each level of the encoder.
    settings
        See `RigidDecoderSettings`.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], settings: RigidDecoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.head = MomentHead(
            channels, strides, 6, width=settings.width, hidden=settings.hidden, moments=settings.moments
        )

    def forward(self, features: Sequence[Tensor], world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the six outputs (B, 6): rotation vector, then translation."""
        return self.head(features, spacing_mm(world_from_voxel), shape)

    def matrix(self, numbers: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the rigid (B, 4, 4) map of world points in mm, float64, of (B, 6) outputs."""
        numbers = numbers.double()
        rotation = rotation_from_vector(numbers[:, :3] * self.settings.rotation_scale_rad)
        local = rigid_matrix(rotation, numbers[:, 3:] * self.settings.translation_scale_mm)
        return to_world(local, world_from_voxel, shape)

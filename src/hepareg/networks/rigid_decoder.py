"""Six numbers on SE(3): the default rigid decoder."""

from collections.abc import Sequence
from dataclasses import dataclass

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
        Channels before pooling, per level; 0 pools the encoder's channels themselves.
    hidden
        Width of the hidden layer behind the pooling; 0 leaves it out.
    moments
        Pool first moments beside means. As published: ``width=0, hidden=0, moments=False``.
    rotation_scale_rad, translation_scale_mm
        What an output of 1 stands for; the ratio makes both move the organ's surface alike.
    """

    width: int = 32
    hidden: int = 64
    moments: bool = True
    rotation_scale_rad: float = 0.1
    translation_scale_mm: float = 10.0


class RigidDecoder(nn.Module):
    """Pooled features to a rotation vector and a translation, in world mm about the region's centre.

    No scale and no shear by construction; the identity before training. Six outputs: rotation
    vector and translation along the voxel axes, in units of the settings' scales.

    Parameters
    ----------
    channels, strides
        Of the encoder's levels.
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
        """Return six numbers (B, 6): rotation, then translation."""
        return self.head(features, spacing_mm(world_from_voxel), shape)

    def matrix(self, numbers: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the rigid (B, 4, 4) map of world points in mm, float64, of six numbers."""
        numbers = numbers.double()
        rotation = rotation_from_vector(numbers[:, :3] * self.settings.rotation_scale_rad)
        local = rigid_matrix(rotation, numbers[:, 3:] * self.settings.translation_scale_mm)
        return to_world(local, world_from_voxel, shape)

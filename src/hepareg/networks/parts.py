"""The tables of encoders and rigid decoders, and the interface that each kind has to offer.

A part is registered by its settings: a frozen dataclass whose fields are the options of the part, defaults included,
and whose method ``build`` returns the module. To add a part, write its file and add its line to `ENCODERS` or
`RIGID_DECODERS`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from torch import Tensor

from hepareg.networks.affine_rigid_decoder import AffineRigidDecoderSettings
from hepareg.networks.encoder import DilatedEncoderSettings, StridedEncoderSettings
from hepareg.networks.keypoint_decoder import KeypointRigidDecoderSettings
from hepareg.networks.rigid_decoder import RigidDecoderSettings

__all__ = [
    "ENCODERS",
    "RIGID_DECODERS",
    "AnyEncoder",
    "AnyEncoderSettings",
    "AnyRigidDecoder",
    "AnyRigidDecoderSettings",
]


class AnyEncoder(Protocol):
    """Module from an image, or from a pair concatenated along the channels, to features of one or several levels."""

    @property
    def channels(self) -> Sequence[int]:
        """Number of channels of each level."""

    @property
    def strides(self) -> Sequence[int]:
        """Stride of each level, in voxels of the image."""

    def __call__(self, image: Tensor, /) -> tuple[Tensor, ...]:
        """Return one feature map (B, channels, I', J', K') for each level, finest first."""


class AnyEncoderSettings(Protocol):
    """Settings of an encoder."""

    def build(self, in_channels: int) -> AnyEncoder:
        """Return an untrained encoder of images with this number of channels."""


class AnyRigidDecoder(Protocol):
    """Module from the features of a pair to a rigid transform, in two steps: raw output, then matrix."""

    def __call__(self, features: Sequence[Tensor], world_from_voxel: Tensor, shape: Sequence[int], /) -> Tensor:
        """Return the raw output of the convolutions and layers, before any geometry in float64."""

    def matrix(self, raw: Tensor, world_from_voxel: Tensor, shape: Sequence[int], /) -> Tensor:
        """Return the rigid (B, 4, 4) map of world points in mm, float64, that a raw output stands for."""


class AnyRigidDecoderSettings(Protocol):
    """Settings of a rigid decoder."""

    pairwise: ClassVar[bool]
    """Whether the encoder sees both images as one input of two channels, moving first.

    If not, it sees each image on its own, with the same weights; the features of both are then concatenated along the
    channels, moving first."""
    raw_output: ClassVar[str]
    """Raw output in words, for people who use an exported network."""

    def build(self, channels: Sequence[int], strides: Sequence[int]) -> AnyRigidDecoder:
        """Return an untrained decoder of features with these channels and strides, one of each a level."""


ENCODERS: dict[str, type[Any]] = {
    "efficient": StridedEncoderSettings,
    "published": DilatedEncoderSettings,
}
"""Settings of the encoders (`AnyEncoderSettings`), by the names that settings files use."""

RIGID_DECODERS: dict[str, type[Any]] = {
    "rigid": RigidDecoderSettings,
    "affine": AffineRigidDecoderSettings,
    "keypoints": KeypointRigidDecoderSettings,
}
"""Settings of the rigid decoders (`AnyRigidDecoderSettings`), by the names that settings files use."""

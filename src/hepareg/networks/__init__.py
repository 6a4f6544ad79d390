"""Networks that register: encoders, decoders and their union; plain torch."""

from hepareg.networks.affine_rigid_decoder import AffineRigidDecoder, AffineRigidDecoderSettings
from hepareg.networks.deformable_decoder import DeformableDecoder, DeformableDecoderSettings
from hepareg.networks.encoder import DilatedEncoder, DilatedEncoderSettings, StridedEncoder, StridedEncoderSettings
from hepareg.networks.keypoint_decoder import KeypointRigidDecoder, KeypointRigidDecoderSettings
from hepareg.networks.registration_net import (
    RawOutput,
    RegistrationNet,
    RegistrationNetSettings,
    RegistrationOutput,
)
from hepareg.networks.rigid_decoder import RigidDecoder, RigidDecoderSettings

__all__ = [
    "AffineRigidDecoder",
    "AffineRigidDecoderSettings",
    "DeformableDecoder",
    "DeformableDecoderSettings",
    "DilatedEncoder",
    "DilatedEncoderSettings",
    "KeypointRigidDecoder",
    "KeypointRigidDecoderSettings",
    "RawOutput",
    "RegistrationNet",
    "RegistrationNetSettings",
    "RegistrationOutput",
    "RigidDecoder",
    "RigidDecoderSettings",
    "StridedEncoder",
    "StridedEncoderSettings",
]

"""Registration networks in plain torch: encoders, decoders, and the network that joins them.

The encoders and rigid decoders stand in the tables of `hepareg.networks.parts`.
"""

from hepareg.networks.affine_rigid_decoder import AffineRigidDecoderSettings
from hepareg.networks.deformable_decoder import DeformableDecoderSettings
from hepareg.networks.encoder import DilatedEncoderSettings, StridedEncoderSettings
from hepareg.networks.keypoint_decoder import KeypointRigidDecoderSettings
from hepareg.networks.registration_net import RegistrationNet, RegistrationNetSettings, RegistrationOutput
from hepareg.networks.rigid_decoder import RigidDecoderSettings

__all__ = [
    "AffineRigidDecoderSettings",
    "DeformableDecoderSettings",
    "DilatedEncoderSettings",
    "KeypointRigidDecoderSettings",
    "RegistrationNet",
    "RegistrationNetSettings",
    "RegistrationOutput",
    "RigidDecoderSettings",
    "StridedEncoderSettings",
]

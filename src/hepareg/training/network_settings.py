"""Choice of a network by names, as settings files have it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from hepareg.networks import (
    AffineRigidDecoderSettings,
    DeformableDecoderSettings,
    DilatedEncoderSettings,
    KeypointRigidDecoderSettings,
    RegistrationNetSettings,
    RigidDecoderSettings,
    StridedEncoderSettings,
)

__all__ = ["NetworkSettings"]


class NetworkSettings(BaseModel):
    """Encoder and decoders by name; sections of those that are not chosen have no influence.

    The defaults of each part are written in that part's own settings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["rigid", "deformable", "both"] = "rigid"
    encoder: Literal["efficient", "published"] = "efficient"
    decoder: Literal["rigid", "affine", "keypoints"] = "rigid"
    efficient: StridedEncoderSettings = StridedEncoderSettings()
    published: DilatedEncoderSettings = DilatedEncoderSettings()
    rigid: RigidDecoderSettings = RigidDecoderSettings()
    affine: AffineRigidDecoderSettings = AffineRigidDecoderSettings()
    keypoints: KeypointRigidDecoderSettings = KeypointRigidDecoderSettings()
    deformable: DeformableDecoderSettings = DeformableDecoderSettings()

    def build(self) -> RegistrationNetSettings:
        """Return the settings of the network that is chosen."""
        return RegistrationNetSettings(
            mode=self.mode,
            encoder=getattr(self, self.encoder),
            rigid=getattr(self, self.decoder),
            deformable=self.deformable,
        )

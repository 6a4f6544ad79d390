"""Choice of a network by names, as settings files have it.

The names, options and defaults of encoders and decoders come from `hepareg.networks.parts`; none is written here.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, create_model

from hepareg.networks import DeformableDecoderSettings, RegistrationNetSettings
from hepareg.networks.parts import ENCODERS, RIGID_DECODERS
from hepareg.networks.registration_net import Mode

__all__ = ["NetworkSettings"]


def _one_of(table: Mapping[str, Any]) -> AfterValidator:
    """Return the check that a name stands in a table."""

    def check(name: str) -> str:
        if name not in table:
            raise ValueError(f"expected one of {', '.join(table)}")
        return name

    return AfterValidator(check)


_options: dict[str, Any] = {name: (part, part()) for name, part in {**ENCODERS, **RIGID_DECODERS}.items()}
_Sections: Any = create_model("_Sections", __config__=ConfigDict(extra="forbid", frozen=True), **_options)
"""A section of options for every encoder and every rigid decoder, under the part's name."""


class NetworkSettings(_Sections):
    """Encoder and decoders by name; the sections of parts that are not chosen have no influence."""

    mode: Mode = Field(default="rigid", description="predicted branches")
    encoder: Annotated[str, _one_of(ENCODERS)] = "efficient"
    decoder: Annotated[str, _one_of(RIGID_DECODERS)] = "rigid"
    deformable: DeformableDecoderSettings = DeformableDecoderSettings()

    def build(self) -> RegistrationNetSettings:
        """Return the settings of the network with the chosen parts."""
        return RegistrationNetSettings(
            mode=self.mode,
            encoder=getattr(self, self.encoder),
            rigid=getattr(self, self.decoder),
            deformable=self.deformable,
        )

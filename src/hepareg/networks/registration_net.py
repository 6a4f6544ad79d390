"""The registration network: from a pair of images to a rigid transform and, when asked, a deformation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hepareg.errors import InputError, SettingsError
from hepareg.networks.deformable_decoder import DeformableDecoder, DeformableDecoderSettings
from hepareg.networks.encoder import StridedEncoderSettings
from hepareg.networks.parts import AnyEncoderSettings, AnyRigidDecoder, AnyRigidDecoderSettings
from hepareg.networks.rigid_decoder import RigidDecoderSettings
from hepareg.transforms.displacement import jacobian_range

__all__ = ["Mode", "RawOutput", "RegistrationNet", "RegistrationNetSettings", "RegistrationOutput"]

Mode = Literal["rigid", "deformable", "both"]


@dataclass(frozen=True)
class RegistrationNetSettings:
    """Settings of `RegistrationNet`.

    Parameters
    ----------
    mode
        Predicted branches: ``rigid`` (the product), ``deformable``, or ``both``.
    encoder
        Settings of one of the encoders in `hepareg.networks.parts.ENCODERS`.
    rigid
        Settings of one of the decoders in `hepareg.networks.parts.RIGID_DECODERS`; unused in the mode ``deformable``.
    deformable
        Settings of the deformable decoder; unused in the mode ``rigid``.
    """

    mode: Mode = "rigid"
    encoder: AnyEncoderSettings = field(default_factory=StridedEncoderSettings)
    rigid: AnyRigidDecoderSettings = field(default_factory=RigidDecoderSettings)
    deformable: DeformableDecoderSettings = field(default_factory=DeformableDecoderSettings)

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise SettingsError(f"expected mode to be one of {', '.join(get_args(Mode))}, got {self.mode!r}")


@dataclass(frozen=True)
class RawOutput:
    """Output of the network's layers before any geometry, as `hepareg.networks.export` writes it.

    Parameters
    ----------
    rigid
        Raw output of the rigid decoder, (B, ...); None in the mode ``deformable``.
    gradients
        (B, 3, I', J', K') spatial gradients of the deformable decoder; None in the mode ``rigid``.
    """

    rigid: Tensor | None
    gradients: Tensor | None


@dataclass(frozen=True)
class RegistrationOutput:
    """A predicted transform x -> predicted (x + displacement(x)), from the fixed world to the start-aligned world.

    The start-aligned world is the moving world seen through the inverse of the start.
    """

    predicted: Tensor
    """(B, 4, 4) float64, rigid, world mm; the identity in the mode ``deformable``."""
    displacement: Tensor | None
    """(B, 3, I, J, K) world mm on the region's grid; None in the mode ``rigid``."""
    jacobian_range: Tensor
    """(B, 2) smallest and largest Jacobian determinant, detached; 1 and 1 for a rigid transform."""


class RegistrationNet(nn.Module):
    """Network that predicts the transform that remains between two images after a start.

    The caller samples the moving image onto the grid of the fixed region under the start. The whole
    transform is then moving_from_fixed = start @ predicted (after the displacement, if one is predicted),
    and the original moving image is sampled once through it with `hepareg.transforms.warp.warp`.

    Parameters
    ----------
    settings
        See `RegistrationNetSettings`.

    Notes
    -----
    The encoder sees the concatenated pair, moving first, or each image on its own with the same weights:
    see `hepareg.networks.parts.AnyRigidDecoderSettings.pairwise`. Before training every network predicts
    the identity.
    """

    def __init__(self, settings: RegistrationNetSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or RegistrationNetSettings()
        s = self.settings
        self.pairwise = s.mode == "deformable" or s.rigid.pairwise
        self.encoder = s.encoder.build(2 if self.pairwise else 1)
        strides = self.encoder.strides
        channels = [c if self.pairwise else 2 * c for c in self.encoder.channels]
        self.rigid: AnyRigidDecoder | None = None if s.mode == "deformable" else s.rigid.build(channels, strides)
        self.deformable = None if s.mode == "rigid" else DeformableDecoder(channels, strides, s.deformable)

    def forward(self, moving: Tensor, fixed: Tensor, world_from_voxel: Tensor) -> RegistrationOutput:
        """Return the predicted transform.

        Parameters
        ----------
        moving, fixed
            (B, 1, I, J, K) normalised intensities on the region's grid, moving sampled under the start.
        world_from_voxel
            (B, 4, 4) of the region's grid, world RAS mm.

        Raises
        ------
        InputError
            If shapes do not match or the region is too small for the encoder.
        """
        raw = self.raw(moving, fixed, world_from_voxel)
        return self.decode(raw, world_from_voxel, fixed.shape[2:])

    def raw(self, moving: Tensor, fixed: Tensor, world_from_voxel: Tensor) -> RawOutput:
        """Return the output of the decoders' layers, before any geometry in float64; parameters as for `forward`."""
        _check(moving, fixed, world_from_voxel)
        if self.pairwise:
            features = self.encoder(torch.cat([moving, fixed], dim=1))
        else:
            levels = zip(self.encoder(moving), self.encoder(fixed), strict=True)
            features = tuple(torch.cat(both, dim=1) for both in levels)
        return RawOutput(
            rigid=None if self.rigid is None else self.rigid(features, world_from_voxel, fixed.shape[2:]),
            gradients=None if self.deformable is None else self.deformable(features),
        )

    def decode(self, raw: RawOutput, world_from_voxel: Tensor, shape: Sequence[int]) -> RegistrationOutput:
        """Return the transform of a raw output, on the grid of ``shape`` and ``world_from_voxel``."""
        with torch.autocast(world_from_voxel.device.type, enabled=False):
            displacement = None
            determinants = torch.ones(len(world_from_voxel), 2, device=world_from_voxel.device)
            if self.rigid is not None and raw.rigid is not None:
                predicted = self.rigid.matrix(raw.rigid, world_from_voxel, shape)
            else:
                predicted = torch.eye(4, dtype=torch.float64, device=world_from_voxel.device)
                predicted = predicted.expand(len(world_from_voxel), 4, 4)
            if self.deformable is not None and raw.gradients is not None:
                displacement = self.deformable.displacement(raw.gradients, world_from_voxel, shape)
                determinants = jacobian_range(displacement.detach(), world_from_voxel)
        return RegistrationOutput(predicted, displacement, determinants)


def _check(moving: Tensor, fixed: Tensor, world_from_voxel: Tensor) -> None:
    if fixed.ndim != 5 or fixed.shape[1] != 1 or moving.shape != fixed.shape:
        raise InputError(
            "expected moving and fixed of one shape (batch, 1, I, J, K), "
            f"got {tuple(moving.shape)} and {tuple(fixed.shape)}; sample the moving image onto the fixed grid first"
        )
    if tuple(world_from_voxel.shape) != (len(fixed), 4, 4):
        raise InputError(
            f"expected world_from_voxel of shape {(len(fixed), 4, 4)}, got {tuple(world_from_voxel.shape)}"
        )

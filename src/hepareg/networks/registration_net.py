"""The network that registers: a pair of images to a rigid transform and, when asked, a deformation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from hepareg.errors import InputError, SettingsError
from hepareg.networks.affine_rigid_decoder import AffineRigidDecoder, AffineRigidDecoderSettings
from hepareg.networks.deformable_decoder import DeformableDecoder, DeformableDecoderSettings
from hepareg.networks.encoder import DilatedEncoder, DilatedEncoderSettings, StridedEncoder, StridedEncoderSettings
from hepareg.networks.keypoint_decoder import KeypointRigidDecoder, KeypointRigidDecoderSettings
from hepareg.networks.rigid_decoder import RigidDecoder, RigidDecoderSettings
from hepareg.transforms.displacement import jacobian_range

__all__ = ["Mode", "RawOutput", "RegistrationNet", "RegistrationNetSettings", "RegistrationOutput"]

Mode = Literal["rigid", "deformable", "both"]


@dataclass(frozen=True)
class RegistrationNetSettings:
    """Settings of `RegistrationNet`.

    Parameters
    ----------
    mode
        ``rigid`` (the product), ``deformable``, or ``both``.
    encoder
        `StridedEncoderSettings` (efficient) or `DilatedEncoderSettings` (published).
    rigid
        `RigidDecoderSettings`, `AffineRigidDecoderSettings` or `KeypointRigidDecoderSettings`.
    deformable
        `DeformableDecoderSettings`; used where the mode asks for it.
    """

    mode: Mode = "rigid"
    encoder: StridedEncoderSettings | DilatedEncoderSettings = field(default_factory=StridedEncoderSettings)
    rigid: RigidDecoderSettings | AffineRigidDecoderSettings | KeypointRigidDecoderSettings = field(
        default_factory=RigidDecoderSettings
    )
    deformable: DeformableDecoderSettings = field(default_factory=DeformableDecoderSettings)

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise SettingsError(f"expected mode to be one of {', '.join(get_args(Mode))}, got {self.mode!r}")


@dataclass(frozen=True)
class RawOutput:
    """What the convolutions give, before any geometry: what is exported.

    ``rigid`` is (B, 6) or (B, 12) numbers or (B, N, 7) keypoints; ``gradients`` is (B, 3, I', J', K')
    spatial gradients; None where the mode has no such branch.
    """

    rigid: Tensor | None
    gradients: Tensor | None


@dataclass(frozen=True)
class RegistrationOutput:
    """A predicted transform: x -> predicted (x + displacement(x)), fixed world to start-aligned world."""

    predicted: Tensor
    """(B, 4, 4) float64, rigid, world mm; the identity in the mode ``deformable``."""
    displacement: Tensor | None
    """(B, 3, I, J, K) world mm on the region's grid, or None in the mode ``rigid``."""
    jacobian_range: Tensor
    """(B, 2) smallest and largest Jacobian determinant, detached; 1 and 1 for a rigid transform."""


class RegistrationNet(nn.Module):
    """Predicts what remains between a fixed image and a moving one that a start has brought near.

    The moving image is sampled onto the fixed region's grid under the start; the whole transform is
    then moving_from_fixed = start @ predicted (after the displacement, where there is one), and the
    original moving image is sampled once through it with `hepareg.transforms.warp.warp`.

    Parameters
    ----------
    settings
        See `RegistrationNetSettings`.

    Notes
    -----
    With keypoints the encoder sees each image on its own, with the same weights; otherwise it sees
    the concatenated pair, moving first. Before training every variant predicts the identity.
    """

    def __init__(self, settings: RegistrationNetSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or RegistrationNetSettings()
        s = self.settings
        self.pairwise = s.mode == "deformable" or not isinstance(s.rigid, KeypointRigidDecoderSettings)
        images = 2 if self.pairwise else 1
        self.encoder = _encoder(images, s.encoder)
        channels, strides = self.encoder.channels, self.encoder.strides
        self.rigid = None if s.mode == "deformable" else _rigid_decoder(channels, strides, s.rigid)
        if s.mode == "rigid":
            self.deformable = None
        else:
            joined = channels if self.pairwise else [2 * c for c in channels]
            self.deformable = DeformableDecoder(joined, strides, s.deformable)

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
        """Return numbers, keypoints and gradients, before any geometry in float64; parameters as for `forward`."""
        _check(moving, fixed, world_from_voxel)
        shape = fixed.shape[2:]
        if self.pairwise:
            features = self.encoder(torch.cat([moving, fixed], dim=1))
            rigid = self.rigid(features, world_from_voxel, shape) if self.rigid is not None else None
        else:
            of_moving, of_fixed = self.encoder(moving), self.encoder(fixed)
            assert isinstance(self.rigid, KeypointRigidDecoder)
            rigid = self.rigid(of_fixed, of_moving, world_from_voxel, shape)
            features = tuple(torch.cat(pair, dim=1) for pair in zip(of_moving, of_fixed, strict=True))
        return RawOutput(rigid, self.deformable(features) if self.deformable is not None else None)

    def decode(self, raw: RawOutput, world_from_voxel: Tensor, shape: Sequence[int]) -> RegistrationOutput:
        """Return the transform that raw outputs stand for, on the grid of ``shape`` and ``world_from_voxel``."""
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


def _encoder(images: int, settings: StridedEncoderSettings | DilatedEncoderSettings) -> StridedEncoder | DilatedEncoder:
    if isinstance(settings, DilatedEncoderSettings):
        return DilatedEncoder(images, settings)
    return StridedEncoder(images, settings)


def _rigid_decoder(
    channels: Sequence[int],
    strides: Sequence[int],
    settings: RigidDecoderSettings | AffineRigidDecoderSettings | KeypointRigidDecoderSettings,
) -> RigidDecoder | AffineRigidDecoder | KeypointRigidDecoder:
    if isinstance(settings, KeypointRigidDecoderSettings):
        return KeypointRigidDecoder(channels, strides, settings)
    if isinstance(settings, AffineRigidDecoderSettings):
        return AffineRigidDecoder(channels, strides, settings)
    return RigidDecoder(channels, strides, settings)


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

"""Rigid decoder that finds keypoints in both images and fits the rigid map between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hepareg.networks.region import spacing_mm, to_world
from hepareg.networks.weighted_rigid_fit import weighted_rigid_fit

__all__ = ["KeypointRigidDecoder", "KeypointRigidDecoderSettings"]


@dataclass(frozen=True)
class KeypointRigidDecoderSettings:
    """Settings of `KeypointRigidDecoder`.

    Parameters
    ----------
    points_per_axis
        Number of keypoints along each axis of the lattice of anchors; one keypoint for each anchor.
    width
        Number of channels of the features from which keypoints are computed.
    reach
        Standard deviation of the Gaussian window of a keypoint about its anchor, in distances between
        anchors. The window limits the distance of a keypoint from its anchor.
    """

    pairwise: ClassVar[bool] = False
    raw_output: ClassVar[str] = (
        "keypoints (N, 7): position in the fixed image, position in the moving image (mm along the voxel axes from the "
        "region's centre), weight; the weighted least-squares rotation and translation (Kabsch) is the transform"
    )

    points_per_axis: int = 4
    width: int = 32
    reach: float = 0.5

    def build(self, channels: Sequence[int], strides: Sequence[int]) -> "KeypointRigidDecoder":
        """Return an untrained decoder; see `KeypointRigidDecoder`."""
        return KeypointRigidDecoder(channels, strides, self)


class KeypointRigidDecoder(nn.Module):
    """Decoder from the features of each image to keypoints, and the closed-form rigid fit of the two sets.

    Both images go through the same convolutions, so that equal images give exactly the identity. Each
    keypoint is the mean position under softmax(learned score - distance^2 / 2 reach^2), distance taken
    from its anchor. Before training all keypoints lie at their anchors in both images, which gives the
    identity as well. The weight of each keypoint in the fit is learned too. For degenerate keypoints see
    `hepareg.networks.weighted_rigid_fit.weighted_rigid_fit`.

    Parameters
    ----------
    channels, strides
        Number of channels and stride of each level, the channels of both images together.
    settings
        See `KeypointRigidDecoderSettings`.

    References
    ----------
    Wang, A. Q., Yu, E. M., Dalca, A. V., Sabuncu, M. R. A robust and interpretable deep learning
    framework for multi-modal registration via keypoints. Medical Image Analysis 90, 2023.
    doi:10.1016/j.media.2023.102962
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], settings: KeypointRigidDecoderSettings) -> None:
        super().__init__()
        self.settings = settings
        # Stride 4, or the nearest there is, is fine enough: a mean position is not bound to the grid.
        self.level = min(range(len(strides)), key=lambda n: abs(math.log2(strides[n]) - 2))
        self.stride = strides[self.level]
        self.num_points = settings.points_per_axis**3
        self.fuse = nn.Sequential(
            nn.Conv3d(sum(channels[self.level :]) // 2, settings.width, 3, padding=1), nn.LeakyReLU(0.2)
        )
        self.score = nn.Conv3d(settings.width, self.num_points, 1)
        self.confidence = nn.Conv3d(settings.width, 1, 1)
        for parameter in (*self.score.parameters(), *self.confidence.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, features: Sequence[Tensor], world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return (B, N, 7): fixed keypoint, moving keypoint (mm along the voxel axes, centred), weight.

        Along the channels of each level, the features of the moving image come first, then those of the fixed image.
        """
        spacing = spacing_mm(world_from_voxel)
        moving_features, fixed_features = zip(*(level.chunk(2, dim=1) for level in features), strict=True)
        fixed, confidence_f = self._keypoints(fixed_features, spacing, shape)
        moving, confidence_m = self._keypoints(moving_features, spacing, shape)
        weights = torch.sigmoid(confidence_f + confidence_m)
        return torch.cat([fixed, moving, weights[..., None]], dim=-1)

    def matrix(self, keypoints: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the rigid (B, 4, 4) map of world points in mm, float64, that takes fixed to moving keypoints."""
        local = weighted_rigid_fit(keypoints[..., :3], keypoints[..., 3:6], keypoints[..., 6])
        return to_world(local, world_from_voxel, shape)

    def _keypoints(self, features: Sequence[Tensor], spacing: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the positions (B, N, 3) and confidences (B, N) of the keypoints in one image."""
        finest = features[self.level]
        levels = [finest] + [
            functional.interpolate(x, size=finest.shape[2:], mode="trilinear") for x in features[self.level + 1 :]
        ]
        fused = self.fuse(torch.cat(levels, dim=1))
        dtype = self.score.weight.dtype
        score, confidence = self.score(fused).to(dtype), self.confidence(fused).to(dtype)
        positions = self._positions(finest.shape[2:], spacing.to(finest.device, dtype), shape)
        window = self._window(positions, spacing.to(finest.device, dtype), shape)
        attention = (score + window).flatten(2).softmax(dim=2).unflatten(2, finest.shape[2:])
        marginals = (attention.sum(dim=(3, 4)), attention.sum(dim=(2, 4)), attention.sum(dim=(2, 3)))
        points = [(m * p[:, None]).sum(dim=2) for m, p in zip(marginals, positions, strict=True)]
        return torch.stack(points, dim=2), (attention * confidence).flatten(2).sum(dim=2)

    def _positions(self, size: Sequence[int], spacing: Tensor, shape: Sequence[int]) -> list[Tensor]:
        """Return the positions in mm from the region's centre of the feature voxels: (B, size) for each axis."""
        voxels = [
            torch.arange(n, dtype=spacing.dtype, device=spacing.device) * self.stride - (shape[axis] - 1) / 2
            for axis, n in enumerate(size)
        ]
        return [v * spacing[:, axis, None] for axis, v in enumerate(voxels)]

    def _window(self, positions: list[Tensor], spacing: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the logarithms (B, N, I', J', K') of the Gaussian windows about the anchors."""
        count = self.settings.points_per_axis
        unit = (torch.arange(count, dtype=spacing.dtype, device=spacing.device) + 0.5) / count - 0.5
        exponents = []
        for axis, position in enumerate(positions):
            extent = spacing[:, axis, None, None] * shape[axis]
            distance = (position[:, None] - unit[:, None] * extent) / (self.settings.reach * extent / count)
            exponents.append(-distance.square() / 2)
        i, j, k = exponents
        lattice = (
            i[:, :, None, None, :, None, None] + j[:, None, :, None, None, :, None] + k[:, None, None, :, None, None, :]
        )
        return lattice.flatten(1, 3)

"""Soft keypoints in both images and the rigid map between them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hepareg.networks.region import spacing_mm, to_world
from hepareg.networks.rigid_fit import fit_rigid

__all__ = ["KeypointRigidDecoder", "KeypointRigidDecoderSettings"]


@dataclass(frozen=True)
class KeypointRigidDecoderSettings:
    """Settings of `KeypointRigidDecoder`.

    Parameters
    ----------
    points_per_axis
        Keypoints are anchored to a lattice of so many points along each axis.
    width
        Channels of the features from which keypoints are read.
    reach
        Standard deviation of the window of a keypoint about its anchor, in anchor distances: how
        far a keypoint can move.
    """

    points_per_axis: int = 4
    width: int = 32
    reach: float = 0.5


class KeypointRigidDecoder(nn.Module):
    """Features of each image on its own to keypoints, and the closed-form rigid fit of the two sets.

    The same convolutions look at both images, so equal images give the identity, exactly. Each
    keypoint is the mean position under softmax(learned score - distance^2 / 2 reach^2) around its
    anchor; before training all keypoints sit at their anchors in both images: the identity as well,
    and well spread. A keypoint's weight in the fit is learned too. Degenerate keypoints: see
    `hepareg.networks.rigid_fit.fit_rigid`.

    Parameters
    ----------
    channels, strides
        Of the encoder's levels (an encoder of single images).
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
        # keypoints are read at stride 4 (or the nearest there is): a mean position is finer than its grid
        self.level = min(range(len(strides)), key=lambda n: abs(math.log2(strides[n]) - 2))
        self.stride = strides[self.level]
        self.num_points = settings.points_per_axis**3
        self.fuse = nn.Sequential(
            nn.Conv3d(sum(channels[self.level :]), settings.width, 3, padding=1), nn.LeakyReLU(0.2)
        )
        self.score = nn.Conv3d(settings.width, self.num_points, 1)
        self.confidence = nn.Conv3d(settings.width, 1, 1)
        for parameter in (*self.score.parameters(), *self.confidence.parameters()):
            nn.init.zeros_(parameter)

    def forward(
        self,
        fixed_features: Sequence[Tensor],
        moving_features: Sequence[Tensor],
        world_from_voxel: Tensor,
        shape: Sequence[int],
    ) -> Tensor:
        """Return (B, N, 7): fixed keypoint, moving keypoint (mm along the voxel axes, centred), weight."""
        spacing = spacing_mm(world_from_voxel)
        fixed, confidence_f = self._keypoints(fixed_features, spacing, shape)
        moving, confidence_m = self._keypoints(moving_features, spacing, shape)
        weights = torch.sigmoid(confidence_f + confidence_m)
        return torch.cat([fixed, moving, weights[..., None]], dim=-1)

    def matrix(self, keypoints: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the rigid (B, 4, 4) map of world points in mm, float64, that takes fixed to moving keypoints."""
        local = fit_rigid(keypoints[..., :3], keypoints[..., 3:6], keypoints[..., 6])
        return to_world(local, world_from_voxel, shape)

    def _keypoints(self, features: Sequence[Tensor], spacing: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return positions (B, N, 3) and confidences (B, N) in one image."""
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
        """Return the mm along each axis, from the region's centre, of the feature voxels: three (B, size)."""
        voxels = [
            torch.arange(n, dtype=spacing.dtype, device=spacing.device) * self.stride - (shape[axis] - 1) / 2
            for axis, n in enumerate(size)
        ]
        return [v * spacing[:, axis, None] for axis, v in enumerate(voxels)]

    def _window(self, positions: list[Tensor], spacing: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the logarithm (B, N, I', J', K') of the Gaussian windows about the anchors."""
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

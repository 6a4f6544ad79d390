"""Deformable decoder: predicts spatial gradients and integrates them to a displacement in world mm."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from hepareg.errors import SettingsError
from hepareg.transforms.warp import warp

__all__ = ["DeformableDecoder", "DeformableDecoderSettings", "integrate_gradients"]


@dataclass(frozen=True)
class DeformableDecoderSettings:
    """Settings of `DeformableDecoder`; the defaults are the published ones.

    Parameters
    ----------
    channels
        Number of output channels of each 3x3x3 convolution.
    squeeze_ratio
        Number of channels divided by the width of the squeeze-excitation's hidden layer.
    negative_slope
        Slope of the leaky ReLU for negative values.
    first_level
        Finest level of the encoder that is used, counted from 0, or its last level if it has fewer: 1
        is stride 4 of the efficient encoder and full resolution of the published one.
    checkpoint
        Whether activations are computed again in the backward pass instead of being stored: less
        memory, more time.
    """

    channels: tuple[int, ...] = (128, 64, 32, 32, 32)
    squeeze_ratio: int = 8
    negative_slope: float = 0.2
    first_level: int = 1
    checkpoint: bool = False

    def __post_init__(self) -> None:
        if not self.channels or self.squeeze_ratio < 1 or self.first_level < 0:
            raise SettingsError("expected at least one convolution, a squeeze ratio >= 1 and a first level >= 0")


class DeformableDecoder(nn.Module):
    """Decoder from features to spatial gradients in (0, 2), which are integrated to a displacement.

    A gradient of 1 is no deformation; before training all gradients are 1. Because gradients are
    positive, positions along each voxel axis keep their order.

    Parameters
    ----------
    channels, strides
        Number of channels and stride of each level of the encoder; coarser levels are interpolated to
        the finest level that is used.
    settings
        See `DeformableDecoderSettings`.

    References
    ----------
    Christodoulidis, S. et al. Linear and deformable image registration with 3D convolutional neural
    networks. RAMBO workshop, MICCAI 2018. doi:10.1007/978-3-030-00946-5_2. Hu, J., Shen, L., Sun, G.
    Squeeze-and-excitation networks. CVPR 2018. doi:10.1109/CVPR.2018.00745
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], settings: DeformableDecoderSettings) -> None:
        super().__init__()
        self.settings = settings
        self.first = min(settings.first_level, len(strides) - 1)
        self.stride = strides[self.first]
        total = sum(channels[self.first :])
        squeezed = max(total // settings.squeeze_ratio, 1)
        self.excite = nn.Sequential(
            nn.Linear(total, squeezed), nn.ReLU(inplace=True), nn.Linear(squeezed, total), nn.Sigmoid()
        )
        layers: list[nn.Module] = []
        for a, b in zip((total, *settings.channels[:-1]), settings.channels, strict=True):
            layers += [
                nn.Conv3d(a, b, 3, padding=1, bias=False),
                nn.InstanceNorm3d(b, affine=True),
                nn.LeakyReLU(settings.negative_slope, inplace=True),
            ]
        self.convolutions = nn.Sequential(*layers)
        self.out = nn.Conv3d(settings.channels[-1], 3, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return spatial gradients (B, 3, I', J', K') in (0, 2) on the grid of the finest level that is used."""
        if self.settings.checkpoint and self.training and torch.is_grad_enabled():
            raw = checkpoint(self._raw, *features[self.first :], use_reentrant=False)
        else:
            raw = self._raw(*features[self.first :])
        return 2 * torch.sigmoid(raw.to(self.out.weight.dtype))

    def _raw(self, finest: Tensor, *coarser: Tensor) -> Tensor:
        """Return the output (B, 3, I', J', K') of the last convolution; 0 stands for no deformation."""
        enlarged = (functional.interpolate(x, size=finest.shape[2:], mode="trilinear") for x in coarser)
        x = torch.cat([finest, *enlarged], dim=1)
        x = x * self.excite(x.mean(dim=(2, 3, 4)))[:, :, None, None, None]
        return self.out(self.convolutions(x))

    def displacement(self, gradients: Tensor, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the displacement (B, 3, I, J, K) in world mm, on the region's grid, of spatial gradients.

        On a strided level the displacement is integrated on the grid of that level, whose voxel o is
        voxel stride * o of the region, and then interpolated linearly to the grid of the region.
        """
        world_from_level = world_from_voxel.double().clone()
        world_from_level[:, :3, :3] *= self.stride
        coarse = integrate_gradients(gradients, world_from_level)
        if tuple(coarse.shape[2:]) == tuple(shape):
            return coarse
        return warp(
            coarse,
            moving_world_from_voxel=world_from_level,
            fixed_world_from_voxel=world_from_voxel,
            fixed_shape=(shape[0], shape[1], shape[2]),
            padding="border",
        ).image


def integrate_gradients(gradients: Tensor, world_from_voxel: Tensor) -> Tensor:
    """Return the displacement in world mm that has the given spatial gradients along the voxel axes.

    Parameters
    ----------
    gradients
        (B, 3, I, J, K): channel 0 is the derivative of the new i with respect to i, and so on.
    world_from_voxel
        (B, 4, 4) of the grid of the gradients.

    Returns
    -------
    Tensor
        (B, 3, I, J, K) u(x), world mm; zero if all gradients are 1.

    Notes
    -----
    From one voxel centre to the next, the position advances by the mean of the gradients of both voxels
    (trapezoid rule); a plain cumulative sum would place the result half a voxel off. The first voxel of
    each line stays in place. The sum runs over the gradient minus 1, so that the identity is exact on
    long lines too. Components along voxel axes become components in world mm by the 3x3 block of the
    matrix, which holds spacing, axis order and direction.
    """
    with torch.autocast(gradients.device.type, enabled=False):
        excess = gradients.to(torch.promote_types(gradients.dtype, torch.float32)) - 1
        components = []
        for component, axis in enumerate((1, 2, 3)):
            line = excess[:, component]
            n = line.shape[axis]
            steps = (line.narrow(axis, 1, n - 1) + line.narrow(axis, 0, n - 1)) / 2
            start = torch.zeros_like(line.narrow(axis, 0, 1))
            components.append(torch.cat([start, steps.cumsum(dim=axis)], dim=axis))
        linear = world_from_voxel[:, :3, :3].to(excess.device, excess.dtype)
        return torch.einsum("bwv,bvijk->bwijk", linear, torch.stack(components, dim=1))

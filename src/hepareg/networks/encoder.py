"""Encoders from an image, or from a concatenated pair, to features of one or several resolutions."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hepareg.errors import InputError, SettingsError

__all__ = ["DilatedEncoder", "DilatedEncoderSettings", "StridedEncoder", "StridedEncoderSettings"]


@dataclass(frozen=True)
class DilatedEncoderSettings:
    """Settings of `DilatedEncoder`; the defaults are the published ones.

    Parameters
    ----------
    channels
        Number of output channels of each 3x3x3 convolution.
    dilations
        Dilation of each 3x3x3 convolution.
    negative_slope
        Slope of the leaky ReLU for negative values.
    checkpoint
        Whether activations are computed again in the backward pass instead of being stored: less
        memory, more time.
    """

    channels: tuple[int, ...] = (32, 64, 128, 32, 32)
    dilations: tuple[int, ...] = (1, 1, 2, 3, 5)
    negative_slope: float = 0.2
    checkpoint: bool = False

    def build(self, in_channels: int) -> "DilatedEncoder":
        """Return an untrained encoder; see `DilatedEncoder`."""
        return DilatedEncoder(in_channels, self)

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.dilations) or not self.channels:
            raise SettingsError(
                f"expected as many dilations as channels, got {len(self.dilations)} and {len(self.channels)}"
            )


class DilatedEncoder(nn.Module):
    """Encoder of dilated convolutions at full resolution: input and all outputs, 290 channels for a pair.

    Parameters
    ----------
    in_channels
        2 for a pair, 1 for a single image.
    settings
        See `DilatedEncoderSettings`.

    References
    ----------
    Christodoulidis, S. et al. Linear and deformable image registration with 3D convolutional neural
    networks. RAMBO workshop, MICCAI 2018. doi:10.1007/978-3-030-00946-5_2
    """

    def __init__(self, in_channels: int, settings: DilatedEncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        inputs = (in_channels, *settings.channels[:-1])
        self.blocks = nn.ModuleList(
            _block(a, b, slope=settings.negative_slope, dilation=d)
            for a, b, d in zip(inputs, settings.channels, settings.dilations, strict=True)
        )
        self.channels = (in_channels + sum(settings.channels),)
        self.strides = (1,)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return one feature map (B, sum of channels, I, J, K)."""
        outputs = [image]
        for block in self.blocks:
            outputs.append(_run(block, outputs[-1], self.settings.checkpoint and self.training))
        return (torch.cat(outputs, dim=1),)


@dataclass(frozen=True)
class StridedEncoderSettings:
    """Settings of `StridedEncoder`.

    Parameters
    ----------
    channels
        Number of channels of each level; level n has stride 2^(n + 1).
    negative_slope
        Slope of the leaky ReLU for negative values.
    checkpoint
        Whether activations are computed again in the backward pass instead of being stored: less
        memory, more time.
    """

    channels: tuple[int, ...] = (16, 32, 64, 64)
    negative_slope: float = 0.2
    checkpoint: bool = False

    def build(self, in_channels: int) -> "StridedEncoder":
        """Return an untrained encoder; see `StridedEncoder`."""
        return StridedEncoder(in_channels, self)

    def __post_init__(self) -> None:
        if not self.channels:
            raise SettingsError("expected at least one level of channels, got none")


class StridedEncoder(nn.Module):
    """Encoder of strided and residual convolutions: a pyramid of features from half resolution down.

    Arithmetic and memory are about a hundredth of the published encoder's, because only the input has
    full resolution.

    Parameters
    ----------
    in_channels
        2 for a pair, 1 for a single image.
    settings
        See `StridedEncoderSettings`.

    Notes
    -----
    Voxel o of a level of stride s is centred on voxel s * o of the input: a 3x3x3 convolution of
    stride 2 with padding 1 keeps the first voxel in place.
    """

    def __init__(self, in_channels: int, settings: StridedEncoderSettings) -> None:
        super().__init__()
        self.settings = settings
        inputs = (in_channels, *settings.channels[:-1])
        self.down = nn.ModuleList(
            _block(a, b, slope=settings.negative_slope, stride=2)
            for a, b in zip(inputs, settings.channels, strict=True)
        )
        self.refine = nn.ModuleList(_block(c, c, slope=settings.negative_slope) for c in settings.channels)
        self.channels = settings.channels
        self.strides = tuple(2 ** (n + 1) for n in range(len(settings.channels)))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return one feature map (B, channels, ceil(I / stride), ...) for each level, finest first.

        Raises
        ------
        InputError
            If an axis is too short for the coarsest level.
        """
        shortest = self.strides[-1] + 1
        if min(image.shape[2:]) < shortest:
            raise InputError(
                f"expected a region of at least {shortest} voxels along each axis for {len(self.channels)} levels, "
                f"got {tuple(image.shape[2:])}; take a finer spacing or fewer levels"
            )
        features: list[Tensor] = []
        for down, refine in zip(self.down, self.refine, strict=True):
            x = _run(down, image, self.settings.checkpoint and self.training)
            image = x + _run(refine, x, self.settings.checkpoint and self.training)
            features.append(image)
        return tuple(features)


def _block(inputs: int, outputs: int, *, slope: float, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=False),
        nn.InstanceNorm3d(outputs, affine=True),
        nn.LeakyReLU(slope, inplace=True),
    )


def _run(block: nn.Module, x: Tensor, recompute: bool) -> Tensor:
    if recompute and torch.is_grad_enabled():
        return checkpoint(block, x, use_reentrant=False)
    return block(x)

"""Pooling of feature maps to means and first moments, which keep the positions of features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["MomentHead"]

LENGTH_MM = 100.0
"""Unit of the coordinates in the moments: about half a liver, so that all moments are of order one."""


class MomentHead(nn.Module):
    """Layers from the features of all levels to a few numbers, which are zero before training.

    Each level goes through a 1x1x1 convolution; every channel is then pooled to its mean and, with
    ``moments``, to the mean of its products with the position along i, j and k in mm. A mean alone does
    not depend on the positions of features, and says little about a rotation.

    Parameters
    ----------
    channels
        Number of channels of each level.
    strides
        Stride of each level.
    num_outputs
        Length of the result.
    width
        Number of channels of each level after the 1x1x1 convolution; 0 leaves the convolution out.
    hidden
        Width of the hidden layer after the pooling; 0 leaves the layer out (as published).
    moments
        Whether first moments are pooled beside means.
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        num_outputs: int,
        *,
        width: int,
        hidden: int,
        moments: bool,
    ) -> None:
        super().__init__()
        self.strides, self.moments = tuple(strides), moments
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.Conv3d(c, width, 1), nn.LeakyReLU(0.2)) if width else nn.Identity() for c in channels
        )
        pooled = sum(width or c for c in channels) * (4 if moments else 1)
        self.mix = nn.Sequential(nn.Linear(pooled, hidden), nn.LeakyReLU(0.2)) if hidden else nn.Identity()
        self.out = nn.Linear(hidden or pooled, num_outputs)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Sequence[Tensor], spacing_mm: Tensor, shape: Sequence[int]) -> Tensor:
        """Return (B, num_outputs), float32 or float64, also under autocast.

        Parameters
        ----------
        features
            One (B, C, I', J', K') map for each level.
        spacing_mm
            (B, 3) spacing of the region's grid.
        shape
            (I, J, K) of the region's grid.
        """
        pooled = [
            self._pool(reduce(x), spacing_mm, shape, stride)
            for reduce, x, stride in zip(self.reduce, features, self.strides, strict=True)
        ]
        with torch.autocast(pooled[0].device.type, enabled=False):
            return self.out(self.mix(torch.cat(pooled, dim=1)))

    def _pool(self, x: Tensor, spacing_mm: Tensor, shape: Sequence[int], stride: int) -> Tensor:
        dtype = self.out.weight.dtype
        parts = [x.mean(dim=(2, 3, 4), dtype=dtype)]
        for axis in range(3) if self.moments else ():
            # Averaging over the other two axes first avoids a full-size grid of coordinates.
            profile = x.mean(dim=[2 + other for other in range(3) if other != axis], dtype=dtype)
            voxel = torch.arange(x.shape[2 + axis], dtype=dtype, device=x.device) * stride - (shape[axis] - 1) / 2
            position = voxel * spacing_mm[:, axis, None].to(x.device, dtype) / LENGTH_MM
            parts.append((profile * position[:, None]).mean(dim=2))
        return torch.cat(parts, dim=1)

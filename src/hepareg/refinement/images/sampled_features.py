"""The moving image as the solver reads it: values, gradients and curvatures in between its voxels.

Linear interpolation blurs, by nothing on a voxel and most halfway between two: by a variance of f (1 - f) voxel^2
at the fraction f of the way. Where both grids run parallel and the liver hardly turns, as in most pairs from one
scanner, all samples lie alike between two voxels, and a pose that moves them to where the blur suits better looks like
a better fit: it pulls by a tenth of a voxel. So, on request, an image's values have that blur taken out again, to
second order: a blur of variance v adds v times half of the second derivative.

Half of it, for noise pulls the other way: where interpolation averages it, the image explains more. With all of the
blur put back the noise decides, with none of it the edges do (`PUT_BACK`).

References
----------
Pluim, J. P. W., Maintz, J. B. A., Viergever, M. A. Interpolation artefacts in mutual information-based image
registration. Comput. Vis. Image Underst. 77, 2000. doi:10.1006/cviu.1999.0816
Thevenaz, P., Blu, T., Unser, M. Interpolation revisited. IEEE Trans. Med. Imaging 19, 2000. doi:10.1109/42.875199
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.geometry import Grid
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.template_cells import CellSamples
from hepareg.transforms.trilinear import trilinear_corners
from hepareg.voxel_tensor import small_tensor

__all__ = ["CURVED", "PUT_BACK", "MovingFeatures", "SampledMoving", "image_features", "moving_features"]

FIRST, CURVED = 4, 7
"""Rows of a channel up to its first differences, and with the second ones."""
PUT_BACK = 0.5
"""Share of interpolation's blur that is put back where there are second differences. Of 0, 1/2 and 1 the best on
simulated pairs with noise, streaks and livers without contrast, on parallel grids and on others."""
NEAR, FAR = 3 / 4, 1 / 8
"""Weights of the differences over one voxel and over two to either side: their slope, interpolated linearly, is right
to third order on average over all places."""


@dataclass(frozen=True, eq=False)
class MovingFeatures:
    """Channels of the moving image with their differences between voxels, ready to be sampled.

    Parameters
    ----------
    table
        (I J K, R C): a row for each voxel with C values, then their differences along i, j and k
        per voxel (R = 4), and then half of their second differences (R = 7). All that a sample needs of a voxel lies
        side by side in memory.
    grid
        Its grid.
    rows
        R.
    """

    table: Tensor
    grid: Grid
    rows: int = FIRST

    def sample(self, matrices: NDArray[np.floating], samples: CellSamples) -> "SampledMoving":
        """Sample channels and gradients where each of (B, 4, 4) moving_from_fixed matrices takes the samples."""
        places = self.voxel_from_offset(matrices, samples)
        found, valid = self._read(places, samples)
        # Differences are in voxel units: the chain rule turns them into derivatives along the fixed world's axes.
        turn = torch.eye(self.rows, dtype=found.dtype, device=found.device).repeat(len(places), 1, 1, 1)
        turn[:, 0, 1:FIRST, 1:FIRST] = places[..., :3].transpose(1, 2)
        turned = (turn @ found).permute(2, 1, 0, 3).unflatten(3, samples.values.shape)
        return SampledMoving(turned[0], turned[1:FIRST], turned[FIRST:], valid)

    def values(self, matrices: NDArray[np.floating], samples: CellSamples) -> tuple[Tensor, Tensor]:
        """Return what `sample` does less the derivatives: values (C, B, N, V) and validity (B, N, V)."""
        found, valid = self._read(self.voxel_from_offset(matrices, samples), samples)
        return found[:, :, 0].transpose(0, 1).reshape(-1, *valid.shape), valid

    def of(self, image: GridImage) -> "MovingFeatures":
        """Return the features of another image, of the same kind."""
        return _features(image.data[None], image.grid, self.rows)

    def voxel_from_offset(self, matrices: NDArray[np.floating], samples: CellSamples) -> Tensor:
        """Return (B, 3, 4) from offsets in mm to voxels; composed in float64, so that a large offset costs nothing."""
        matrices = np.asarray(matrices, dtype=np.float64)
        found = (self.grid.voxel_from_world @ matrices)[:, :3]
        found[..., 3] += found[..., :3] @ samples.centre_mm
        return small_tensor(np.ascontiguousarray(found), self.table.device, self.table.dtype)

    def _read(self, voxel_from_offset: Tensor, samples: CellSamples) -> tuple[Tensor, Tensor]:
        """Return the interpolated rows of the table (B, C, R, N V), and validity (B, N, V)."""
        offsets = samples.offsets_mm.permute(2, 0, 1).reshape(3, -1)
        by_axis = voxel_from_offset.transpose(0, 1).reshape(-1, 4)
        positions = torch.addmm(by_axis[:, 3:], by_axis[:, :3], offsets).reshape(3, len(voxel_from_offset), -1)
        rows, weights, ways, valid = trilinear_corners(positions, self.grid.shape)
        found = functional.embedding_bag(rows, self.table, per_sample_weights=weights, mode="sum")
        found = found.unflatten(1, (self.rows, -1))
        if self.rows == CURVED:
            blur_vox2 = torch.addcmul(ways, ways, ways, value=-1).T[..., None]
            found[:, 0].sub_((blur_vox2 * found[:, FIRST:]).sum(dim=1), alpha=PUT_BACK)
        found = found.unflatten(0, (len(valid), -1)).permute(0, 3, 2, 1)
        return found, valid.reshape(-1, *samples.values.shape)


@dataclass(frozen=True, eq=False)
class SampledMoving:
    """What lies where poses take the samples.

    Parameters
    ----------
    values
        (C, B, N, V).
    gradients
        (3, C, B, N, V) along the fixed world's axes, per mm.
    curvatures
        (3, C, B, N, V) half of the second differences along the voxel axes i, j and k: what a blur of one voxel^2 adds
        to a value; (0, C, B, N, V) where the features have none.
    valid
        (B, N, V) bool.
    """

    values: Tensor
    gradients: Tensor
    curvatures: Tensor
    valid: Tensor


def image_features(image: GridImage, *, curved: bool = True) -> MovingFeatures:
    """Return an image's intensities with their differences; ``curved``: half of interpolation's blur is put back."""
    return _features(image.data[None], image.grid, CURVED if curved else FIRST)


def moving_features(channels: Tensor, grid: Grid) -> MovingFeatures:
    """Return (C, I, J, K) channels with their first differences, interpolated linearly."""
    return _features(channels, grid, FIRST)


def _features(channels: Tensor, grid: Grid, rows: int) -> MovingFeatures:
    table = channels.new_empty(*channels.shape[1:], rows, len(channels))
    table[..., 0, :] = channels.permute(1, 2, 3, 0)
    halved = 0.5 * channels  # halving in the table would go through all of its memory once more
    for axis in (1, 2, 3):
        columns = [table[..., row, :].permute(3, 0, 1, 2) for row in range(axis, rows, 3)]
        if rows == CURVED:
            _write_sharper_differences(channels, halved, axis, columns[0])
            _write_curvatures(channels, halved, axis, columns[1])
        else:
            _write_differences(channels, halved, axis, columns[0])
    return MovingFeatures(table.reshape(-1, rows * len(channels)), grid, rows)


def _write_differences(channels: Tensor, halved: Tensor, axis: int, out: Tensor) -> None:
    """Write the differences of an image, given halved too, into a tensor of any strides, without a copy.

    Central inside, one-sided at the border.
    """
    size = channels.shape[axis]
    if size == 1:
        out.zero_()
        return
    for border, upper in ((0, 1), (size - 1, size - 1)):
        ahead, behind = channels.narrow(axis, upper, 1), channels.narrow(axis, upper - 1, 1)
        torch.sub(ahead, behind, out=out.narrow(axis, border, 1))
    ahead, behind = halved.narrow(axis, 2, size - 2), halved.narrow(axis, 0, size - 2)
    torch.sub(ahead, behind, out=out.narrow(axis, 1, size - 2))


def _write_sharper_differences(channels: Tensor, halved: Tensor, axis: int, out: Tensor) -> None:
    """Write differences over two voxels on either side where there are any, elsewhere `_write_differences`'."""
    size = channels.shape[axis]
    inner = size - 4
    end = 3 if inner > 0 else size  # the third layer is written once more, below
    for first in {0, size - end}:
        some, half, there = (part.narrow(axis, first, end) for part in (channels, halved, out))
        _write_differences(some, half, axis, there)
    if inner > 0:
        near = channels.narrow(axis, 3, inner) - channels.narrow(axis, 1, inner)
        far = channels.narrow(axis, 4, inner) - channels.narrow(axis, 0, inner)
        torch.sub(near.mul_(NEAR), far, alpha=FAR, out=out.narrow(axis, 2, inner))


def _write_curvatures(channels: Tensor, halved: Tensor, axis: int, out: Tensor) -> None:
    """Write half of the second differences, 0 at the border, into a tensor of any strides."""
    size = channels.shape[axis]
    for border in (0, size - 1):
        out.narrow(axis, border, 1).zero_()
    if size > 2:
        neighbours = halved.narrow(axis, 2, size - 2) + halved.narrow(axis, 0, size - 2)
        torch.sub(neighbours, channels.narrow(axis, 1, size - 2), out=out.narrow(axis, 1, size - 2))

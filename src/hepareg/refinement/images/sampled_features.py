"""The sampled image as the solver reads it: values, gradients and curvatures between its voxels.

Linear interpolation blurs, by nothing on a voxel and most halfway between two: by a variance of f (1 - f) voxel^2
at the fraction f of the way. If both grids run parallel and the liver hardly rotates, as in most pairs from one
scanner, all positions have nearly the same f. A pose with another f, at which the blur matches better, then looks like
a better fit, and the pose is biased by a tenth of a voxel. So, on request, a share of that blur is undone, to second
order: a blur of variance v adds v times half of the second derivative.

Only a share, because noise biases the pose the opposite way: halfway between voxels interpolation averages noise, and
the image explains more. With the whole blur undone the pose follows noise, with the whole blur left it follows edges
(`InterpolationSettings.deblur`).

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
from hepareg.refinement.images.template_cells import TemplateCells
from hepareg.transforms.trilinear import trilinear_corners
from hepareg.voxel_tensor import small_tensor

__all__ = ["InterpolatedCells", "SampledFeatures", "sampled_features"]

FIRST, CURVED = 4, 7
"""Number of values of a voxel: itself and three first differences; with three second differences as well."""
NEAR, FAR = 3 / 4, 1 / 8
"""Weights of the differences over one voxel and over two to either side: the slope that they give, interpolated
linearly, is right to third order on average over all positions."""


@dataclass(frozen=True, eq=False)
class SampledFeatures:
    """Intensities of the sampled image with their differences between voxels, ready to be interpolated.

    Parameters
    ----------
    table
        (I J K, R): a row for each voxel with its value, then the differences along i, j and k
        per voxel (R = 4), and then half of the second differences (R = 7). All numbers of a voxel lie
        side by side in memory.
    grid
        The image's grid.
    deblur
        Share of interpolation's blur that is undone, 0 to 1, which needs second differences; None without them.
    """

    table: Tensor
    grid: Grid
    deblur: float | None = None

    @property
    def num_rows(self) -> int:
        """Number of values stored for each voxel, R: 4 without second differences, else 7."""
        return FIRST if self.deblur is None else CURVED

    def interpolate(self, matrices: NDArray[np.floating], cells: TemplateCells) -> "InterpolatedCells":
        """Return values and derivatives at the positions to which (B, 4, 4) poses take the cells' voxels.

        The poses are sampled_from_template.
        """
        places = self.voxel_from_offset(matrices, cells)
        found, valid = self._read(places, cells)
        # Differences are in voxel units: the chain rule turns them into derivatives along the template's world axes.
        chain = torch.eye(self.num_rows, dtype=found.dtype, device=found.device).repeat(len(places), 1, 1)
        chain[:, 1:FIRST, 1:FIRST] = places[..., :3].transpose(1, 2)
        rows = (chain @ found).permute(1, 0, 2).unflatten(2, cells.values.shape)
        return InterpolatedCells(rows[0], rows[1:FIRST], rows[FIRST:], valid)

    def values(self, matrices: NDArray[np.floating], cells: TemplateCells) -> tuple[Tensor, Tensor]:
        """Return the interpolated intensities in HU, and whether each position lies inside the image: both (B, N, V).

        Like `interpolate`, but without derivatives. A position outside has the value at the image's border.
        """
        found, valid = self._read(self.voxel_from_offset(matrices, cells), cells)
        return found[:, 0].reshape(valid.shape), valid

    def rebuild(self, image: GridImage) -> "SampledFeatures":
        """Return the features of another image, with the same share of interpolation's blur undone."""
        return sampled_features(image, deblur=self.deblur)

    def voxel_from_offset(self, matrices: NDArray[np.floating], cells: TemplateCells) -> Tensor:
        """Return (B, 3, 4) maps from offsets in mm about the cells' centre to fractional voxels of the sampled image.

        They are composed in float64, so that worlds with a far origin lose no digits.
        """
        matrices = np.asarray(matrices, dtype=np.float64)
        found = (self.grid.voxel_from_world @ matrices)[:, :3]
        found[..., 3] += found[..., :3] @ cells.centre_mm
        return small_tensor(np.ascontiguousarray(found), self.table.device, self.table.dtype)

    def _read(self, voxel_from_offset: Tensor, cells: TemplateCells) -> tuple[Tensor, Tensor]:
        """Return the interpolated rows of the table, (B, R, N V), and whether positions lie in the image, (B, N, V)."""
        offsets = cells.offsets_mm.permute(2, 0, 1).reshape(3, -1)
        by_axis = voxel_from_offset.transpose(0, 1).reshape(-1, 4)
        positions = torch.addmm(by_axis[:, 3:], by_axis[:, :3], offsets).reshape(3, len(voxel_from_offset), -1)
        rows, weights, ways, valid = trilinear_corners(positions, self.grid.shape)
        found = functional.embedding_bag(rows, self.table, per_sample_weights=weights, mode="sum")
        if self.deblur is not None:
            blur_vox2 = torch.addcmul(ways, ways, ways, value=-1).T
            found[:, 0].sub_((blur_vox2 * found[:, FIRST:]).sum(dim=1), alpha=self.deblur)
        return found.unflatten(0, (len(valid), -1)).transpose(1, 2), valid.reshape(-1, *cells.values.shape)


@dataclass(frozen=True, eq=False)
class InterpolatedCells:
    """The sampled image at the positions to which poses take the template's voxels.

    Parameters
    ----------
    values
        (B, N, V) intensities, HU.
    gradients
        (3, B, N, V) derivatives along the template's world axes, HU per mm.
    curvatures
        (3, B, N, V) half of the second differences along the voxel axes i, j and k: the change of a value by a blur of
        one voxel^2; (0, B, N, V) if the features have no second differences.
    valid
        (B, N, V) bool: the position lies inside the image.
    """

    values: Tensor
    gradients: Tensor
    curvatures: Tensor
    valid: Tensor


def sampled_features(image: GridImage, *, deblur: float | None = None) -> SampledFeatures:
    """Return an image's intensities with their differences; for ``deblur`` see `SampledFeatures`."""
    values, halved = image.data, 0.5 * image.data  # halving in the table would go through all of its memory once more
    rows = FIRST if deblur is None else CURVED
    table = values.new_empty(*values.shape, rows)
    table[..., 0] = values
    for axis in range(3):
        columns = [table[..., row] for row in range(axis + 1, rows, 3)]
        if deblur is None:
            _write_differences(values, halved, axis, columns[0])
        else:
            _write_sharper_differences(values, halved, axis, columns[0])
            _write_curvatures(values, halved, axis, columns[1])
    return SampledFeatures(table.reshape(-1, rows), image.grid, deblur)


def _write_differences(values: Tensor, halved: Tensor, axis: int, out: Tensor) -> None:
    """Write the differences of an image along an axis, per voxel, into a tensor of any strides, without a copy.

    Central inside, one-sided at the border. ``halved`` is half of the image.
    """
    size = values.shape[axis]
    if size == 1:
        out.zero_()
        return
    for border, upper in ((0, 1), (size - 1, size - 1)):
        ahead, behind = values.narrow(axis, upper, 1), values.narrow(axis, upper - 1, 1)
        torch.sub(ahead, behind, out=out.narrow(axis, border, 1))
    ahead, behind = halved.narrow(axis, 2, size - 2), halved.narrow(axis, 0, size - 2)
    torch.sub(ahead, behind, out=out.narrow(axis, 1, size - 2))


def _write_sharper_differences(values: Tensor, halved: Tensor, axis: int, out: Tensor) -> None:
    """Write differences over two voxels on either side, and those of `_write_differences` in the outer two layers."""
    size = values.shape[axis]
    inner = size - 4
    end = 3 if inner > 0 else size  # the third layer is written once more, below
    for first in {0, size - end}:
        some, half, there = (part.narrow(axis, first, end) for part in (values, halved, out))
        _write_differences(some, half, axis, there)
    if inner > 0:
        near = values.narrow(axis, 3, inner) - values.narrow(axis, 1, inner)
        far = values.narrow(axis, 4, inner) - values.narrow(axis, 0, inner)
        torch.sub(near.mul_(NEAR), far, alpha=FAR, out=out.narrow(axis, 2, inner))


def _write_curvatures(values: Tensor, halved: Tensor, axis: int, out: Tensor) -> None:
    """Write half of the second differences, 0 at the border, into a tensor of any strides."""
    size = values.shape[axis]
    for border in (0, size - 1):
        out.narrow(axis, border, 1).zero_()
    if size > 2:
        neighbours = halved.narrow(axis, 2, size - 2) + halved.narrow(axis, 0, size - 2)
        torch.sub(neighbours, values.narrow(axis, 1, size - 2), out=out.narrow(axis, 1, size - 2))

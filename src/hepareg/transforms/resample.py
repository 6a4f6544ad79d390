"""Volumes sampled on another grid through a transform: the one place where files' images are interpolated.

``warp.py`` is its differentiable counterpart on a device; a test holds the two together.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import DTypeLike

from hepareg.arrays import Matrix, VoxelArray
from hepareg.geometry import Grid
from hepareg.geometry.boxes import box_around_points
from hepareg.transforms.linear import AffineTransform
from hepareg.volume import Volume

if TYPE_CHECKING:  # imported where it is used: it takes a third of a second, and most commands resample nothing
    import SimpleITK as sitk

__all__ = ["PADDING_HU", "Interpolation", "resample"]

PADDING_HU = -1024
"""Value of voxels that the image does not reach: air, the lowest value of a 12-bit CT."""

Interpolation = Literal["linear", "nearest"]

SLAB_VOXELS = 1 << 22
"""Output voxels computed together: the floating-point copy of a slab takes 16 MB."""


def resample(
    volume: Volume,
    grid: Grid,
    *,
    moving_from_fixed: AffineTransform | None = None,
    interpolation: Interpolation = "linear",
    padding: float = PADDING_HU,
    dtype: DTypeLike | None = None,
) -> Volume:
    """Sample a volume once at the voxel centres of another grid.

    The value at a centre x of ``grid`` is the one of ``volume`` at ``moving_from_fixed(x)``: the
    volume is *pulled* onto the grid. The grid may be a plane (one voxel thick), oblique or of
    either handedness.

    Parameters
    ----------
    volume
        Image or label map, in the moving world.
    grid
        Where to sample, in the fixed world.
    moving_from_fixed
        Map of world points; identity where left out.
    interpolation
        ``linear`` for images, ``nearest`` for label maps.
    padding
        Value outside the volume.
    dtype
        Type of the result, the volume's own where left out. Linear values are rounded to the
        nearest integer (halves to even) for an integer type, never truncated.

    Returns
    -------
    Volume on ``grid`` in Fortran order, the order of NIfTI files.

    Notes
    -----
    The volume reaches to the outer faces of its border voxels: up to half a voxel outside of their
    centres the border's value holds, farther out the padding. Sampling at the centres of the
    volume's own grid gives back its voxels exactly, the border included.

    The work is done in voxel coordinates by ITK's resampler, which goes along lines of a linear
    map; world geometry, and with it any LPS, stays out of it. Results do not depend on the number
    of threads.
    """
    out_type = np.dtype(dtype if dtype is not None else volume.data.dtype)
    moving_from_fixed = moving_from_fixed or AffineTransform(np.eye(4))
    box = box_around_points(volume.grid, moving_from_fixed.apply(grid.corners_mm), margin_vox=2)
    if box is None:
        result = np.full(grid.shape, padding, dtype=out_type, order="F")
    else:
        part = volume.crop(*box)
        source_from_target = part.grid.voxel_from_world @ moving_from_fixed.matrix @ grid.world_from_voxel
        data = _readable(part.data)
        result = _sample_slabs(data, source_from_target, _resampler(data.dtype, interpolation, padding), grid, out_type)
    return Volume(result, grid, volume.phase, replace(volume.provenance, content_digest=None))


def _resampler(dtype: np.dtype, interpolation: Interpolation, padding: float) -> "sitk.ResampleImageFilter":
    import SimpleITK as sitk

    resampler = sitk.ResampleImageFilter()
    resampler.SetDefaultPixelValue(float(padding))
    if interpolation == "nearest":
        resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    else:
        resampler.SetInterpolator(sitk.sitkLinear)
        resampler.SetOutputPixelType(sitk.sitkFloat64 if dtype.itemsize > 4 else sitk.sitkFloat32)
    return resampler


def _sample_slabs(
    data: VoxelArray, source_from_target: Matrix, resampler: "sitk.ResampleImageFilter", grid: Grid, dtype: np.dtype
) -> VoxelArray:
    import SimpleITK as sitk

    # Arrays are handed over transposed: ITK counts its axes from the fastest one, so that its x, y, z are our i, j, k.
    image = sitk.GetImageFromArray(data.T)
    result = np.empty(grid.shape, dtype=dtype, order="F")
    slices_each = max(1, SLAB_VOXELS // (grid.shape[0] * grid.shape[1]))
    for first in range(0, grid.shape[2], slices_each):
        last = min(first + slices_each, grid.shape[2])
        resampler.SetSize((grid.shape[0], grid.shape[1], last - first))
        resampler.SetTransform(_index_transform(source_from_target, first))
        sampled = resampler.Execute(image)
        result[:, :, first:last] = _as_type(sitk.GetArrayViewFromImage(sampled).T, dtype)
    return result


def _readable(data: VoxelArray) -> VoxelArray:
    """Return the voxels in a type and byte order that ITK has."""
    if data.dtype == bool:
        return data.view(np.uint8)
    if data.dtype == np.float16:
        return data.astype(np.float32)
    return data.astype(data.dtype.newbyteorder("="), copy=False)


def _as_type(slab: VoxelArray, dtype: np.dtype) -> VoxelArray:
    if np.issubdtype(dtype, np.integer) and np.issubdtype(slab.dtype, np.floating):
        limits = np.iinfo(dtype)
        slab = np.clip(np.rint(slab), limits.min, limits.max)
    return slab.astype(dtype, copy=False)


def _index_transform(source_from_target: Matrix, first_slice: int) -> "sitk.AffineTransform":
    """Return the map from a slab's voxel coordinates to those of the source."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(source_from_target[:3, :3].ravel().tolist())
    transform.SetTranslation((source_from_target[:3, 3] + source_from_target[:3, 2] * first_slice).tolist())
    return transform

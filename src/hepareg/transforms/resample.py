"""Sampling of volumes for files: one interpolation on the CPU, by ITK, rounded to the file's integer type.

``warp.py`` is the counterpart for tensors: differentiable, batched, on any device. A test compares both.
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

if TYPE_CHECKING:  # imported where it is used: it takes a third of a second, and most commands do not resample
    import SimpleITK as sitk

__all__ = ["PADDING_HU", "Interpolation", "resample"]

PADDING_HU = -1024
"""Value of voxels outside the image: air, the lowest value of a 12-bit CT."""

Interpolation = Literal["linear", "nearest"]

SLAB_VOXELS = 1 << 22
"""Output voxels that are computed together; their float32 copy takes 16 MB."""


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

    The value at a centre x of ``grid`` is the value of ``volume`` at ``moving_from_fixed(x)``. The grid may be one
    voxel thick, oblique, and of either handedness.

    Parameters
    ----------
    volume
        Image or label map, in the moving world.
    grid
        Grid of the result, in the fixed world.
    moving_from_fixed
        Map of world points; None is the identity.
    interpolation
        ``linear`` for images, ``nearest`` for label maps.
    padding
        Value outside the volume.
    dtype
        Type of the result; None keeps the volume's. For an integer type, interpolated values are rounded to the
        nearest integer (halves to even) and clipped to the type's range.

    Returns
    -------
    Volume on ``grid``, in Fortran order as NIfTI files are.

    Notes
    -----
    The volume extends to the outer faces of its border voxels: up to half a voxel beyond their centres the border's
    value holds, and the padding farther out. Sampling on the volume's own grid returns its voxels exactly, the border
    included.

    ITK's resampler works in voxel coordinates here, with one map from voxel to voxel, so that ITK's LPS world plays no
    part. Results do not depend on the number of threads.
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

    # The array is transposed because ITK's first axis is the fastest in memory: then ITK's x, y, z are i, j, k.
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
    """Return the voxels in a dtype and byte order that ITK supports."""
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
    """Return the map from the voxel coordinates of a slab to those of the source image."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(source_from_target[:3, :3].ravel().tolist())
    transform.SetTranslation((source_from_target[:3, 3] + source_from_target[:3, 2] * first_slice).tolist())
    return transform

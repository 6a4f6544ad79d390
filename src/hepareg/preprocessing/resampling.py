"""Resampling of volumes to another voxel spacing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.transforms.resample import PADDING_HU, resample
from hepareg.volume import Volume

__all__ = ["check_spacing", "resample_to_spacing"]

SIGMA_PER_RATIO = 0.5
"""Standard deviation of the smoothing, in voxels of the new grid along an axis that gets coarser."""


def resample_to_spacing(volume: Volume, spacing_mm: ArrayLike, *, is_mask: bool = False) -> Volume:
    """Return a volume resampled to another voxel spacing over the same part of the world.

    The directions of the axes do not change, and the outer faces of the first voxels coincide. A last voxel is omitted
    if its centre would lie outside the image, so that nothing is extrapolated. World positions of structures do not
    change.

    Parameters
    ----------
    volume
        CT in HU, or a mask.
    spacing_mm
        New voxel size, one number or three (i, j, k).
    is_mask
        Take the nearest voxel's value, as masks and label maps need; otherwise interpolate linearly.

    Raises
    ------
    SettingsError
        If a spacing is not positive and finite.

    Notes
    -----
    Along axes that become coarser the image is smoothed first, to avoid aliasing: by a Gaussian whose variance is the
    difference between those of the new and the old voxel, sigma^2 = (0.5 r)^2 - 0.5^2 voxels^2 for a ratio r > 1. The
    image is mirrored at its border.
    """
    new = np.broadcast_to(np.asarray(spacing_mm, dtype=np.float64), 3)
    check_spacing(new)
    grid = _inner_grid(volume.grid, new)
    if is_mask:
        return resample(volume, grid, interpolation="nearest", padding=0)
    return resample(_smoothed(volume, new / volume.grid.spacing_mm), grid, padding=PADDING_HU, dtype=volume.data.dtype)


def _inner_grid(grid: Grid, spacing_mm: NDArray[np.floating]) -> Grid:
    whole = grid.with_spacing(spacing_mm)
    extent = np.array(grid.shape) * grid.spacing_mm / spacing_mm
    centres_inside = np.maximum(np.ceil(extent - 0.5 - 1e-6).astype(int), 1)
    return whole.crop((0, 0, 0), np.minimum(centres_inside, whole.shape))


def _smoothed(volume: Volume, ratio: NDArray[np.floating]) -> Volume:
    from scipy.ndimage import gaussian_filter1d  # slow to import, and not needed by a registration

    data = volume.data
    for axis in range(3):
        if ratio[axis] > 1 + 1e-6:
            sigma = SIGMA_PER_RATIO * float(np.sqrt(ratio[axis] ** 2 - 1))
            data = gaussian_filter1d(data, sigma, axis=axis, output=np.float32)
    return volume.with_data(data)


def check_spacing(spacing_mm: ArrayLike) -> None:
    """Raise an error unless each voxel size in mm, one number or several, is positive and finite.

    Raises
    ------
    SettingsError
        If a size is not positive or not finite.
    """
    sizes = np.asarray(spacing_mm, dtype=np.float64)
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise SettingsError(f"expected a positive spacing of voxels in mm, got {sizes.tolist()}")

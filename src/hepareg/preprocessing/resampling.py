"""Volumes brought to another voxel spacing in their place."""

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
    """Return a volume with another voxel size that covers the same part of the world.

    Directions stay; the outer faces of the first voxels coincide. A last voxel whose centre would lie outside of the
    image is left out, so that nothing is made up. World positions of structures do not change.

    Parameters
    ----------
    volume
        CT in HU, or a mask.
    spacing_mm
        New voxel size, one number or three (i, j, k).
    is_mask
        Masks and label maps take the nearest voxel's label; images are interpolated linearly.

    Raises
    ------
    SettingsError
        If a spacing is not positive and finite.

    Notes
    -----
    Along axes that get coarser the image is smoothed first, so that fine structures and noise do not
    fold into false ones: a Gaussian whose variance makes up the difference between the old and the
    new voxel, sigma^2 = (0.5 r)^2 - 0.5^2 voxels for a ratio r > 1. The border is mirrored.
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
    from scipy.ndimage import gaussian_filter1d  # slow to import, and a registration does without

    data = volume.data
    for axis in range(3):
        if ratio[axis] > 1 + 1e-6:
            sigma = SIGMA_PER_RATIO * float(np.sqrt(ratio[axis] ** 2 - 1))
            data = gaussian_filter1d(data, sigma, axis=axis, output=np.float32)
    return volume.with_data(data)


def check_spacing(spacing_mm: ArrayLike) -> None:
    """Check that voxel sizes are positive and finite.

    Raises
    ------
    SettingsError
        If one is not.
    """
    sizes = np.asarray(spacing_mm, dtype=np.float64)
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise SettingsError(f"expected a positive spacing of voxels in mm, got {sizes.tolist()}")

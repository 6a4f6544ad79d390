"""Check that an image is a CT in Hounsfield units."""

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import VoxelArray, slowest_first
from hepareg.errors import ImageError
from hepareg.volume import Volume

__all__ = ["check_ct", "check_finite"]

SAMPLED_PER_AXIS = 64
"""Statistics use about this many voxels along each axis, evenly spaced."""
MIN_NEGATIVE = 1e-3
"""Smallest fraction of voxels below 0 HU. Fat (-100 HU) and the noise around water give more in any crop of an abdomen;
MR, pictures (0 to 255) and a CT without its rescale intercept have none."""
MIN_SPREAD_HU = 60.0
"""Smallest difference between the 0.1 and 99.9 percentiles. From fat to liver it is 150; in images scaled to [0, 1] or
to unit variance it is below 20."""
TISSUE_HU = (-200.0, 300.0)
MIN_TISSUE = 0.02
"""Smallest fraction of all voxels, padding and air included, with values from fat to enhanced vessels (`TISSUE_HU`). A
whole chest on its table has over 0.2; a CT whose intercept was applied twice has almost none."""
SHIFTED_HU = (850.0, 1300.0)
MAX_SHIFTED = 0.1
"""Largest fraction of voxels as dense as compact bone (`SHIFTED_HU`). It is 0.02 in a trunk; without the intercept soft
tissue has these values."""


def check_ct(volume: Volume, *, name: str = "image") -> None:
    """Check that a volume is three-dimensional, finite, and in Hounsfield units.

    The limits are wide on purpose: images clipped to windows such as [-1024, 3071] or [-150, 250], padding of -2048 or
    lower, and crops around the liver pass. Statistics use every n-th voxel; the search for NaN uses all.

    Parameters
    ----------
    volume
        Image to check.
    name
        Name of the image in a message, such as ``moving image``.

    Raises
    ------
    ImageError
        If the image has a single slice, NaN or infinite voxels, or values that are not HU.
    """
    data = volume.data
    if min(data.shape) < 2:
        raise ImageError(f"expected a volume as the {name}, got a single slice ({'x'.join(map(str, data.shape))})")
    if data.dtype == np.bool_:
        raise ImageError(f"expected a CT as the {name}, got a mask; check the order of the files")
    check_finite(volume, name=name)
    sample = _sample_of(data)
    low, high = np.percentile(sample, [0.1, 99.9])
    if high - low < MIN_SPREAD_HU:
        raise _not_ct(name, f"values from {low:.4g} to {high:.4g}, as of a scaled or an empty image")
    if np.mean(sample < 0) < MIN_NEGATIVE:
        raise _not_ct(
            name, f"no negative values (up to {high:.4g}), as of MR, a stack of pictures or a CT without its intercept"
        )
    if _part_within(sample, SHIFTED_HU) > MAX_SHIFTED:
        raise _not_ct(name, "much of it as dense as bone, as of a CT without its intercept")
    if _part_within(sample, TISSUE_HU) < MIN_TISSUE:
        raise _not_ct(name, f"hardly any voxel between {TISSUE_HU[0]:g} and {TISSUE_HU[1]:g}, where soft tissue lies")


def check_finite(volume: Volume, *, name: str = "image") -> None:
    """Check that all voxels are finite; integer voxels always are, and are not read.

    Raises
    ------
    ImageError
        If a voxel is NaN or infinite.
    """
    if not _all_finite(volume.data):
        raise ImageError(
            f"expected finite voxels in the {name}, got NaN or infinity; "
            "replace them by the padding value of the scanner, such as -1024"
        )


def _all_finite(data: VoxelArray) -> bool:
    if not isinstance(data, np.ndarray):  # a tensor
        return not data.is_floating_point() or bool(data.isfinite().all())
    if data.dtype.kind != "f":
        return True
    slowest = slowest_first(data.strides)[0]
    return all(np.isfinite(part).all() for part in np.moveaxis(data, slowest, 0))  # by parts that fit the cache


def _part_within(sample: NDArray[np.float64], limits: tuple[float, float]) -> float:
    return float(np.mean((sample >= limits[0]) & (sample <= limits[1])))


def _sample_of(data: VoxelArray) -> NDArray[np.float64]:
    steps = tuple(slice(None, None, max(1, n // SAMPLED_PER_AXIS)) for n in data.shape)
    return data[steps].astype(np.float64).ravel()


def _not_ct(name: str, got: str) -> ImageError:
    return ImageError(f"expected a CT in Hounsfield units as the {name}, got {got}; convert it from DICOM with rescale")

"""Masks that are not the liver's: a box over the back, soft tissue, half a liver; shifted, mirrored, too large."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.geometry.largest_component import largest_component
from hepareg.volume import Volume

__all__ = ["WRONG_MASKS"]

BODY_HU = -300
SOFT_HU = (0, 300)
SHIFT_MM = 20.0
DILATION_MM = 10.0
BACK_MM = (110.0, 60.0)
"""Width, and depth from the back's skin to the front, of the box over back muscle and spine."""

Mask = NDArray[np.bool_]


def _back(image: Volume, liver: Volume) -> Mask:
    """Return a box over back muscle and spine, as high as the liver."""
    points = image.grid.world_points(np.argwhere(image.data > BODY_HU)[::97])
    heights = liver.grid.world_points(np.argwhere(liver.data > 0)[::7])[:, 2]
    low, high = np.percentile(heights, [1, 99])
    trunk = points[(points[:, 2] >= low) & (points[:, 2] <= high)]
    middle, skin = float(np.median(trunk[:, 0])), float(np.percentile(trunk[:, 1], 1))
    corner = np.array([middle - BACK_MM[0] / 2, skin + 10.0, low])
    inside = np.ones(image.shape, dtype=bool)
    for axis, size in enumerate((*BACK_MM, high - low)):
        place = _world_axis(image, axis)
        inside &= (place >= corner[axis]) & (place <= corner[axis] + size)
    return inside


def _soft_tissue(image: Volume, liver: Volume) -> Mask:
    """Return all soft tissue of the trunk."""
    soft = (image.data > SOFT_HU[0]) & (image.data < SOFT_HU[1])
    component, first = largest_component(ndimage.binary_opening(soft))
    inside = np.zeros(image.shape, dtype=bool)
    inside[tuple(slice(a, a + n) for a, n in zip(first, component.shape, strict=True))] = component
    return inside


def _half(image: Volume, liver: Volume) -> Mask:
    """Return the right half of the liver."""
    inside = liver.data > 0
    return inside & (_world_axis(liver, 0) > liver.centroid_mm[0])


def _shifted(image: Volume, liver: Volume) -> Mask:
    """Return the liver, 20 mm too far down."""
    voxels = np.linalg.solve(liver.grid.world_from_voxel[:3, :3], [0.0, 0.0, -SHIFT_MM])
    return ndimage.shift((liver.data > 0).view(np.uint8), voxels, order=0) > 0


def _mirrored(image: Volume, liver: Volume) -> Mask:
    """Return the liver with left and right exchanged."""
    return np.ascontiguousarray(liver.data[::-1] > 0)


def _dilated(image: Volume, liver: Volume) -> Mask:
    """Return the liver with a rim of 10 mm."""
    return ndimage.distance_transform_edt(liver.data == 0, sampling=liver.grid.spacing_mm) <= DILATION_MM


def _world_axis(volume: Volume, axis: int) -> NDArray[np.floating]:
    """Return one world coordinate in mm of all voxels, (I, J, K)."""
    row = volume.grid.world_from_voxel[axis]
    i, j, k = (row[a] * np.arange(n) for a, n in enumerate(volume.shape))
    return i[:, None, None] + j[:, None] + k + row[3]


WRONG_MASKS: dict[str, Callable[[Volume, Volume], Mask]] = {
    "back": _back,
    "soft_tissue": _soft_tissue,
    "half": _half,
    "shifted": _shifted,
    "mirrored": _mirrored,
    "dilated": _dilated,
}
"""Functions from an image in HU and its liver mask to the bool mask that is given as the liver's, by name."""

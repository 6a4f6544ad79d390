"""Tell label maps from images: labels may not be interpolated, intensities may."""

import numpy as np

from hepareg.errors import MaskError
from hepareg.preprocessing.masks import labels_present
from hepareg.volume import Volume

__all__ = ["is_label_map"]

MIN_EQUAL = 0.5
"""Smallest fraction of a label map's voxels that equal their neighbour along some axis. Organs have more than 0.9,
vessels one or two voxels thick more than 0.5; an 8-bit picture with noise has less than 0.2."""


def is_label_map(volume: Volume) -> bool:
    """Return whether a volume's values are labels: whole, not negative, few, and mostly equal among neighbours.

    A volume with a single value above 0, or with none, always counts as a label map.
    """
    try:
        labels = labels_present(volume.data)
    except MaskError:
        return False
    if len(labels) <= 1:
        return True
    data = volume.data
    return max(_part_equal(data, axis) for axis in range(3)) >= MIN_EQUAL


def _part_equal(data: np.ndarray, axis: int) -> float:
    """Return the fraction of the voxels above 0 that equal the next voxel along an axis."""
    here, following = (np.moveaxis(data, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
    inside = here != 0
    total = int(np.count_nonzero(inside))
    return float(np.count_nonzero(inside & (here == following)) / total) if total else 0.0

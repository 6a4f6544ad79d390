"""Images limited at the liver's top slice, so that an image cropped there gives the same result as the whole one."""

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry.connected import hangs_together
from hepareg.geometry.largest_component import largest_component
from hepareg.geometry.profile import mask_profile
from hepareg.preprocessing.liver_crop import LiverCrop
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_array

__all__ = ["below_liver_top"]


def below_liver_top(image: Volume, mask: Volume, *, lattice_mm: float) -> tuple[Volume, Volume]:
    """Return views of an image and its mask without the slices above the liver's top slice.

    The top is the one of `LiverCrop`: the most superior slice in which the mask's largest component has at least the
    smallest area that counts. The lung above it moves differently, and `LiverCrop` cuts it off: with the lung, the
    result would depend on whether the image was cropped before.

    Parameters
    ----------
    image, mask
        On one grid.
    lattice_mm
        Spacing of the lattice on which the mask is tested for being in one piece, which spares a search through all
        voxels. Pieces and gaps smaller than this are not detected, except a completely empty slice.
    """
    axis, sense = mask.grid.superior_axis
    spacing = np.delete(mask.grid.spacing_mm, axis)
    area = _voxels_by_slice(mask, axis, lattice_mm) * float(spacing.prod())
    slices = np.flatnonzero(area >= LiverCrop().min_area_mm2)
    if not len(slices):
        return image, mask
    start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
    if sense > 0:
        stop[axis] = slices[-1] + 1
    else:
        start[axis] = slices[0]
    return image.crop(start, stop), mask.crop(start, stop)


def _voxels_by_slice(mask: Volume, axis: int, lattice_mm: float) -> NDArray[np.int_]:
    """Return the number of voxels of the mask's largest component in each slice."""
    if _is_in_one_piece(mask, lattice_mm):
        return mask.profile.counts[axis]
    component, corner = largest_component(voxel_array(mask.data))
    counts = np.zeros(mask.shape[axis], dtype=int)
    counts[corner[axis] : corner[axis] + component.shape[axis]] = mask_profile(component).counts[axis]
    return counts


def _is_in_one_piece(mask: Volume, lattice_mm: float) -> bool:
    """Return whether a lattice of the mask's voxels is connected."""
    if not mask.profile.total:
        return True
    if any(np.ptp(np.flatnonzero(counts)) >= np.count_nonzero(counts) for counts in mask.profile.counts):
        return False  # an empty slice lies between two others
    i, j, k = np.maximum(lattice_mm / mask.grid.spacing_mm, 1).astype(int)
    return hangs_together(voxel_array(mask.crop(*mask.profile.box).data[::i, ::j, ::k]))

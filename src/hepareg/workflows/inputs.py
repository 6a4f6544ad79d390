"""The input of a registration, from files or memory, checked: two images and up to two masks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from hepareg.errors import SettingsError
from hepareg.io.images import read_image
from hepareg.io.in_memory import as_volume
from hepareg.masks import mask_in_memory, read_mask
from hepareg.pair import ImagePair
from hepareg.preprocessing.ct_check import check_ct
from hepareg.preprocessing.masks import check_liver_mask
from hepareg.preprocessing.pair_check import check_pair
from hepareg.volume import Volume

__all__ = ["CheckedPair", "image_in_memory", "is_path", "read_ct", "read_liver_mask", "read_pair"]


@dataclass(frozen=True, eq=False)
class CheckedPair(ImagePair):
    """Two images and their bool masks that passed every check of an input.

    Parameters
    ----------
    notes
        Remarks for the user, one sentence each, that are no reason to stop.
    """

    notes: tuple[str, ...] = ()

    @property
    def fixed_mask_on_host(self) -> Volume | None:
        """The fixed mask with its voxels as a NumPy array, or None."""
        return None if self.fixed_mask is None else _on_host(self.fixed_mask)

    def on_host(self) -> "CheckedPair":
        """Return the pair with all voxels as NumPy arrays; the pair itself if they are arrays already."""
        if not any(map(_on_device, (self.moving, self.fixed, *self.masks))):
            return self
        return replace(
            self,
            moving=_on_host(self.moving),
            fixed=_on_host(self.fixed),
            moving_mask=None if self.moving_mask is None else _on_host(self.moving_mask),
            fixed_mask=self.fixed_mask_on_host,
        )


def is_path(value: object) -> TypeGuard[str | Path]:
    """Return whether a value names a file or folder, as ``str`` and `pathlib.Path` do."""
    return isinstance(value, str | Path)


def read_ct(image: Any, *, series: str | None = None, name: str = "image", geometry: str | None = None) -> Volume:
    """Return an image of a file, of a folder or of memory, checked to be a CT in HU.

    ``name`` stands for the image in messages. Voxels on another device than the CPU are left there, and unchecked.

    Raises
    ------
    InputError
        If the image cannot be read or is no CT, or a series is given for an image in memory.
    """
    if is_path(image):
        volume = read_image(image, series=series, geometry=geometry)
    elif series is None:
        volume = _left_on_device(image)
    else:
        raise SettingsError(f"expected a folder of DICOM to pick a series from, got a {name} in memory: leave it out")
    if not _on_device(volume):
        check_ct(volume, name=name)
    return volume


def image_in_memory(image: Any) -> Volume:
    """Return an image of any kind that `hepareg.io.in_memory.as_volume` takes, with its voxels as a NumPy array."""
    return _on_host(as_volume(image))


def _left_on_device(image: Any) -> Volume:
    """Return an image in memory; tensors of the CPU become arrays, and tensors of other devices stay there."""
    volume = as_volume(image)
    tensor: Any = volume.data
    is_elsewhere = _on_device(volume) and tensor.device.type != "cpu"
    return volume if is_elsewhere else _on_host(volume)


def _on_device(volume: Volume) -> bool:
    return not isinstance(volume.data, np.ndarray)


def _on_host(volume: Volume) -> Volume:
    if not _on_device(volume):
        return volume
    from hepareg.voxel_tensor import voxel_array  # imports torch, which is there if a tensor is

    return volume.with_data(voxel_array(volume.data))


def read_liver_mask(
    mask: Any,
    *,
    like: Volume,
    label: int | str | None = None,
    name: str = "mask",
    geometry: str | None = None,
) -> Volume:
    """Return a mask of a file or of memory on its image's grid, checked that the voxels under it could be a liver.

    Raises
    ------
    InputError
        As `hepareg.masks.read_mask`, or if the median under the mask is not that of a liver.
    """
    if is_path(mask):
        volume = read_mask(mask, like=like, label=label, name=name, geometry=geometry)
    else:
        volume = mask_in_memory(_left_on_device(mask), like=like, label=label, name=name)
    if not _on_device(volume) and not _on_device(like):
        check_liver_mask(volume, like=like, name=name)
    return volume


def read_pair(
    *,
    moving: Any,
    fixed: Any,
    moving_mask: Any = None,
    fixed_mask: Any = None,
    moving_mask_label: int | str | None = None,
    fixed_mask_label: int | str | None = None,
    moving_series: str | None = None,
    fixed_series: str | None = None,
    geometry: str | None = None,
    allow_identical: bool = False,
    allow_different_patients: bool = False,
    threads: int = 2,
) -> CheckedPair:
    """Return two images and their masks, read from files or taken from memory, and checked.

    Parameters
    ----------
    moving, fixed
        Image files, folders of DICOM, or images that `hepareg.io.in_memory.as_volume` takes.
    moving_mask, fixed_mask
        Liver masks of any kind that `hepareg.masks.read_mask` reads, in memory, or None.
    moving_mask_label, fixed_mask_label
        Number or name of the liver in each mask; None for the only segment, or the one called liver.
    moving_series, fixed_series
        Series of a folder of DICOM, as `hepareg.io.dicom_selection.choose` takes it; None if the folder has one.
    allow_identical, allow_different_patients
        Accept two equal images, or images of different patients, with a note.
    threads
        2 or more read both images at once.

    Raises
    ------
    InputError
        If a file cannot be read or its content cannot be registered; the message names the file's part in the pair.
    """
    sides = (
        (moving, moving_series, moving_mask, moving_mask_label, "moving"),
        (fixed, fixed_series, fixed_mask, fixed_mask_label, "fixed"),
    )
    with ThreadPoolExecutor(max_workers=max(1, min(threads, 2))) as pool:
        futures = [pool.submit(_read_side, *side, geometry) for side in sides]
        (moving_ct, moving_region), (fixed_ct, fixed_region) = (future.result() for future in futures)
    checked = check_pair(
        moving=moving_ct,
        fixed=fixed_ct,
        both_masks=moving_region is not None and fixed_region is not None,
        allow_identical=allow_identical,
        allow_different_patients=allow_different_patients,
    )
    pair = CheckedPair(moving_ct, fixed_ct, moving_region, fixed_region)
    return replace(pair, notes=(*checked, *pair.reader_notes))


def _read_side(
    given: Any,
    series: str | None,
    mask: Any,
    label: int | str | None,
    side: str,
    geometry: str | None,
) -> tuple[Volume, Volume | None]:
    image = read_ct(given, series=series, name=f"{side} image", geometry=geometry)
    if mask is None:
        return image, None
    return image, read_liver_mask(mask, like=image, label=label, name=f"{side} mask", geometry=geometry)

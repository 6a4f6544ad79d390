"""The input of a registration, read from files and checked: two images and up to two masks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hepareg.io.images import read_image
from hepareg.masks import read_mask
from hepareg.pair import ImagePair
from hepareg.preprocessing.ct_check import check_ct
from hepareg.preprocessing.masks import check_liver_mask
from hepareg.preprocessing.pair_check import check_pair
from hepareg.volume import Volume

__all__ = ["CheckedPair", "notes_of", "read_ct", "read_liver_mask", "read_pair"]


@dataclass(frozen=True, eq=False)
class CheckedPair(ImagePair):
    """Two images and their bool masks that passed every check of an input.

    Parameters
    ----------
    notes
        Remarks for the user, one sentence each, that are no reason to stop.
    """

    notes: tuple[str, ...] = ()


def read_ct(path: str | Path, *, series: str | None = None, name: str = "image", geometry: str | None = None) -> Volume:
    """Return an image read from a file or folder, checked to be a CT in HU; ``name`` stands for it in messages."""
    volume = read_image(path, series=series, geometry=geometry)
    check_ct(volume, name=name)
    return volume


def read_liver_mask(
    path: str | Path,
    *,
    like: Volume,
    label: int | str | None = None,
    name: str = "mask",
    geometry: str | None = None,
) -> Volume:
    """Read a mask as `hepareg.masks.read_mask` does, and check that the voxels under it could be a liver."""
    mask = read_mask(path, like=like, label=label, name=name, geometry=geometry)
    check_liver_mask(mask, like=like, name=name)
    return mask


def read_pair(
    *,
    moving: str | Path,
    fixed: str | Path,
    moving_mask: str | Path | None = None,
    fixed_mask: str | Path | None = None,
    moving_mask_label: int | str | None = None,
    fixed_mask_label: int | str | None = None,
    moving_series: str | None = None,
    fixed_series: str | None = None,
    geometry: str | None = None,
    allow_identical: bool = False,
    allow_different_patients: bool = False,
    threads: int = 2,
) -> CheckedPair:
    """Return two images and their masks read from files and checked.

    Parameters
    ----------
    moving, fixed
        Image files, or folders of DICOM.
    moving_mask, fixed_mask
        Liver masks of any kind that `hepareg.masks.read_mask` reads, or None.
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
    read = [*notes_of(moving_ct, moving_region, "moving"), *notes_of(fixed_ct, fixed_region, "fixed")]
    return CheckedPair(moving_ct, fixed_ct, moving_region, fixed_region, (*checked, *read))


def notes_of(image: Volume, mask: Volume | None, side: str) -> list[str]:
    """Return the readers' notes: the image's with its side in front, and the mask's, which name the mask."""
    return [f"{side} image: {note}" for note in image.provenance.notes] + list(mask.provenance.notes if mask else ())


def _read_side(
    path: str | Path,
    series: str | None,
    mask: str | Path | None,
    label: int | str | None,
    side: str,
    geometry: str | None,
) -> tuple[Volume, Volume | None]:
    image = read_ct(path, series=series, name=f"{side} image", geometry=geometry)
    if mask is None:
        return image, None
    return image, read_liver_mask(mask, like=image, label=label, name=f"{side} mask", geometry=geometry)

"""The one reader of liver masks: a source, a segment of it, and its place on the grid of an image."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from hepareg.errors import MaskError
from hepareg.io.dicom_headers import holds_dicom_images
from hepareg.io.images import read_image
from hepareg.io.label_names import TOTALSEGMENTATOR_LIVER
from hepareg.io.mask_sources import holds_masks, read_segmentation
from hepareg.io.segmentation import LABEL_OPTIONS, LIVER, LabelMap, Segments, find_label, is_called, list_names
from hepareg.preprocessing.masks import labels_present, only_label, prepare_mask
from hepareg.volume import Volume

__all__ = ["label_of_liver", "mask_in_memory", "read_image_or_segment", "read_mask"]

NUM_SMALL_MAPS = 24
"""Highest number of the label maps of other tools; TotalSegmentator's go on with spine, vessels and muscles."""

UNNAMED = "no name"
"""Name in messages of a label that is not in the file's own table of names."""


def read_mask(
    path: str | Path,
    *,
    label: int | str | None = None,
    like: Volume | None = None,
    name: str = "mask",
    geometry: str | None = None,
) -> Volume:
    """Read a liver mask from any source that hepareg knows, as bool on the grid of its image.

    Parameters
    ----------
    path
        NIfTI, NRRD or MetaImage file with a mask, labels or probabilities; folder with a file for each class;
        3D Slicer's ``.seg.nrrd``; DICOM SEG or RTSTRUCT, as a file, in a folder or in a zip archive.
    label
        Number or name of the segment. None takes the one that is called liver, or the only one if it has no name.
    like
        Image that the mask belongs to; None leaves the mask on its own grid.
    name
        Name of the mask in messages.
    geometry
        ``sform`` or ``qform`` for a NIfTI header in which the two disagree.

    Returns
    -------
    Volume
        bool on ``like.grid``. The provenance has notes if the mask was resampled, cut at one half or one of several.

    Raises
    ------
    InputError
        If the file cannot be read, has no such segment, or cannot belong to the image. Names of segments stand in
        the error's ``listing`` alone.
    """
    source = read_segmentation(path, geometry=geometry)
    if isinstance(source, LabelMap):
        image = like if like is not None else source.volume
        number, notes = _number_of(source, label, name)
        mask = prepare_mask(source.volume, like=image, label=number, name=name)
    else:
        number = find_label(source.names, label, name=name)
        notes = _notes_of_choice(source, number, label, name)
        mask = _naming(source.read(number, None if like is None else like.grid), name)
        _check_same_world(mask, like, name)
        mask = prepare_mask(mask, like=mask if like is None else like, name=name)
    return mask.with_notes(*notes) if notes else mask


def mask_in_memory(volume: Volume, *, label: int | str | None = None, like: Volume, name: str = "mask") -> Volume:
    """Return a liver mask from voxels in memory, as bool on the grid of its image.

    Parameters
    ----------
    volume
        Mask, labels or probabilities.
    label
        Number of the liver, or a name that `read_mask` would find in a file without names; None for the only label.
    like
        Image that the mask belongs to.
    name
        Name of the mask in messages.

    Raises
    ------
    MaskError
        If there is no such label, or the mask cannot belong to the image.
    """
    if not isinstance(label, str):
        return prepare_mask(volume, like=like, label=label, name=name)
    if not isinstance(volume.data, np.ndarray):
        raise MaskError(
            f"expected the number of the liver for a {name} on a device, got a name; give the number",
            options=LABEL_OPTIONS,
        )
    number, notes = _number_of(LabelMap("image in memory", volume), label, name)
    return prepare_mask(volume, like=like, label=number, name=name).with_notes(*notes)


def label_of_liver(source: LabelMap | Segments, *, name: str = "mask") -> int:
    """Return the number of the label or segment that `read_mask` takes without a choice.

    Raises
    ------
    MaskError
        If there is none, or if several could be meant.
    """
    if isinstance(source, Segments):
        return find_label(source.names, None, name=name)
    number, _ = _number_of(source, None, name)
    return only_label(labels_present(source.volume.data, name=name), name=name) if number is None else number


def read_image_or_segment(
    path: str | Path, *, series: str | None = None, label: int | str | None = None, geometry: str | None = None
) -> Volume:
    """Read an image, or one segment of a segmentation, on its own grid.

    Parameters
    ----------
    path
        Anything that `hepareg.io.images.read_image` or `read_mask` reads. A folder of DICOM is the image in it, unless
        it holds no image or a label is given.
    series
        Series of a folder of DICOM.
    label
        Number or name of a segment; None if there is one only. Segments may overlap, so that several make no image.
    geometry
        ``sform`` or ``qform`` for a NIfTI header in which the two disagree.

    Raises
    ------
    InputError
        If the file cannot be read, has no such segment, or has several and no label is given.
    """
    if label is not None:
        return read_mask(path, label=label, geometry=geometry)
    if series is not None or (Path(path).is_dir() and not holds_masks(path) and holds_dicom_images(path)):
        return read_image(path, series=series, geometry=geometry)
    source = read_segmentation(path, geometry=geometry)
    if isinstance(source, LabelMap):
        return source.volume
    if len(source.names) != 1:
        raise MaskError(
            f"expected one image or segment, got {source.kind} with {len(source.names)} segments, which may overlap; "
            "choose one by its number or name",
            options=("mask_label",),
            listing=list_names(source.names),
        )
    return source.read(next(iter(source.names)), None)  # of whatever organ


def _naming(mask: Volume, name: str) -> Volume:
    """Return a mask with its name before each of its reader's notes."""
    notes = tuple(f"{name}: {note}" for note in mask.provenance.notes)
    return replace(mask, provenance=replace(mask.provenance, notes=notes))


def _number_of(source: LabelMap, label: int | str | None, name: str) -> tuple[int | None, tuple[str, ...]]:
    """Return the number of a label map's label, or None for the only one there is."""
    if isinstance(label, int):
        return label, ()
    if label is None:
        return _liver_by_name(source, name)
    names = source.names()
    if names:
        return find_label(names, label, name=name), ()
    present = labels_present(source.volume.data, name=name) if _holds_labels(source.volume) else []
    if len(present) < 2 and is_called(label, LIVER):
        return None, ()
    if len(present) < 2:
        raise MaskError(
            f"expected a {name} that names its labels, to find {label!r} among them, got one without names; "
            "leave the name out if the file holds that structure alone",
            options=LABEL_OPTIONS,
        )
    if is_called(label, LIVER) and _looks_like_totalsegmentator(source.volume, present):
        return TOTALSEGMENTATOR_LIVER, (
            f"the {name} names no labels: {TOTALSEGMENTATOR_LIVER} was taken as the liver, TotalSegmentator's number",
        )
    raise MaskError(
        f"expected a {name} that names its labels, got numbers alone ({present[0]} to {present[-1]}); "
        "give the number of the liver",
        options=LABEL_OPTIONS,
    )


def _liver_by_name(source: LabelMap, name: str) -> tuple[int | None, tuple[str, ...]]:
    """Return the label that the file calls liver, if it has several; None for a plain mask, or if no name helps.

    Raises
    ------
    MaskError
        If the file names its labels, and the only one present is not called liver.
    """
    if not _holds_labels(source.volume):
        return None, ()
    present = labels_present(source.volume.data, name=name)
    names = source.names() if present else {}
    if len(present) == 1 and names:
        return find_label({present[0]: names.get(present[0]) or UNNAMED}, None, name=name), ()
    called = [n for n, text in names.items() if is_called(text, LIVER) and n in present]
    if len(called) != 1:
        return None, ()
    return called[0], (f"of the {len(present)} labels of the {name} the one called liver was taken",)


def _holds_labels(volume: Volume) -> bool:
    """Return whether all values are whole numbers; `prepare_mask` judges all other values."""
    return volume.data.dtype.kind in "iu" or (
        volume.data.dtype.kind == "f" and bool((volume.data == np.rint(volume.data)).all())
    )


def _looks_like_totalsegmentator(volume: Volume, present: list[int]) -> bool:
    """Return whether label 5 is there and either the map has more labels than other tools', or it is the largest."""
    if TOTALSEGMENTATOR_LIVER not in present:
        return False
    if present[-1] > NUM_SMALL_MAPS:
        return True
    sizes = {number: int(np.count_nonzero(volume.data == number)) for number in present}
    return max(sizes, key=lambda number: sizes[number]) == TOTALSEGMENTATOR_LIVER


def _notes_of_choice(source: Segments, number: int, label: int | str | None, name: str) -> tuple[str, ...]:
    if label is not None or len(source.names) == 1:
        return ()
    return (f"of the {len(source.names)} segments of the {name} the one called liver was taken",)


def _check_same_world(mask: Volume, like: Volume | None, name: str) -> None:
    """Check that a DICOM mask is of the image's patient and frame of reference, if both are known."""
    if like is None:
        return
    mine, other = mask.provenance, like.provenance
    worlds, patients = {mine.world_digest, other.world_digest}, {mine.patient_digest, other.patient_digest}
    if None not in worlds:
        if len(worlds) > 1:
            raise MaskError(
                f"expected a {name} in the frame of reference of its image, got one of another frame (another "
                "patient or examination?), in which positions mean other places; give the mask of this image"
            )
    elif None not in patients and len(patients) > 1:
        raise MaskError(f"expected a {name} of the image's patient, got one with another patient ID; give its own")

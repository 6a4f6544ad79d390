"""The table of the sources of liver masks: a new source is a file of its own and a line here."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.io.byte_stream import inner_file
from hepareg.io.dicom_headers import holds_dicom_images
from hepareg.io.dicom_masks import read_dicom_masks
from hepareg.io.images import read_image
from hepareg.io.itk_images import ITK_SUFFIXES
from hepareg.io.label_names import read_label_names
from hepareg.io.nifti import NIFTI_SUFFIXES, is_nifti
from hepareg.io.seg_nrrd import read_seg_nrrd
from hepareg.io.segmentation import LabelMap, Segments
from hepareg.volume import Volume

__all__ = ["SOURCES", "holds_masks", "read_segmentation"]


def read_segmentation(path: str | Path, *, geometry: str | None = None) -> LabelMap | Segments:
    """Read a mask, label map or segmentation of any known kind.

    Parameters
    ----------
    path
        File or folder.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.

    Raises
    ------
    FileFormatError
        If it is missing, damaged or of no known kind.
    MaskError
        If it holds several segmentations, or none that can be placed.
    """
    for source in SOURCES:
        found = source(path, geometry)
        if found is not None:
            return found
    raise AssertionError("the last source takes any path")


def _read_nifti(path: str | Path, geometry: str | None) -> LabelMap | None:
    if not is_nifti(path):
        return None
    return LabelMap("a NIfTI image", read_image(path, geometry=geometry), partial(read_label_names, path))


def _read_mask_folder(path: str | Path, geometry: str | None = None) -> Segments | None:
    """Return the files of a folder, one mask a class, as TotalSegmentator writes them: ``liver.nii.gz``."""
    if not holds_masks(path):
        return None
    named = dict(enumerate(_mask_files(Path(path)), start=1))

    def read(number: int, grid: Grid | None = None) -> Volume:
        with inner_file(named[number], shown="a file of the folder"):
            return read_image(named[number], geometry=geometry)

    return Segments("a folder of masks", {n: _class_of(file) for n, file in named.items()}, read)


def holds_masks(path: str | Path) -> bool:
    """Return whether a path is a folder with images of one file each, as masks come, and not of DICOM."""
    return Path(path).is_dir() and bool(_mask_files(Path(path)))


def _mask_files(folder: Path) -> list[Path]:
    """Return the image files of a folder, sorted; of a pair .hdr and .img only the .hdr."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.is_file()
        and (is_nifti(file) or file.name.lower().endswith(ITK_SUFFIXES))
        and not file.name.lower().endswith((".img", ".img.gz"))
    )


def _class_of(file: Path) -> str:
    name = file.name.lower()
    suffix = next(s for s in (*NIFTI_SUFFIXES, *ITK_SUFFIXES) if name.endswith(s))
    return file.name[: -len(suffix)]


def _read_any_image(path: str | Path, geometry: str | None) -> LabelMap:
    """Return any other image with one value per voxel: NRRD, MetaImage, or a series of DICOM.

    Raises
    ------
    MaskError
        If a folder holds nothing that could be a mask.
    """
    if Path(path).is_dir() and not holds_dicom_images(path):
        raise MaskError(
            "expected a folder with a mask (a file for each class, such as liver.nii.gz, a DICOM SEG or an RTSTRUCT), "
            f"got none of these: {path}; check the path, or give the mask's file"
        )
    return LabelMap("an image", read_image(path, geometry=geometry))


SOURCES: tuple[Callable[[str | Path, str | None], LabelMap | Segments | None], ...] = (
    _read_nifti,
    _read_mask_folder,
    lambda path, _: read_seg_nrrd(path),
    lambda path, _: read_dicom_masks(path),
    _read_any_image,
)
"""Asked in this order; a source answers None for a path of another kind."""

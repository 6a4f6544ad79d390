"""Reading an image of any known format."""

from collections.abc import Callable
from pathlib import Path

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.byte_stream import open_bytes, reading
from hepareg.io.dicom_files import looks_like_dicom
from hepareg.io.dicom_headers import is_multi_frame
from hepareg.io.dicom_series import read_dicom_series
from hepareg.io.image_limits import check_placement
from hepareg.io.itk_images import ITK_SUFFIXES, read_itk_image
from hepareg.io.nifti import is_nifti, read_nifti
from hepareg.volume import Volume

__all__ = ["read_image"]

EXPECTED = "a NIfTI (.nii, .nii.gz), NRRD or MetaImage (.mha) file or a folder (or zip) of DICOM"
ZIP_MAGIC = b"PK\x03\x04"


def read_image(
    path: str | Path,
    *,
    series: str | None = None,
    geometry: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Volume:
    """Read a NIfTI, NRRD or MetaImage file, a folder or zip archive of DICOM, or an enhanced multi-frame DICOM file.

    Parameters
    ----------
    path
        File, or folder or zip archive with the files of one or more DICOM series. Names decide; a file of
        another name is read if its content is NIfTI.
    series
        Series to read from a folder: see `hepareg.io.dicom_series.read_dicom_series`.
    geometry
        ``sform`` or ``qform`` for a NIfTI header in which the two disagree: see `hepareg.io.nifti.read_nifti`.
    progress
        Called with files done and all files, while a folder is read.

    Raises
    ------
    FileFormatError
        If the file is missing, unreadable, or of no known format.
    ImageError
        If it is no 3-D image, the folder's series cannot be read as one, or voxels have sizes that no CT has.
    SettingsError
        If ``series`` is given for a file, or names no series of the folder.
    """
    volume = _read(path, series=series, geometry=geometry, progress=progress)
    check_placement(volume.grid)
    return volume


def _read(
    path: str | Path,
    *,
    series: str | None,
    geometry: str | None,
    progress: Callable[[int, int], None] | None,
) -> Volume:
    if Path(path).is_dir():
        return read_dicom_series(path, series=series, progress=progress)
    is_named = is_nifti(path) or str(path).lower().endswith(ITK_SUFFIXES)
    if not is_named:
        with reading(path, expected=EXPECTED), open_bytes(path) as stream:
            start = stream.read(348)
        if Path(path).name.upper() == "DICOMDIR" or start[:4] == ZIP_MAGIC:
            return read_dicom_series(path, series=series, progress=progress)
        if looks_like_dicom(start[:132]):
            if is_multi_frame(path):
                return read_dicom_series(path, series=series, progress=progress)
            raise FileFormatError(
                f"expected the folder of a DICOM series, got one of its files: {path}; give the folder"
            )
    if series is not None:
        raise SettingsError("expected a folder of DICOM to pick a series from, got a file: leave the option out")
    if is_named:
        return read_nifti(path, geometry=geometry) if is_nifti(path) else read_itk_image(path)
    if start[344:347] == b"n+1" or start[4:7] == b"n+2":
        return read_nifti(path, geometry=geometry)
    raise FileFormatError(f"expected {EXPECTED}, got {path}")

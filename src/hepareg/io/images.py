"""Reading an image of any known format."""

from pathlib import Path

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.dicom_series import read_dicom_series
from hepareg.io.itk_images import ITK_SUFFIXES, read_itk_image
from hepareg.io.nifti import is_nifti, read_nifti
from hepareg.volume import Volume

__all__ = ["read_image"]


def read_image(path: str | Path, *, series: str | None = None) -> Volume:
    """Read a NIfTI, NRRD or MetaImage file, or a folder of DICOM.

    Parameters
    ----------
    path
        File, or folder with the files of one or more DICOM series.
    series
        Which series of a folder: see `hepareg.io.dicom_series.read_dicom_series`.

    Raises
    ------
    FileFormatError
        If the file is missing, unreadable, or of no known format.
    ImageError
        If it is no 3-D image.
    """
    if Path(path).is_dir():
        return read_dicom_series(path, series=series)
    if series is not None:
        raise SettingsError("expected a folder of DICOM where a series is picked, got a file: leave the option out")
    if is_nifti(path):
        return read_nifti(path)
    if str(path).lower().endswith(ITK_SUFFIXES):
        return read_itk_image(path)
    raise FileFormatError(
        f"expected a NIfTI (.nii, .nii.gz), NRRD or MetaImage (.mha) file or a folder of DICOM, got {path}"
    )

"""NRRD and MetaImage (.mha, .mhd) images through SimpleITK, with ITK's LPS world turned into RAS."""

from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous
from hepareg.io.byte_stream import reading
from hepareg.io.content_digest import ContentDigest
from hepareg.volume import Provenance, Volume

__all__ = ["ITK_SUFFIXES", "grid_of_itk_image", "read_itk_image", "volume_of_itk_image"]

ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")


def read_itk_image(path: str | Path) -> Volume:
    """Read a 3-D NRRD or MetaImage file; voxels in their stored type.

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    ImageError
        If it is not three-dimensional, has colours, or (NRRD) does not name its space.
    """
    import SimpleITK as sitk

    with reading(path, expected="an NRRD or MetaImage file"), open(path, "rb"):
        pass
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        _check_header(reader, str(path))
        image = reader.Execute()
    except (RuntimeError, UnicodeDecodeError) as error:  # the latter where ITK's message repeats a file's bytes
        raise FileFormatError(
            f"expected an NRRD or MetaImage file, got one that is damaged or of another format: {path}"
        ) from error
    return volume_of_itk_image(image, file_format="itk")


def volume_of_itk_image(image: Any, *, file_format: str = "memory") -> Volume:
    """Return the Volume of a 3-D SimpleITK image with one value per voxel; its voxels are copied once."""
    import SimpleITK as sitk

    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ImageError(
            f"expected a 3-D image with one value per voxel, got {image.GetDimension()} axes and "
            f"{image.GetNumberOfComponentsPerPixel()} values"
        )
    data = sitk.GetArrayFromImage(image).transpose()
    digest = ContentDigest()
    digest.update(data.transpose().reshape(-1).view(np.uint8))
    provenance = Provenance(file_format=file_format, content_digest=digest.hexdigest())
    return Volume(data, grid_of_itk_image(image), provenance=provenance)


def grid_of_itk_image(image: Any) -> Grid:
    """Return the grid in world RAS of a 3-D SimpleITK image, whose own world is LPS."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    lps = homogeneous(direction * np.array(image.GetSpacing()), image.GetOrigin())
    return Grid(image.GetSize(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps)


def _check_header(reader: Any, path: str) -> None:
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        raise ImageError(
            f"expected a 3-D image with one value per voxel, got size {'x'.join(map(str, reader.GetSize()))} "
            f"with {reader.GetNumberOfComponents()}: split it, and give the CT itself rather than a picture of it"
        )
    if path.lower().endswith((".nrrd", ".nhdr")) and "NRRD_space" not in reader.GetMetaDataKeys():
        raise ImageError(
            "expected a `space` line in the NRRD header, got none: left and right cannot be told apart; "
            "export the image again"
        )

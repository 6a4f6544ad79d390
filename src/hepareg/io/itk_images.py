"""NRRD and MetaImage (.mha, .mhd) images through SimpleITK, with ITK's LPS world turned into RAS."""

from pathlib import Path
from typing import Any

import numpy as np

from hepareg.arrays import VoxelArray
from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous
from hepareg.io.content_digest import ContentDigest
from hepareg.io.image_limits import check_placement
from hepareg.io.itk_headers import check_itk_header, read_itk_header, unpacked_voxels
from hepareg.io.itk_silence import silent_itk
from hepareg.volume import Provenance, Volume

__all__ = ["ITK_SUFFIXES", "grid_of_itk_image", "read_itk_image", "volume_of_itk_image"]

ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")


def read_itk_image(path: str | Path) -> Volume:
    """Read a 3-D NRRD or MetaImage file; voxels in their stored type.

    Raises
    ------
    FileFormatError
        If the file, or one that its header names, cannot be read or is too short for its voxels.
    ImageError
        If it is not three-dimensional, has colours, is in another unit than mm or of a size that no CT has, or (NRRD)
        does not name its space.
    """
    import SimpleITK as sitk

    header = read_itk_header(path)
    check_itk_header(header, path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    packed = header if header.encoding in ("gzip", "bzip2") and len(header.data_files) <= 1 else None
    try:
        with silent_itk():
            reader.ReadImageInformation()
            _check_header(reader, str(path))
            check_placement(grid_of_itk_image(reader))
            image = reader.Execute() if packed is None else None
    except (RuntimeError, UnicodeDecodeError) as error:  # the latter if ITK's message repeats a file's bytes
        raise FileFormatError(
            f"expected an NRRD or MetaImage file, got one that is damaged or of another format: {path}"
        ) from error
    if packed is None:
        return volume_of_itk_image(image, file_format="itk")
    voxels = unpacked_voxels(packed, path).reshape(reader.GetSize(), order="F")
    return _volume(voxels.astype(voxels.dtype.newbyteorder("="), copy=False), grid_of_itk_image(reader), "itk")


def volume_of_itk_image(image: Any, *, file_format: str = "memory") -> Volume:
    """Return the Volume of a 3-D SimpleITK image with one value per voxel; its voxels are copied once."""
    import SimpleITK as sitk

    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ImageError(
            f"expected a 3-D image with one value per voxel, got {image.GetDimension()} axes and "
            f"{image.GetNumberOfComponentsPerPixel()} values"
        )
    return _volume(sitk.GetArrayFromImage(image).transpose(), grid_of_itk_image(image), file_format)


def _volume(data: VoxelArray, grid: Grid, file_format: str) -> Volume:
    """Return a volume of voxels with the first axis fastest, and the digest of them."""
    digest = ContentDigest()
    digest.update(data.transpose().reshape(-1).view(np.uint8))
    return Volume(data, grid, provenance=Provenance(file_format=file_format, content_digest=digest.hexdigest()))


def grid_of_itk_image(image: Any) -> Grid:
    """Return the grid in world RAS of a 3-D SimpleITK image, or of the reader of one; their own world is LPS."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers of a damaged header; what overflows is refused
        lps = homogeneous(direction * np.array(image.GetSpacing()), image.GetOrigin())
        matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    return Grid(image.GetSize(), matrix)


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

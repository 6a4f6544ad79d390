"""Reading and writing a transform in any known format."""

from pathlib import Path

from numpy.typing import ArrayLike

from hepareg.errors import FileFormatError, SettingsError
from hepareg.geometry import Grid
from hepareg.io.byte_stream import reading
from hepareg.io.fsl import read_flirt, write_flirt
from hepareg.io.itk_transforms import read_itk_transform, write_itk_transform
from hepareg.io.lta import read_lta, write_lta
from hepareg.io.matrix_text import read_matrix_text, write_matrix_text
from hepareg.transforms import AffineTransform, RigidTransform

__all__ = ["check_transform_suffix", "read_transform", "write_transform"]

HDF5_MAGIC = b"\x89HDF"
ITK_MAGIC = b"#Insight Transform File"
WRITERS_WITH_GRIDS = {".lta": write_lta, ".mat": write_flirt}


def read_transform(
    path: str | Path, *, space: str = "ras", moving: Grid | None = None, fixed: Grid | None = None
) -> AffineTransform:
    """Read moving_from_fixed in world RAS mm from an ITK, FreeSurfer, FSL or plain text file.

    The format is found from the content: ITK text or HDF5; an LTA by its ``type =`` line; a ``.mat``
    that is text is FLIRT's, one that is binary is ITK's (ANTs' GenericAffine); other text is a
    plain 4x4 matrix.

    Parameters
    ----------
    path
        Transform file.
    space
        ``ras`` or ``lps``: the world of a plain 4x4 matrix. The other formats state their own.
    moving, fixed
        Grids of the two images, which only FLIRT's matrix needs.

    Raises
    ------
    FileFormatError
        If the file cannot be read or is of no known format.
    SettingsError
        If ``space`` contradicts the format, or a FLIRT matrix comes without both grids.
    TransformError
        If the matrix is singular or the transform not linear.
    """
    with reading(path, expected="a transform"), open(path, "rb") as file:
        start = file.read(4096)
    suffix = Path(path).suffix.lower()
    if start.startswith((ITK_MAGIC, HDF5_MAGIC)) or (suffix == ".mat" and b"\0" in start):
        return read_itk_transform(path)
    if b"\0" in start:
        raise FileFormatError(f"expected a transform (ITK, LTA, FLIRT or 4x4 text), got an unknown binary file: {path}")
    is_lta = any(line.split()[:2] == [b"type", b"="] for line in start.splitlines())
    if (is_lta or suffix == ".mat") and space != "ras":
        raise SettingsError(f"expected no other space for a file that states its own, got {space!r}: leave it out")
    if is_lta:
        return read_lta(path)
    if suffix == ".mat":
        if moving is None or fixed is None:
            raise SettingsError(
                "expected both images for a FLIRT matrix, which depends on their grids: give them too, "
                "with --moving and --fixed (`hepareg apply`: --reference)"
            )
        return read_flirt(path, moving=moving, fixed=fixed)
    return read_matrix_text(path, space=space)


def write_transform(
    path: str | Path,
    transform: RigidTransform,
    *,
    moving: Grid | None = None,
    fixed: Grid | None = None,
    centre_mm: ArrayLike = (0.0, 0.0, 0.0),
) -> None:
    """Write moving_from_fixed in the format that the suffix names.

    ``.txt``: plain 4x4 in RAS; ``.tfm``: ITK; ``.lta``: FreeSurfer; ``.mat``: FLIRT. The last two need
    both grids.

    Raises
    ------
    SettingsError
        If the suffix is another one, or a grid is missing.
    """
    suffix = check_transform_suffix(path)
    if suffix == ".txt":
        write_matrix_text(path, transform)
    elif suffix == ".tfm":
        write_itk_transform(path, transform, centre_mm=centre_mm)
    elif moving is None or fixed is None:
        raise SettingsError(f"expected both images to write a {suffix} file, which holds their grids: give them too")
    else:
        WRITERS_WITH_GRIDS[suffix](path, transform, moving=moving, fixed=fixed)


def check_transform_suffix(path: str | Path) -> str:
    """Return the suffix of a file that `write_transform` can write.

    Raises
    ------
    SettingsError
        If it is another one.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".txt", ".tfm", *WRITERS_WITH_GRIDS):
        raise SettingsError(
            f"expected a name ending in .txt, .tfm, .lta or .mat for a transform, got {suffix or 'none'}"
        )
    return suffix

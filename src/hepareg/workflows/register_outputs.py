"""The files of a registration: transforms for every tool, the moved images, the picture.

Each writer imports its own libraries: transforms alone need neither ITK nor Pillow, whose imports would be a good part
of the run.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import VoxelArray
from hepareg.errors import RigidityError
from hepareg.geometry import Grid
from hepareg.io.elastix import write_elastix
from hepareg.io.fsl import is_nifti_volume
from hepareg.io.nifti import write_nifti, write_with_matrix
from hepareg.io.transform_record import RECORD_NAME
from hepareg.io.transforms import record_matrices, write_transform
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume
from hepareg.workflows.certificate import HeaderErrors, certify_file, header_errors
from hepareg.workflows.inputs import CheckedPair, is_path

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "EXTRA_TRANSFORMS",
    "OUTPUT_NAMES",
    "REPLACEABLE_NAMES",
    "Caption",
    "Written",
    "draw_picture",
    "warped_image",
    "write_images",
    "write_picture",
    "write_transforms",
]

RESULT, PICTURE = "result.json", "qa.png"
FLIRT = "fixed_from_moving_flirt.mat"
MOVED, WARPED = "moving_in_fixed_space.nii.gz", "warped.nii.gz"
TRANSFORMS = ("moving_from_fixed.txt", "fixed_from_moving.txt", "moving_from_fixed.tfm", "fixed_from_moving.lta", FLIRT)
ESSENTIAL = TRANSFORMS[:2]
"""Without these a run fails: any other file that cannot be exact is left out with its reason."""
EXTRA_TRANSFORMS = {"elastix": "moving_from_fixed_elastix.txt", "greedy": "moving_from_fixed_greedy.mat"}
"""Further files by the name of the tool that reads them; written only on request."""
OUTPUT_NAMES = (*TRANSFORMS, RECORD_NAME, MOVED, WARPED, PICTURE, RESULT)
"""Every name that a run writes, or leaves out with a reason, if no further files are asked for."""
REPLACEABLE_NAMES = (*OUTPUT_NAMES, *EXTRA_TRANSFORMS.values())
"""Every name that a run may write."""


@dataclass(frozen=True)
class Written:
    """Record of output files: names of those written, reasons by name for the others, errors of the moved header."""

    names: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    header: HeaderErrors | None = None

    def __add__(self, other: "Written") -> "Written":
        """Return one record of the files of both; a header error of this record comes before the other's."""
        return Written(self.names + other.names, {**self.left_out, **other.left_out}, self.header or other.header)


@dataclass(frozen=True)
class Caption:
    """Words of the picture, and the place that it shows.

    Parameters
    ----------
    title, lines
        Title, and lines under the title.
    decision
        Decision that colours the title's bar.
    point_mm
        (3,) point of the fixed world that the planes go through; None for the liver's centroid.
    """

    title: str
    lines: Sequence[str]
    decision: str
    point_mm: ArrayLike | None = None


def write_transforms(
    folder: Path,
    transform: RigidTransform,
    pair: CheckedPair,
    *,
    centre_mm: ArrayLike,
    extra: Sequence[str] = (),
) -> Written:
    """Write moving_from_fixed for every tool, and read each file back for the certificate.

    Parameters
    ----------
    folder
        Folder of the results.
    transform
        The result.
    pair
        The two images.
    centre_mm
        (3,) centre of rotation for the formats that store one.
    extra
        Names of `EXTRA_TRANSFORMS` to write as well.

    Raises
    ------
    RigidityError
        If one of the `ESSENTIAL` files does not hold the transform as a rotation to 1e-12.
    """
    moving, fixed = pair.moving.grid, pair.fixed.grid
    names, left_out = [], {}
    for name in (*TRANSFORMS, *(EXTRA_TRANSFORMS[tool] for tool in extra)):
        if name == FLIRT and not (is_nifti_volume(pair.moving) and is_nifti_volume(pair.fixed)):
            left_out[name] = "FLIRT's coordinates are those of NIfTI files, and not both images are NIfTI"
            continue
        _write_transform(folder / name, transform, moving=moving, fixed=fixed, centre_mm=centre_mm)
        problem = certify_file(folder / name, transform, moving=moving, fixed=fixed)
        if problem is None:
            names.append(name)
        elif name in ESSENTIAL:
            raise RigidityError(f"{name} was not written: {problem}; nothing else was, please report this")
        else:
            (folder / name).unlink()
            left_out[name] = problem
    plain = [folder / name for name in names if name.endswith((".txt", ".mat")) and "elastix" not in name]
    record_matrices(folder / RECORD_NAME, plain)
    return Written((*names, RECORD_NAME), left_out)


def _write_transform(path: Path, transform: RigidTransform, *, moving: Grid, fixed: Grid, centre_mm: ArrayLike) -> None:
    if path.name == EXTRA_TRANSFORMS["elastix"]:
        write_elastix(path, transform, fixed=fixed, centre_mm=centre_mm)
    else:
        write_transform(path, transform, moving=moving, fixed=fixed, centre_mm=centre_mm, record=False)


def write_images(folder: Path, transform: RigidTransform, pair: CheckedPair, *, moving: Any) -> Written:
    """Write the moving image moved by its header alone, and resampled once onto the fixed grid; both at a time.

    ``moving`` is the path of the moving image, whose stored voxels are kept if it is NIfTI, or the image in memory.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:  # gzip runs outside of the interpreter's lock
        moved = pool.submit(_write_moved, folder / MOVED, transform, pair.moving, moving)
        warped = pool.submit(_write_warped, folder / WARPED, transform, pair)
        header = moved.result()
        warped.result()
    if header.problem is not None:
        (folder / MOVED).unlink()
        return Written((WARPED,), {MOVED: header.problem})
    return Written((MOVED, WARPED), header=header)


def warped_image(transform: RigidTransform, pair: CheckedPair) -> Volume:
    """Return the moving image in whole HU on the fixed grid, interpolated once; -1024 outside of it."""
    from hepareg.transforms.resample import resample

    return resample(pair.moving, pair.fixed.grid, moving_from_fixed=transform, dtype=np.int16)


def write_picture(folder: Path, transform: RigidTransform, pair: CheckedPair, caption: Caption) -> Written:
    """Write the picture of the pair before and after."""
    draw_picture(transform, pair, caption).save(folder / PICTURE)
    return Written((PICTURE,))


def draw_picture(transform: RigidTransform, pair: CheckedPair, caption: Caption) -> "Image":
    """Return the picture of the pair before and after."""
    from hepareg.figures import qa_figure

    return qa_figure(
        moving=pair.moving,
        fixed=pair.fixed,
        moving_from_fixed_before=RigidTransform.identity(),
        moving_from_fixed_after=transform,
        moving_mask=pair.moving_mask,
        fixed_mask=pair.fixed_mask,
        title=caption.title,
        lines=caption.lines,
        decision=caption.decision,
        point_mm=caption.point_mm,
    )


def _write_moved(path: Path, transform: RigidTransform, moving: Volume, source: Any) -> HeaderErrors:
    """Write the moving image with a new header alone; return the errors of the position that the header holds."""
    old = moving.grid.world_from_voxel
    new = transform.inverse().matrix @ old
    if is_path(source) and moving.provenance.file_format == "nifti":
        write_with_matrix(source, path, new)
    else:
        write_nifti(path, Volume(as_int16_hu(moving.data), Grid(moving.shape, new)))
    return header_errors(path, old=old, new=new, shape=moving.shape)


def _write_warped(path: Path, transform: RigidTransform, pair: CheckedPair) -> None:
    write_nifti(path, warped_image(transform, pair))


def as_int16_hu(data: VoxelArray) -> VoxelArray:
    """Return HU rounded to whole numbers and clipped to the range of 16 bits."""
    if data.dtype == np.int16:
        return data
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(data), limits.min, limits.max).astype(np.int16)

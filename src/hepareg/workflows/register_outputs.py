"""The files of a registration: transforms for every tool, the moved images, the picture.

What a file needs is imported where it is written: transforms alone need neither ITK nor Pillow,
whose imports would be a good part of the run.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import VoxelArray
from hepareg.geometry import Grid
from hepareg.io.nifti import write_nifti, write_with_matrix
from hepareg.io.transforms import write_transform
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume
from hepareg.workflows.certificate import HeaderErrors, certify_files, header_errors
from hepareg.workflows.inputs import CheckedPair

__all__ = ["OUTPUT_NAMES", "Caption", "Written", "write_images", "write_picture", "write_transforms"]

RESULT, PICTURE = "result.json", "qa.png"
FLIRT = "fixed_from_moving_flirt.mat"
MOVED, WARPED = "moving_in_fixed_space.nii.gz", "warped.nii.gz"
TRANSFORMS = ("moving_from_fixed.txt", "fixed_from_moving.txt", "moving_from_fixed.tfm", "fixed_from_moving.lta", FLIRT)
OUTPUT_NAMES = (*TRANSFORMS, MOVED, WARPED, PICTURE, RESULT)
"""Every name that a run may write."""


@dataclass(frozen=True)
class Written:
    """Names of the files written, why the others were left out, by name, and how exact the moved header is."""

    names: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    header: HeaderErrors | None = None

    def __add__(self, other: "Written") -> "Written":
        """Return both together."""
        return Written(self.names + other.names, {**self.left_out, **other.left_out}, self.header or other.header)


@dataclass(frozen=True)
class Caption:
    """What the picture says in words: its title, the lines under it, and the decision that colours it."""

    title: str
    lines: Sequence[str]
    decision: str


def write_transforms(folder: Path, transform: RigidTransform, pair: CheckedPair, *, centre_mm: ArrayLike) -> Written:
    """Write moving_from_fixed for every tool, and read the text files back for the certificate.

    Raises
    ------
    RigidityError
        If a file does not hold the transform as a rotation to 1e-12.
    """
    grids = {"moving": pair.moving.grid, "fixed": pair.fixed.grid}
    left_out = {}
    for name in TRANSFORMS:
        if name == FLIRT and not _both_nifti(pair):
            left_out[name] = "FLIRT's coordinates are those of NIfTI files, and not both images are NIfTI"
        elif name == "fixed_from_moving.txt":
            write_transform(folder / name, transform.inverse())
        else:  # these formats take moving_from_fixed, whichever way they store it
            write_transform(folder / name, transform, **grids, centre_mm=centre_mm)
    certify_files(folder, transform, fixed=pair.fixed.grid)
    return Written(tuple(name for name in TRANSFORMS if name not in left_out), left_out)


def write_images(folder: Path, transform: RigidTransform, pair: CheckedPair, *, moving_path: str | Path) -> Written:
    """Write the moving image moved by its header alone, and resampled once onto the fixed grid; both at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:  # gzip runs outside of the interpreter's lock
        moved = pool.submit(_write_moved, folder / MOVED, transform, pair.moving, moving_path)
        warped = pool.submit(_write_warped, folder / WARPED, transform, pair)
        header = moved.result()
        warped.result()
    if header.problem is not None:
        (folder / MOVED).unlink()
        return Written((WARPED,), {MOVED: header.problem})
    return Written((MOVED, WARPED), header=header)


def write_picture(folder: Path, transform: RigidTransform, pair: CheckedPair, caption: Caption) -> Written:
    """Write the picture of the pair before and after."""
    from hepareg.figures import qa_figure

    picture = qa_figure(
        moving=pair.moving,
        fixed=pair.fixed,
        moving_from_fixed_before=RigidTransform.identity(),
        moving_from_fixed_after=transform,
        moving_mask=pair.moving_mask,
        fixed_mask=pair.fixed_mask,
        title=caption.title,
        lines=caption.lines,
        decision=caption.decision,
    )
    picture.save(folder / PICTURE)
    return Written((PICTURE,))


def _write_moved(path: Path, transform: RigidTransform, moving: Volume, source: str | Path) -> HeaderErrors:
    """Write the header-only result; return how exactly its header holds the new place."""
    old = moving.grid.world_from_voxel
    new = transform.inverse().matrix @ old
    if moving.provenance.file_format == "nifti":
        write_with_matrix(source, path, new)
    else:
        write_nifti(path, Volume(as_int16_hu(moving.data), Grid(moving.shape, new)))
    return header_errors(path, old=old, new=new, shape=moving.shape)


def _write_warped(path: Path, transform: RigidTransform, pair: CheckedPair) -> None:
    from hepareg.transforms.resample import resample

    write_nifti(path, resample(pair.moving, pair.fixed.grid, moving_from_fixed=transform, dtype=np.int16))


def as_int16_hu(data: VoxelArray) -> VoxelArray:
    """Return HU rounded to whole numbers and clipped to what 16 bits hold."""
    if data.dtype == np.int16:
        return data
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(data), limits.min, limits.max).astype(np.int16)


def _both_nifti(pair: CheckedPair) -> bool:
    return pair.moving.provenance.file_format == pair.fixed.provenance.file_format == "nifti"

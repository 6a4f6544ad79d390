"""`hepareg rigidify`: the rigid part of any tool's affine, and the error that this makes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hepareg.geometry.masked import points_mm
from hepareg.io.images import read_image
from hepareg.io.transforms import (
    MatrixMeaning,
    check_transform_name,
    read_transform_file,
    record_matrices,
    record_of,
    write_transform,
)
from hepareg.masks import read_mask
from hepareg.transforms.rigidify import RemovedPart, removed_part, rigid_part
from hepareg.workflows.atomic import atomic_file, check_output_file

__all__ = ["STAGES", "Rigidified", "rigidify_file"]

STAGES = ("reading", "comparing", "writing")
"""Stages that a caller is told, in this order."""


@dataclass(frozen=True)
class Rigidified:
    """The scale and shear that were taken out, and notes of the readers for the user."""

    removed: RemovedPart
    notes: tuple[str, ...] = ()


def rigidify_file(
    transform: str | Path,
    output: str | Path,
    *,
    fixed: str | Path,
    moving: str | Path,
    mask: str | Path,
    mask_label: int | str | None = None,
    convention: str | None = None,
    direction: str | None = None,
    geometry: str | None = None,
    moving_series: str | None = None,
    fixed_series: str | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Rigidified:
    """Write the rigid part of an affine that maps the centroid of the fixed liver as the affine does.

    Parameters
    ----------
    transform
        Affine as moving_from_fixed: ITK, LTA, FLIRT or plain text.
    output
        ``.txt`` (RAS), ``.tfm``, ``.lta`` or ``.mat`` (FLIRT).
    fixed, moving
        The two images; their grids place FLIRT's and FreeSurfer's matrices in the world.
    mask, mask_label
        Liver mask of the fixed image, and the number or name of the segment to take.
    convention, direction
        Meaning of a plain matrix that does not state it.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.
    moving_series, fixed_series
        Series to read from a folder of DICOM with several, as in `hepareg.io.dicom_selection.choose`.
    overwrite
        Whether an existing output may be replaced.
    progress
        Called with the name of each of `STAGES` when the stage begins.

    Raises
    ------
    TransformError
        If the affine is singular or mirrored.
    InputError
        If a file cannot be used.
    OutputError
        If the output exists or cannot be written.
    """
    check_transform_name(output)
    record = record_of(output)
    for path in (output, *([record] if record is not None else [])):
        check_output_file(path, overwrite=overwrite)
    progress = progress or (lambda _: None)
    progress("reading")
    fixed_image = read_image(fixed, series=fixed_series, geometry=geometry)
    moving_image = read_image(moving, series=moving_series, geometry=geometry)
    read = read_transform_file(
        transform, said=MatrixMeaning(convention, direction), keep_rounding=True, moving=moving_image, fixed=fixed_image
    )
    affine = read.transform
    liver = read_mask(mask, like=fixed_image, label=mask_label, name="fixed liver mask", geometry=geometry)
    progress("comparing")
    centre = liver.centroid_mm
    rigid = rigid_part(affine, centre_mm=centre)
    removed = removed_part(affine, points_mm=points_mm(liver.data, liver.grid), centre_mm=centre)
    rigid.certify()
    progress("writing")
    with atomic_file(output, overwrite=overwrite) as path:
        write_transform(path, rigid, moving=moving_image, fixed=fixed_image, centre_mm=centre, record=False)
        if record is not None:
            with atomic_file(record, overwrite=overwrite) as record_path:
                record_matrices(record_path, [path])
    notes = (note for volume in (moving_image, fixed_image, liver) for note in volume.provenance.notes)
    return Rigidified(removed, (*notes, *read.notes))

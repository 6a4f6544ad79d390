"""`hepareg rigidify`: the rigid part of any tool's affine, and what is lost with the rest."""

from collections.abc import Callable
from pathlib import Path

from hepareg.geometry.masked import points_mm
from hepareg.io.images import read_image
from hepareg.io.transforms import check_transform_suffix, read_transform, write_transform
from hepareg.masks import read_mask
from hepareg.transforms.rigidify import RemovedPart, removed_part, rigid_part
from hepareg.workflows.atomic import atomic_file, check_output_file

__all__ = ["STAGES", "rigidify_file"]

STAGES = ("reading", "comparing", "writing")
"""What a caller hears of, in this order."""


def rigidify_file(
    transform: str | Path,
    output: str | Path,
    *,
    fixed: str | Path,
    moving: str | Path,
    mask: str | Path,
    mask_label: int | str | None = None,
    transform_space: str = "ras",
    moving_series: str | None = None,
    fixed_series: str | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> RemovedPart:
    """Write the rigid part of an affine that keeps where it sends the centroid of the fixed liver.

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
    transform_space
        World of a plain 4x4 matrix.
    moving_series, fixed_series
        Which series of a folder of DICOM with several.
    overwrite
        Whether an existing output may be replaced.
    progress
        Called with the name of each of `STAGES` as it begins.

    Returns
    -------
    Scale and shear that were taken out.

    Raises
    ------
    TransformError
        If the affine is singular or mirrored.
    InputError
        If a file cannot be used.
    OutputError
        If the output exists or cannot be written.
    """
    check_transform_suffix(output)
    check_output_file(output, overwrite=overwrite)
    progress = progress or (lambda _: None)
    progress("reading")
    fixed_image, moving_grid = read_image(fixed, series=fixed_series), read_image(moving, series=moving_series).grid
    affine = read_transform(transform, space=transform_space, moving=moving_grid, fixed=fixed_image.grid)
    liver = read_mask(mask, like=fixed_image, label=mask_label, name="fixed liver mask")
    progress("comparing")
    centre = liver.centroid_mm
    rigid = rigid_part(affine, centre_mm=centre)
    removed = removed_part(affine, points_mm=points_mm(liver.data, liver.grid), centre_mm=centre)
    rigid.certify()
    progress("writing")
    with atomic_file(output, overwrite=overwrite) as path:
        write_transform(path, rigid, moving=moving_grid, fixed=fixed_image.grid, centre_mm=centre)
    return removed

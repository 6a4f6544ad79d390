"""`hepareg apply`: an image, a mesh or landmarks brought to the other anatomy by a transform."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hepareg.errors import PairError, SettingsError
from hepareg.geometry.boxes import box_around_points
from hepareg.io.images import read_image
from hepareg.io.nifti import write_nifti
from hepareg.io.transforms import MatrixMeaning, TransformFile, read_transform_file
from hepareg.masks import read_image_or_segment
from hepareg.preprocessing.label_map import is_label_map
from hepareg.transforms import AffineTransform
from hepareg.transforms.resample import PADDING_HU, Interpolation, resample
from hepareg.volume import Volume
from hepareg.workflows.apply_points import PointKind, point_kind_of
from hepareg.workflows.atomic import atomic_file, check_output_file

__all__ = ["STAGES", "Applied", "ApplySettings", "apply_to_file"]

STAGES = ("reading", "moving", "writing")
"""Names of the stages, in the order in which a caller hears of them."""

IMAGE_SUFFIXES = (".nii", ".nii.gz")
SAMPLED_PER_AXIS = 64
FAT_HU = -50.0
"""Every CT of a trunk has fat and air below this value; maps of dose, uptake or probability have none."""
MIN_SPREAD_HU = 60.0
"""Least distance of a CT's 0.1 and 99.9 percentiles."""


@dataclass(frozen=True)
class ApplySettings:
    """Options for applying a transform to a file.

    Parameters
    ----------
    space
        World of the points of a file that does not state it: ``ras`` or ``lps``; None is ``ras``.
    convention, direction
        Meaning of a plain matrix: see `hepareg.io.transforms.read_transform_file`.
    inverse
        Whether the file goes from the fixed to the moving anatomy instead.
    interpolation
        ``linear`` or ``nearest`` for an image; None: nearest for a label map, linear for all others.
    background
        Value outside of the image; None: -1024 for a CT, 0 for label maps and all other maps.
    moving_series, fixed_series
        Series to read from a folder of DICOM with several, as in `hepareg.io.dicom_selection.choose`.
    mask_label
        Number or name of the segment to take of an input that is a segmentation or a label map.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.
    """

    space: str | None = None
    convention: str | None = None
    direction: str | None = None
    inverse: bool = False
    interpolation: Interpolation | None = None
    background: float | None = None
    moving_series: str | None = None
    fixed_series: str | None = None
    mask_label: int | str | None = None
    geometry: str | None = None


@dataclass(frozen=True)
class Applied:
    """A line about the output that was written, and notes of the readers for the user."""

    line: str
    notes: tuple[str, ...] = ()


def apply_to_file(
    transform: str | Path,
    source: str | Path,
    output: str | Path,
    *,
    reference: str | Path | None = None,
    moving: str | Path | None = None,
    settings: ApplySettings | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Applied:
    """Apply moving_from_fixed to a file of the moving anatomy, so that it lies on the fixed one.

    An image is pulled by moving_from_fixed onto the grid of ``reference`` and sampled once; a mesh
    or a table of landmarks is pushed, point by point, by the inverse. Both land on the same place.

    Parameters
    ----------
    transform
        Transform file.
    source
        Image, folder of DICOM, mesh (STL, OBJ, PLY, VTK, VTP), or landmarks (CSV, FCSV, MRK.JSON, elastix).
    output
        File of the same kind; images as .nii or .nii.gz.
    reference
        The fixed image (with ``inverse``: the moving one), whose grid an image is pulled onto.
    moving
        The moving image, beside ``reference``: only for points and a FLIRT matrix, which needs both grids.
    settings
        Options for applying the transform.
    overwrite
        Whether an existing output may be replaced.
    progress
        Called with the name of each of `STAGES` when the stage begins, for an image.

    Raises
    ------
    InputError
        If a file cannot be used, the kinds of input and output differ, an image comes without
        reference, or nothing of it lies on the reference.
    OutputError
        If the output exists or cannot be written.
    """
    settings = settings or ApplySettings()
    output = check_output_file(output, overwrite=overwrite)
    kind = point_kind_of(source)
    if kind is not None:
        return _apply_to_points(kind, transform, source, output, reference, moving, settings, overwrite=overwrite)
    if not output.name.lower().endswith(IMAGE_SUFFIXES):
        raise SettingsError(
            f"expected an output name ending in {' or '.join(IMAGE_SUFFIXES)} for an input that is an image, "
            f"got {output.name}"
        )
    if moving is not None:
        raise SettingsError("expected no moving image beside an image: the input is the moving image; leave it out")
    return _apply_to_image(
        transform, source, output, reference, settings, overwrite=overwrite, progress=progress or (lambda _: None)
    )


def _apply_to_points(
    kind: PointKind,
    transform: str | Path,
    source: str | Path,
    output: Path,
    reference: str | Path | None,
    moving: str | Path | None,
    settings: ApplySettings,
    *,
    overwrite: bool,
) -> Applied:
    kind.check_output(source, output)
    read = _points_transform(transform, reference, moving, settings)
    push = read.transform if settings.inverse else read.transform.inverse()
    with atomic_file(output, overwrite=overwrite) as path:
        return Applied(kind.push(source, path, push, settings.space), read.notes)


def _apply_to_image(
    transform: str | Path,
    source: str | Path,
    output: Path,
    reference: str | Path | None,
    settings: ApplySettings,
    *,
    overwrite: bool,
    progress: Callable[[str], None],
) -> Applied:
    if reference is None:
        raise SettingsError(
            "expected a reference, the image whose grid the result is to have, got none: give it "
            "(points and meshes need none; `hepareg register` also writes the image moved by its header alone)",
            options=("reference",),
        )
    progress("reading")
    series = (settings.moving_series, settings.fixed_series)
    source_series, target_series = series[::-1] if settings.inverse else series
    image = read_image_or_segment(source, series=source_series, label=settings.mask_label, geometry=settings.geometry)
    target = read_image(reference, series=target_series, geometry=settings.geometry)
    moving, fixed = (target, image) if settings.inverse else (image, target)
    read = read_transform_file(transform, said=_said(settings), moving=moving, fixed=fixed)
    pull = read.transform.inverse() if settings.inverse else read.transform
    if box_around_points(image.grid, pull.apply(target.grid.corners_mm)) is None:
        raise PairError(
            "expected the image to reach the reference through this transform, got no common place in the world: "
            "check its direction and its convention",
            options=("inverse", "direction", "convention"),
        )
    progress("moving")
    pulled, done = _pulled(image, target, pull, settings)
    progress("writing")
    with atomic_file(output, overwrite=overwrite) as path:
        write_nifti(path, Volume(pulled.data, target.grid))
    return Applied(done, (*image.provenance.notes, *target.provenance.notes, *read.notes))


def _pulled(image: Volume, target: Volume, pull: AffineTransform, settings: ApplySettings) -> tuple[Volume, str]:
    """Return the image on the target's grid, and a line that says how it was sampled."""
    kind = "label map" if is_label_map(image) else "image" if _is_ct(image) else "map"
    interpolation: Interpolation = settings.interpolation or ("nearest" if kind == "label map" else "linear")
    background = settings.background
    if background is None:
        background = PADDING_HU if kind == "image" else 0
    pulled = resample(image, target.grid, moving_from_fixed=pull, interpolation=interpolation, padding=background)
    return pulled, f"{kind} pulled onto {target.grid.describe()}; {interpolation}, background {background:g}"


def _is_ct(image: Volume) -> bool:
    """Return whether values are HU, which fat and air make negative, and not a map of dose, uptake or probability."""
    steps = tuple(slice(None, None, max(1, n // SAMPLED_PER_AXIS)) for n in image.shape)
    sample = image.data[steps].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return False
    low, high = np.percentile(sample, [0.1, 99.9])
    return bool(low <= FAT_HU and high - low >= MIN_SPREAD_HU)


def _points_transform(
    transform: str | Path, reference: str | Path | None, moving: str | Path | None, settings: ApplySettings
) -> TransformFile:
    if (
        settings.convention != "flirt"
        and Path(transform).suffix.lower() != ".mat"
        and (reference or moving) is not None
    ):
        raise SettingsError(
            "expected no image beside points, which have no grid, unless the transform is a FLIRT matrix: "
            "leave reference and moving out"
        )
    images = [
        None if path is None else read_image(path, series=series, geometry=settings.geometry)
        for path, series in ((moving, settings.moving_series), (reference, settings.fixed_series))
    ]
    return read_transform_file(transform, said=_said(settings), moving=images[0], fixed=images[1])


def _said(settings: ApplySettings) -> MatrixMeaning:
    return MatrixMeaning(settings.convention, settings.direction)

"""`hepareg apply`: an image, a mesh or landmarks brought to the other anatomy by a transform."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import PairError, SettingsError, TransformError
from hepareg.geometry import Grid
from hepareg.geometry.boxes import box_around_points
from hepareg.io.images import read_image
from hepareg.io.itk_images import ITK_SUFFIXES
from hepareg.io.nifti import is_nifti, write_nifti
from hepareg.io.transforms import MatrixMeaning, TransformFile, read_transform_file
from hepareg.masks import mask_in_memory, read_image_or_segment
from hepareg.preprocessing.label_map import is_label_map
from hepareg.transforms import AffineTransform
from hepareg.transforms.resample import PADDING_HU, Interpolation, resample
from hepareg.volume import Volume
from hepareg.workflows.apply_points import PointKind, point_kind_of
from hepareg.workflows.atomic import atomic_file, check_output_file
from hepareg.workflows.inputs import image_in_memory, is_path

__all__ = ["STAGES", "Applied", "ApplySettings", "Pulled", "apply_to_file", "points_transform", "pull_image"]

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
        Number or name of the one segment or label to take, as a mask; None takes a label map with all its labels, and
        needs a segmentation with one segment.
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

    def __post_init__(self) -> None:
        if self.background is not None and not np.isfinite(self.background):
            raise SettingsError(f"expected a finite number as background, got {self.background}")


@dataclass(frozen=True)
class Applied:
    """A line about the output that was written, and notes of the readers for the user."""

    line: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pulled:
    """An image on the grid of a reference, a line that says how it was sampled, and notes of the readers."""

    image: Volume
    line: str
    notes: tuple[str, ...] = ()


def apply_to_file(
    transform: str | Path | AffineTransform,
    source: Any,
    output: str | Path,
    *,
    reference: Any = None,
    moving: Any = None,
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
        Transform, or the file of one.
    source
        Image, folder of DICOM, segmentation of any kind that `hepareg.masks.read_mask` reads, mesh (STL, OBJ, PLY, VTK,
        VTP, VTU), or landmarks (CSV, FCSV, MRK.JSON, elastix); or an image in memory, as ``reference`` and ``moving``
        may be too.
    output
        File of the same kind; images as .nii or .nii.gz.
    reference
        The fixed image (with ``inverse``: the moving one), whose grid an image is pulled onto.
    moving
        The moving image, beside ``reference`` for the fixed one: only for points and a FLIRT matrix, whose numbers
        depend on the grids of both.
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
    if is_path(transform):
        _check_order(transform)
    output = check_output_file(output, overwrite=overwrite)
    kind = point_kind_of(source) if is_path(source) else None
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


def _check_order(transform: str | Path) -> None:
    """Check that the transform is not an image by its name.

    Raises
    ------
    SettingsError
        If it is one: the two inputs were exchanged.
    """
    if is_nifti(transform) or Path(transform).name.lower().endswith(ITK_SUFFIXES) or Path(transform).is_dir():
        raise SettingsError(
            f"expected a transform first and the file to move after it, got an image as the transform: {transform}; "
            "give them in this order"
        )


def _check_sides(transform: AffineTransform) -> None:
    """Check that a transform keeps left and right.

    Raises
    ------
    TransformError
        If it makes a mirror image, as a matrix between other axis conventions does.
    """
    if np.linalg.det(transform.linear) < 0:
        raise TransformError(
            "expected a transform that keeps left and right, got one that makes a mirror image; check the axis "
            "conventions of the tool that wrote it"
        )


def _apply_to_points(
    kind: PointKind,
    transform: str | Path | AffineTransform,
    source: str | Path,
    output: Path,
    reference: Any,
    moving: Any,
    settings: ApplySettings,
    *,
    overwrite: bool,
) -> Applied:
    kind.check_output(source, output)
    read = points_transform(transform, reference, moving, settings)
    push = read.transform if settings.inverse else read.transform.inverse()
    with atomic_file(output, overwrite=overwrite) as path:
        return Applied(kind.push(source, path, push, settings.space), read.notes)


def _apply_to_image(
    transform: str | Path | AffineTransform,
    source: Any,
    output: Path,
    reference: Any,
    settings: ApplySettings,
    *,
    overwrite: bool,
    progress: Callable[[str], None],
) -> Applied:
    pulled = pull_image(transform, source, reference, settings, progress=progress)
    progress("writing")
    with atomic_file(output, overwrite=overwrite) as path:
        write_nifti(path, pulled.image)
    return Applied(pulled.line, pulled.notes)


def pull_image(
    transform: str | Path | AffineTransform,
    source: Any,
    reference: Any,
    settings: ApplySettings,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Pulled:
    """Return an image of the moving anatomy on the grid of the fixed image, sampled once.

    Parameters
    ----------
    transform
        moving_from_fixed, or its file.
    source, reference
        The image and the one whose grid it is to have, each a file, a folder of DICOM or in memory; the reference may
        be a `Grid`.
    settings
        Options; with ``inverse`` the image goes from the fixed to the moving anatomy instead.
    progress
        Called with ``reading`` and ``moving`` when these stages begin.

    Raises
    ------
    InputError
        If a file cannot be used, no reference is given, or nothing of the image lies on the reference.
    """
    if reference is None:
        raise SettingsError(
            "expected a reference, the image whose grid the result is to have, got none: give it "
            "(points and meshes need none; `hepareg register` also writes the image moved by its header alone)",
            options=("reference",),
        )
    progress("reading")
    series = (settings.moving_series, settings.fixed_series)
    source_series, target_series = series[::-1] if settings.inverse else series
    image = _source_image(source, source_series, settings)
    target, target_notes = _reference(reference, target_series, settings)
    moving, fixed = (target, image) if settings.inverse else (image, target)
    read = _read_transform(transform, moving, fixed, settings)
    pull = read.transform.inverse() if settings.inverse else read.transform
    if box_around_points(image.grid, pull.apply(_grid_of(target).corners_mm)) is None:
        raise PairError(
            "expected the image to reach the reference through this transform, got no common place in the world: "
            "check its direction and its convention",
            options=("inverse", "direction", "convention"),
        )
    progress("moving")
    pulled, done = _pulled(image, _grid_of(target), pull, settings)
    return Pulled(pulled, done, (*image.provenance.notes, *target_notes, *read.notes))


def _source_image(source: Any, series: str | None, settings: ApplySettings) -> Volume:
    if is_path(source):
        return read_image_or_segment(source, series=series, label=settings.mask_label, geometry=settings.geometry)
    image = image_in_memory(source)
    return image if settings.mask_label is None else mask_in_memory(image, label=settings.mask_label, like=image)


def _reference(reference: Any, series: str | None, settings: ApplySettings) -> tuple[Grid | Volume, tuple[str, ...]]:
    """Return the reference, and the notes of its reader."""
    if isinstance(reference, Grid):
        return reference, ()
    image = _image(reference, series, settings)
    return image, image.provenance.notes


def _image(given: Any, series: str | None, settings: ApplySettings) -> Volume:
    if is_path(given):
        return read_image(given, series=series, geometry=settings.geometry)
    return image_in_memory(given)


def _grid_of(image: Grid | Volume) -> Grid:
    return image.grid if isinstance(image, Volume) else image


def _read_transform(
    transform: str | Path | AffineTransform,
    moving: Grid | Volume | None,
    fixed: Grid | Volume | None,
    settings: ApplySettings,
) -> TransformFile:
    """Return a transform in memory as it is, and a file's as the settings say; TransformError for a mirror image."""
    if isinstance(transform, AffineTransform):
        read = TransformFile(transform)
    else:
        read = read_transform_file(transform, said=_said(settings), moving=moving, fixed=fixed)
    _check_sides(read.transform)
    return read


def _pulled(image: Volume, target: Grid, pull: AffineTransform, settings: ApplySettings) -> tuple[Volume, str]:
    """Return the image on the target grid, and a line that says how it was sampled."""
    kind = "label map" if is_label_map(image) else "image" if _is_ct(image) else "map"
    interpolation: Interpolation = settings.interpolation or ("nearest" if kind == "label map" else "linear")
    background = settings.background
    if background is None:
        background = PADDING_HU if kind == "image" else 0
    pulled = resample(image, target, moving_from_fixed=pull, interpolation=interpolation, padding=background)
    return Volume(
        pulled.data, target
    ), f"{kind} pulled onto {target.describe()}; {interpolation}, background {background:g}"


def _is_ct(image: Volume) -> bool:
    """Return whether values are HU, which fat and air make negative, and not a map of dose, uptake or probability."""
    steps = tuple(slice(None, None, max(1, n // SAMPLED_PER_AXIS)) for n in image.shape)
    sample = image.data[steps].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return False
    low, high = np.percentile(sample, [0.1, 99.9])
    return bool(low <= FAT_HU and high - low >= MIN_SPREAD_HU)


def points_transform(
    transform: str | Path | AffineTransform, reference: Any, moving: Any, settings: ApplySettings
) -> TransformFile:
    """Return moving_from_fixed to push points with, and its reader's notes.

    Raises
    ------
    InputError
        If an image is given that no FLIRT matrix needs, or a file cannot be used.
    """
    is_mat = is_path(transform) and Path(str(transform)).suffix.lower() == ".mat"
    if settings.convention != "flirt" and not is_mat and not (reference is None and moving is None):
        raise SettingsError(
            "expected no image beside points, which have no grid, unless the transform is a FLIRT matrix: "
            "leave reference and moving out"
        )
    images = [
        None if given is None else _image(given, series, settings)
        for given, series in ((moving, settings.moving_series), (reference, settings.fixed_series))
    ]
    return _read_transform(transform, images[0], images[1], settings)


def _said(settings: ApplySettings) -> MatrixMeaning:
    return MatrixMeaning(settings.convention, settings.direction)

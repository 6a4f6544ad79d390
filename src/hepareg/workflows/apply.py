"""`hepareg apply`: an image, a mesh or landmarks brought to the other anatomy by a transform."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hepareg.errors import PairError, SettingsError
from hepareg.geometry.boxes import box_around_points
from hepareg.io.images import read_image
from hepareg.io.landmarks import LANDMARK_SUFFIXES, read_landmarks, write_landmarks
from hepareg.io.mesh import MESH_SUFFIXES, moved_mesh, read_mesh, write_mesh
from hepareg.io.nifti import write_nifti
from hepareg.io.transforms import read_transform
from hepareg.masks import read_image_or_segment
from hepareg.preprocessing.label_map import is_label_map
from hepareg.transforms import AffineTransform
from hepareg.transforms.resample import PADDING_HU, Interpolation, resample
from hepareg.volume import Volume
from hepareg.workflows.atomic import atomic_file, check_output_file

__all__ = ["STAGES", "ApplySettings", "apply_to_file"]

STAGES = ("reading", "moving", "writing")
"""What a caller hears of, in this order."""

IMAGE_SUFFIXES = (".nii", ".nii.gz")


@dataclass(frozen=True)
class ApplySettings:
    """How a transform is applied.

    Parameters
    ----------
    space
        World of a mesh's or a CSV's coordinates: ``ras`` or ``lps``. Images and .fcsv state their own.
    transform_space
        World of a plain 4x4 matrix. Other transform files state their own.
    inverse
        Goes from the fixed to the moving anatomy instead.
    interpolation
        ``linear`` or ``nearest`` for an image; None: nearest for a label map, linear for all others.
    padding
        Value outside of the image; None: 0 for a label map, -1024 for all others.
    moving_series, fixed_series
        Which series of a folder of DICOM with several.
    mask_label
        Number or name of the segment to take of an input that is a segmentation or a label map.
    """

    space: str = "ras"
    transform_space: str = "ras"
    inverse: bool = False
    interpolation: Interpolation | None = None
    padding: float | None = None
    moving_series: str | None = None
    fixed_series: str | None = None
    mask_label: int | str | None = None


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
) -> str:
    """Apply moving_from_fixed to a file of the moving anatomy, so that it lies on the fixed one.

    An image is pulled by moving_from_fixed onto the grid of ``reference`` and sampled once; a mesh
    or a table of landmarks is pushed, point by point, by the inverse. Both land on the same place.

    Parameters
    ----------
    transform
        Transform file, holding moving_from_fixed.
    source
        Image, folder of DICOM, mesh (STL, OBJ, PLY), or landmarks (CSV, FCSV).
    output
        File of the same kind; images as .nii or .nii.gz.
    reference
        The fixed image (with ``inverse``: the moving one), whose grid an image is pulled onto.
    moving
        The moving image, beside ``reference``: only for points and a FLIRT matrix, which needs both grids.
    settings
        How.
    overwrite
        Whether an existing output may be replaced.
    progress
        Called with the name of each of `STAGES` as it begins, for an image.

    Returns
    -------
    What was done, in one line.

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
    kind = _kind_of(source)
    _check_output_kind(kind, output)
    if kind == "image":
        if moving is not None:
            raise SettingsError("expected no --moving beside an image: the input is the moving image")
        return _apply_to_image(
            transform, source, output, reference, settings, overwrite=overwrite, progress=progress or (lambda _: None)
        )
    fixed_from_moving = _points_transform(transform, reference, moving, settings)
    with atomic_file(output, overwrite=overwrite) as path:
        if kind == "mesh":
            mesh = read_mesh(source)
            write_mesh(path, moved_mesh(mesh, fixed_from_moving, space=settings.space))
            return f"mesh of {len(mesh.vertices)} points pushed; coordinates in {settings.space.upper()}"
        landmarks = read_landmarks(source, space=settings.space)
        write_landmarks(path, landmarks.with_points(fixed_from_moving.apply(landmarks.points)), space=settings.space)
        return f"{len(landmarks.points)} landmarks pushed"


def _apply_to_image(
    transform: str | Path,
    source: str | Path,
    output: Path,
    reference: str | Path | None,
    settings: ApplySettings,
    *,
    overwrite: bool,
    progress: Callable[[str], None],
) -> str:
    if reference is None:
        raise SettingsError(
            "expected the image whose grid the result is to have: give it with --reference "
            "(points and meshes need none; `hepareg register` also writes the image moved by its header alone)"
        )
    progress("reading")
    series = (settings.moving_series, settings.fixed_series)
    source_series, target_series = series[::-1] if settings.inverse else series
    image = read_image_or_segment(source, series=source_series, label=settings.mask_label)
    target = read_image(reference, series=target_series)
    moving, fixed = (target, image) if settings.inverse else (image, target)
    pull = read_transform(transform, space=settings.transform_space, moving=moving.grid, fixed=fixed.grid)
    pull = pull.inverse() if settings.inverse else pull
    if box_around_points(image.grid, pull.apply(target.grid.corners_mm)) is None:
        raise PairError(
            "expected the image to reach the reference through this transform, got no common place in the world: "
            "check the direction (--inverse) and --transform-space"
        )
    labels = is_label_map(image)
    interpolation: Interpolation = settings.interpolation or ("nearest" if labels else "linear")
    padding = settings.padding if settings.padding is not None else 0 if labels else PADDING_HU
    progress("moving")
    pulled = resample(image, target.grid, moving_from_fixed=pull, interpolation=interpolation, padding=padding)
    progress("writing")
    with atomic_file(output, overwrite=overwrite) as path:
        write_nifti(path, Volume(pulled.data, target.grid))
    what = "label map" if labels else "image"
    return f"{what} pulled onto {target.grid.describe()}; {interpolation}, padding {padding:g}"


def _points_transform(
    transform: str | Path, reference: str | Path | None, moving: str | Path | None, settings: ApplySettings
) -> AffineTransform:
    if Path(transform).suffix.lower() != ".mat" and (reference or moving) is not None:
        raise SettingsError(
            "expected no image beside points, which have no grid, unless the transform is a FLIRT matrix (.mat): "
            "leave --reference and --moving out"
        )
    moving_from_fixed = read_transform(
        transform,
        space=settings.transform_space,
        moving=None if moving is None else read_image(moving, series=settings.moving_series).grid,
        fixed=None if reference is None else read_image(reference, series=settings.fixed_series).grid,
    )
    return moving_from_fixed if settings.inverse else moving_from_fixed.inverse()


def _kind_of(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    return "mesh" if suffix in MESH_SUFFIXES else "landmarks" if suffix in LANDMARK_SUFFIXES else "image"


def _check_output_kind(kind: str, output: Path) -> None:
    expected = {"image": IMAGE_SUFFIXES, "mesh": MESH_SUFFIXES, "landmarks": LANDMARK_SUFFIXES}[kind]
    if not output.name.lower().endswith(expected):
        raise SettingsError(
            f"expected an output name ending in {' or '.join(expected)} for an input that is "
            f"{'an image' if kind == 'image' else kind}, got {output.name}"
        )

"""`hepareg info`: the content of a file or folder as hepareg reads it, and its faults. For a terminal alone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError, HeparegError, InputError, SettingsError
from hepareg.io.byte_stream import open_bytes
from hepareg.io.dicom_files import looks_like_dicom
from hepareg.io.images import ZIP_MAGIC
from hepareg.io.itk_images import ITK_SUFFIXES
from hepareg.io.landmarks import LANDMARK_SUFFIXES, read_landmarks
from hepareg.io.markups import MARKUPS_SUFFIX, markups_points, read_markups
from hepareg.io.mask_sources import holds_masks
from hepareg.io.mesh import MESH_SUFFIXES, mesh_space, read_mesh
from hepareg.io.nifti import is_nifti
from hepareg.io.transforms import WRITTEN_SUFFIXES, read_transform_file, stated_meaning
from hepareg.io.vtk_mesh import VTK_SUFFIXES, read_vtk_mesh
from hepareg.transforms import AffineTransform
from hepareg.transforms.rigidify import rigid_part
from hepareg.workflows.info_description import Description, in_one_line
from hepareg.workflows.info_images import describe_dicom, describe_image, describe_result, is_result

__all__ = ["Description", "describe"]

RIGID_TO = 1e-6
TRANSFORM_SUFFIXES = (*WRITTEN_SUFFIXES, ".h5", ".hdf5")
"""A file of such a name that cannot be read is described as a damaged transform."""
Look = Callable[[Path, str | None], Description]
"""Takes a path and the choice of a NIfTI header's geometry."""


def describe(path: str | Path, *, geometry: str | None = None) -> Description:
    """Look at a file or folder of any kind that hepareg reads.

    Parameters
    ----------
    path
        Image, mask, folder or zip archive of DICOM, transform, mesh or landmarks; folder of results.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.

    Raises
    ------
    FileFormatError
        If the path does not exist or is of no known kind.
    """
    path = Path(path)
    if not path.exists():
        raise FileFormatError(f"expected a file or folder, got a path that does not exist: {path}; check the name")
    for is_one, look in KINDS:
        if is_one(path):
            try:
                return look(path, geometry)
            except HeparegError as error:
                return Description("not usable", problems=(in_one_line(error),))
    raise AssertionError("the last kind takes any path")


def _describe_mesh(path: Path) -> Description:
    return _points("mesh", np.asarray(read_mesh(path).vertices), mesh_space(path))


def _describe_vtk(path: Path) -> Description:
    mesh = read_vtk_mesh(path)
    return _points("VTK mesh", mesh.points, mesh.stated_space)


def _describe_markups(path: Path) -> Description:
    return _points("markups", np.array(markups_points(read_markups(path))), "each markup's own")


def _describe_landmarks(path: Path) -> Description:
    landmarks = read_landmarks(path)
    return _points("landmarks", landmarks.points, landmarks.stated_space)


def _points(kind: str, points: np.ndarray, space: str | None) -> Description:
    stated = space or "none: RAS unless told otherwise"
    entry: dict[str, Any] = {"title": f"{len(points)} points", "stated_space": stated}
    if len(points):
        entry["lowest_mm"] = [round(float(x), 2) for x in points.min(axis=0)]
        entry["highest_mm"] = [round(float(x), 2) for x in points.max(axis=0)]
    return Description(kind, (entry,))


def _describe_transform(path: Path) -> Description:
    kind, meaning = stated_meaning(path)
    entry: dict[str, Any] = {
        "title": {"itk": "ITK", "lta": "LTA of FreeSurfer", "matrix": "plain 4x4 matrix"}.get(kind, kind),
        "stored_direction": meaning.direction or "not stated",
        "stored_convention": meaning.convention or "not stated",
    }
    try:
        read = read_transform_file(path)
    except SettingsError as error:
        if meaning.convention != "flirt":  # which is whole, but depends on the grids of two images
            return Description("transform", (entry,), (in_one_line(error),))
        return Description("transform", ({**entry, "notes": "FLIRT's coordinates: needs both images"},))
    rigid = rigid_part(read.transform, centre_mm=(0, 0, 0))
    entry["moving_from_fixed_ras"] = [[round(float(x), 6) for x in row] for row in read.transform.matrix]
    entry["rigid"] = "yes" if np.abs(rigid.matrix - read.transform.matrix).max() < RIGID_TO else "no"
    entry["rotation_deg"] = round(_angle_deg(read.transform), 4)
    if read.notes:
        entry["notes"] = "; ".join(read.notes)
    return Description("transform", (entry,))


def _describe_unknown(path: Path) -> Description:
    return Description(
        "not usable",
        problems=(
            "expected an image, mask, folder or zip of DICOM, transform, mesh, landmarks or result, got a file of "
            f"another kind: {path}; check the name",
        ),
    )


def _angle_deg(transform: AffineTransform) -> float:
    rotation = rigid_part(transform, centre_mm=(0, 0, 0)).matrix[:3, :3]
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def _is_dicom(path: Path) -> bool:
    if path.is_dir():
        return not holds_masks(path)
    if path.name.upper() == "DICOMDIR":
        return True
    if is_nifti(path):
        return False
    try:
        with open_bytes(path) as stream:
            start = stream.read(132)
    except (OSError, EOFError):
        return False
    return start[:4] == ZIP_MAGIC or looks_like_dicom(start)


def _is_image(path: Path) -> bool:
    return path.is_dir() or is_nifti(path) or path.name.lower().endswith(ITK_SUFFIXES)


def _is_transform(path: Path) -> bool:
    """Return whether a file reads as a transform: a text with this suffix may as well be a table of points."""
    try:
        stated_meaning(path)
    except InputError:
        return False
    return True


def _ends_in(suffixes: Sequence[str]) -> Callable[[Path], bool]:
    return lambda path: path.name.lower().endswith(tuple(suffixes))


def _without_geometry(look: Callable[[Path], Description]) -> Look:
    """Return the function of a kind of file in which no two geometries can disagree."""
    return lambda path, _: look(path)


KINDS: tuple[tuple[Callable[[Path], bool], Look], ...] = (
    (is_result, describe_result),
    (_is_dicom, _without_geometry(describe_dicom)),
    (_is_image, describe_image),
    (_ends_in((MARKUPS_SUFFIX,)), _without_geometry(_describe_markups)),
    (_ends_in(MESH_SUFFIXES), _without_geometry(_describe_mesh)),
    (_ends_in(VTK_SUFFIXES), _without_geometry(_describe_vtk)),
    (_is_transform, _without_geometry(_describe_transform)),
    (_ends_in(LANDMARK_SUFFIXES), _without_geometry(_describe_landmarks)),
    (_ends_in(TRANSFORM_SUFFIXES), _without_geometry(_describe_transform)),
    (lambda _: True, _without_geometry(_describe_unknown)),
)
"""How to recognise each kind, in this order, and the function that describes it."""

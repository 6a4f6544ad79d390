"""`hepareg info`: the content of a file or folder as hepareg reads it, and its faults. For a terminal alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError, HeparegError, InputError, SettingsError
from hepareg.geometry import Grid
from hepareg.io.byte_stream import open_bytes
from hepareg.io.dicom_files import looks_like_dicom
from hepareg.io.dicom_groups import SliceGroup, group_slices, summarise
from hepareg.io.dicom_headers import read_headers
from hepareg.io.dicom_masks import read_dicom_masks
from hepareg.io.dicom_series import volume_of_group
from hepareg.io.images import ZIP_MAGIC
from hepareg.io.itk_images import ITK_SUFFIXES
from hepareg.io.landmarks import LANDMARK_SUFFIXES, read_landmarks
from hepareg.io.markups import MARKUPS_SUFFIX, markups_points, read_markups
from hepareg.io.mask_sources import holds_masks, read_segmentation
from hepareg.io.mesh import MESH_SUFFIXES, mesh_space, read_mesh
from hepareg.io.nifti import is_nifti
from hepareg.io.segmentation import LabelMap, Segments
from hepareg.io.transforms import read_transform_file, stated_meaning
from hepareg.io.vtk_mesh import VTK_SUFFIXES, read_vtk_mesh
from hepareg.preprocessing.ct_check import check_ct
from hepareg.preprocessing.label_map import is_label_map
from hepareg.preprocessing.masks import labels_present
from hepareg.transforms import AffineTransform
from hepareg.transforms.rigidify import rigid_part
from hepareg.volume import Volume

__all__ = ["Description", "describe"]

MAX_SAMPLED = 1 << 21
"""Voxels that percentiles are taken from."""
RIGID_TO = 1e-6


@dataclass(frozen=True)
class Description:
    """The content of a file or folder, and its faults.

    Parameters
    ----------
    kind
        In words.
    entries
        Facts of each image, label, transform or table in it, by name; numbers with their units.
    problems
        Faults that keep hepareg from using it, a line each.
    """

    kind: str
    entries: tuple[dict[str, Any], ...] = ()
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"kind": self.kind, "entries": list(self.entries), "problems": list(self.problems)}

    def as_text(self) -> str:
        """Return everything in lines for a terminal."""
        lines = [self.kind]
        for entry in self.entries:
            for name, value in entry.items():
                lines.append(f"  {value}" if name == "title" else f"    {name.replace('_', ' ')}: {_shown(value)}")
        return "\n".join([*lines, *(f"problem: {problem}" for problem in self.problems)])


@dataclass
class _Found:
    """Entries and problems while they are being collected."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_description(self, kind: str) -> Description:
        return Description(kind, tuple(self.entries), tuple(self.problems))


def describe(path: str | Path) -> Description:
    """Look at a file or folder of any kind that hepareg reads.

    Parameters
    ----------
    path
        Image, mask, folder or zip archive of DICOM, transform, mesh or landmarks.

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
                return look(path)
            except HeparegError as error:
                return Description("not usable", problems=(_in_one_line(error),))
    raise AssertionError("the last kind takes any path")


def _describe_dicom(path: Path) -> Description:
    found = _Found()
    masks = _attempt(lambda: read_dicom_masks(path), found)
    try:
        groups = group_slices(read_headers(path))
    except FileFormatError:
        if masks is None and not found.problems:
            raise
        groups = []
    groups = [g for g in groups if g.slices[0].modality not in ("SEG", "RTSTRUCT")]
    for group, summary in zip(groups, summarise(groups), strict=True):
        entry: dict[str, Any] = {"title": summary.describe()}
        found.entries.append(entry)
        if _is_volume(group):
            _look_at_volume(group, entry, found, prefix=f"[{summary.number}] ")
    if masks is not None:
        _look_at_segments(masks, found)
    elif not any(_is_volume(group) for group in groups):
        found.problems.append("no CT volume and no mask is in it")
    return found.as_description("DICOM" if masks is None else f"DICOM with {masks.kind.replace('a DICOM', 'a')}")


def _is_volume(group: SliceGroup) -> bool:
    return group.slices[0].modality == "CT" and not group.is_localiser and len(group.slices) > 1


def _look_at_volume(group: SliceGroup, entry: dict[str, Any], found: _Found, *, prefix: str) -> None:
    try:
        volume = volume_of_group(group)
    except InputError as error:
        found.problems.append(prefix + _in_one_line(error))
        return
    _look_at_ct(volume, entry, found, prefix=prefix)


def _describe_image(path: Path) -> Description:
    found = _Found()
    source = read_segmentation(path)
    if isinstance(source, Segments):
        _look_at_segments(source, found)
        return found.as_description(source.kind.removeprefix("a "))
    volume = source.volume
    entry: dict[str, Any] = {"title": "NIfTI" if is_nifti(path) else "NRRD or MetaImage"}
    found.entries.append(entry)
    if is_label_map(volume):
        _add_grid(entry, volume.grid)
        _look_at_labels(source, found)
        return found.as_description("mask or label map")
    _look_at_ct(volume, entry, found)
    return found.as_description("image")


def _look_at_ct(volume: Volume, entry: dict[str, Any], found: _Found, *, prefix: str = "") -> None:
    _add_grid(entry, volume.grid)
    step = max(1, volume.data.size // MAX_SAMPLED)
    low, high = np.percentile(volume.data.reshape(-1, order="A")[::step], [1, 99])
    entry["values"] = (
        f"{volume.data.min():g} to {volume.data.max():g} HU; 1st and 99th percentile {low:.0f}, {high:.0f}"
    )
    if volume.provenance.notes:
        entry["notes"] = "; ".join(volume.provenance.notes)
    try:
        check_ct(volume)
    except InputError as error:
        found.problems.append(prefix + _in_one_line(error))


def _add_grid(entry: dict[str, Any], grid: Grid) -> None:
    directions = grid.world_from_voxel[:3, :3] / grid.spacing_mm
    entry["grid"] = grid.describe()
    entry["directions_ras"] = [[round(float(x), 6) for x in column] for column in directions.T]
    entry["extent_mm"] = [round(float(n * s), 2) for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]


def _look_at_labels(source: LabelMap, found: _Found) -> None:
    data, names = source.volume.data, source.names()
    ml = source.volume.grid.voxel_volume_mm3 / 1000
    present = labels_present(data)
    for number in present:
        title = f"label {number}{': ' + names[number] if names.get(number) else ''}"
        found.entries.append({"title": title, "volume_ml": round(np.count_nonzero(data == number) * ml, 2)})
    if not present:
        found.problems.append("the mask is empty")


def _look_at_segments(source: Segments, found: _Found) -> None:
    for number, name in sorted(source.names.items()):
        entry: dict[str, Any] = {"title": f"segment {number}{': ' + name if name else ''}"}
        found.entries.append(entry)
        try:
            mask = source.read(number, None)
        except InputError as error:
            found.problems.append(f"segment {number}: {_in_one_line(error)}")
            continue
        voxels = np.count_nonzero(mask.data >= 0.5 if mask.data.dtype.kind == "f" else mask.data)
        entry["volume_ml"] = round(voxels * mask.grid.voxel_volume_mm3 / 1000, 2)
        entry["grid"] = mask.grid.describe()
        if mask.provenance.notes:
            entry["notes"] = "; ".join(mask.provenance.notes)
    if not source.names:
        found.problems.append("no segment is in it")


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
            return Description("transform", (entry,), (_in_one_line(error),))
        return Description("transform", ({**entry, "notes": "FLIRT's coordinates: needs both images"},))
    rigid = rigid_part(read.transform, centre_mm=(0, 0, 0))
    entry["moving_from_fixed_ras"] = [[round(float(x), 6) for x in row] for row in read.transform.matrix]
    entry["rigid"] = "yes" if np.abs(rigid.matrix - read.transform.matrix).max() < RIGID_TO else "no"
    entry["rotation_deg"] = round(_angle_deg(read.transform), 4)
    if read.notes:
        entry["notes"] = "; ".join(read.notes)
    return Description("transform", (entry,))


def _angle_deg(transform: AffineTransform) -> float:
    rotation = rigid_part(transform, centre_mm=(0, 0, 0)).matrix[:3, :3]
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))


def _attempt(look: Callable[[], Segments | None], found: _Found) -> Segments | None:
    try:
        return look()
    except InputError as error:
        found.problems.append(_in_one_line(error))
        return None


def _in_one_line(error: HeparegError) -> str:
    return " ".join(str(error).split())


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "; ".join(_shown(row) for row in value)
    return " ".join(f"{x:g}" for x in value) if isinstance(value, list) else str(value)


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


KINDS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Description]], ...] = (
    (_is_dicom, _describe_dicom),
    (_is_image, _describe_image),
    (_ends_in((MARKUPS_SUFFIX,)), _describe_markups),
    (_ends_in(MESH_SUFFIXES), _describe_mesh),
    (_ends_in(VTK_SUFFIXES), _describe_vtk),
    (_is_transform, _describe_transform),
    (_ends_in(LANDMARK_SUFFIXES), _describe_landmarks),
    (lambda _: True, _describe_transform),
)
"""How to recognise each kind, in this order, and the function that describes it."""

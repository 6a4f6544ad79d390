"""Images and masks that `hepareg info` finds in a file or folder: grids, values, labels, and the liver among them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError, InputError, MaskError
from hepareg.geometry import Grid
from hepareg.io.dicom_groups import SliceGroup, group_slices, summarise
from hepareg.io.dicom_headers import read_headers
from hepareg.io.dicom_masks import read_dicom_masks
from hepareg.io.dicom_series import volume_of_group
from hepareg.io.json import read_json
from hepareg.io.mask_sources import holds_masks, read_segmentation
from hepareg.io.nifti import is_nifti
from hepareg.io.segmentation import LabelMap, Segments
from hepareg.masks import label_of_liver
from hepareg.preprocessing.ct_check import check_ct
from hepareg.preprocessing.label_map import is_label_map
from hepareg.preprocessing.masks import holds_probabilities, labels_present
from hepareg.volume import Volume
from hepareg.workflows.info_description import Description, Found, in_one_line

__all__ = ["describe_dicom", "describe_image", "describe_result", "is_result"]

MAX_SAMPLED = 1 << 21
"""Voxels that percentiles are taken from."""
RESULT_NAME = "result.json"


def describe_dicom(path: Path) -> Description:
    """Describe the series, segmentations and structure sets of DICOM in a file or folder."""
    found = Found()
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


def describe_image(path: Path, geometry: str | None = None) -> Description:
    """Describe an image or mask of NIfTI, NRRD or MetaImage, or a folder of such files."""
    found = Found()
    source = read_segmentation(path, geometry=geometry)
    if isinstance(source, Segments):
        kinds = _look_at_segments(source, found)
        return found.as_description(f"folder of {kinds}" if path.is_dir() else source.kind.removeprefix("a "))
    volume = source.volume
    entry: dict[str, Any] = {"title": "NIfTI" if is_nifti(path) else "NRRD or MetaImage"}
    found.entries.append(entry)
    if holds_probabilities(volume.data):
        _add_grid(entry, volume.grid)
        entry["values"] = f"probabilities: voxels of at least one half have {_volume_ml(volume):g} ml"
        return found.as_description("mask of probabilities")
    if is_label_map(volume):
        _add_grid(entry, volume.grid)
        _look_at_labels(source, found)
        return found.as_description("mask or label map")
    _look_at_ct(volume, entry, found)
    return found.as_description("image")


def is_result(path: Path) -> bool:
    """Return whether a path is a folder of results of `hepareg register`."""
    try:
        content = read_json(path / RESULT_NAME) if path.is_dir() else None
    except FileFormatError:
        return False
    return isinstance(content, dict) and isinstance(content.get("verdict"), dict) and "schema_version" in content


def describe_result(path: Path, geometry: str | None = None) -> Description:
    """Describe the verdict and the images in a folder of results of `hepareg register`."""
    content = read_json(path / RESULT_NAME)
    verdict = content["verdict"]
    entry: dict[str, Any] = {"title": f"verdict: {verdict.get('decision')}"}
    if verdict.get("decision") != "reject" and verdict.get("expected_liver_tre_mm") is not None:
        entry["expected_liver_error_mm"] = round(verdict["expected_liver_tre_mm"], 2)
    if verdict.get("reasons"):
        entry["reasons"] = ", ".join(verdict["reasons"])
    entry["files"] = ", ".join(sorted(file.name for file in path.iterdir() if not file.name.startswith(".")))
    found = Found([entry])
    source = read_segmentation(path, geometry=geometry) if holds_masks(path) else None
    if isinstance(source, Segments):
        _look_at_segments(source, found)
    return found.as_description("result of hepareg register")


def _is_volume(group: SliceGroup) -> bool:
    return group.slices[0].modality == "CT" and not group.is_localiser and len(group.slices) > 1


def _look_at_volume(group: SliceGroup, entry: dict[str, Any], found: Found, *, prefix: str) -> None:
    try:
        volume = volume_of_group(group)
    except InputError as error:
        found.problems.append(prefix + in_one_line(error))
        return
    _look_at_ct(volume, entry, found, prefix=prefix)


def _look_at_ct(volume: Volume, entry: dict[str, Any], found: Found, *, prefix: str = "") -> None:
    _add_grid(entry, volume.grid)
    step = max(1, volume.data.size // MAX_SAMPLED)
    low, high = np.percentile(volume.data.reshape(-1, order="A")[::step], [1, 99])
    entry["values"] = (
        f"{volume.data.min():g} to {volume.data.max():g} HU; 1st and 99th percentile {low:.0f}, {high:.0f}"
    )
    _add_notes(entry, volume)
    try:
        check_ct(volume)
    except InputError as error:
        found.problems.append(prefix + in_one_line(error))


def _add_grid(entry: dict[str, Any], grid: Grid) -> None:
    directions = grid.world_from_voxel[:3, :3] / grid.spacing_mm
    entry["grid"] = grid.describe()
    entry["directions_ras"] = [[round(float(x), 6) for x in column] for column in directions.T]
    entry["extent_mm"] = [round(float(n * s), 2) for n, s in zip(grid.shape, grid.spacing_mm, strict=True)]


def _add_notes(entry: dict[str, Any], volume: Volume) -> None:
    if volume.provenance.notes:
        entry["notes"] = "; ".join(volume.provenance.notes)


def _look_at_labels(source: LabelMap, found: Found) -> None:
    data, names = source.volume.data, source.names()
    ml = source.volume.grid.voxel_volume_mm3 / 1000
    present = labels_present(data)
    entries: dict[int, dict[str, Any]] = {}
    for number in present:
        title = f"label {number}{': ' + names[number] if names.get(number) else ''}"
        entries[number] = {"title": title, "volume_ml": round(np.count_nonzero(data == number) * ml, 2)}
    found.entries.extend(entries.values())
    if not present:
        found.problems.append("the mask is empty")
    _say_which_is_the_liver(source, entries, found)


def _look_at_segments(source: Segments, found: Found) -> str:
    """Add an entry for each segment; return images, masks or both as words, for files of a folder may be either."""
    masks: dict[int, dict[str, Any]] = {}
    num_images = 0
    for number, name in sorted(source.names.items()):
        title = f"segment {number}{': ' + name if name else ''}"
        try:
            volume = source.read(number, None)
        except InputError as error:
            found.entries.append({"title": title})
            found.problems.append(f"segment {number}: {in_one_line(error)}")
            continue
        if _is_image(volume):
            num_images += 1
            entry = {"title": f"image: {name}"}
            _look_at_ct(volume, entry, found, prefix=f"{name}: ")
            found.entries.append(entry)
            continue
        masks[number] = {"title": title, "volume_ml": _volume_ml(volume), "grid": volume.grid.describe()}
        if volume.data.dtype != bool and not holds_probabilities(volume.data):
            labels = labels_present(volume.data)
            masks[number] |= {"labels": len(labels)} if len(labels) > 1 else {}
        _add_notes(masks[number], volume)
        found.entries.append(masks[number])
    if not source.names:
        found.problems.append("no segment is in it")
    if num_images == 0 or masks:
        _say_which_is_the_liver(source, masks, found)
    return "masks" if not num_images else "images and masks" if masks else "images"


def _is_image(volume: Volume) -> bool:
    """Return whether a file among masks is no mask: neither labels nor probabilities."""
    return volume.data.dtype != bool and not holds_probabilities(volume.data) and not is_label_map(volume)


def _volume_ml(mask: Volume) -> float:
    """Return the volume inside a mask: of at least one half of the highest value if it holds probabilities."""
    inside = mask.data >= 0.5 * mask.data.max() if holds_probabilities(mask.data) else mask.data
    return round(float(np.count_nonzero(inside) * mask.grid.voxel_volume_mm3 / 1000), 2)


def _say_which_is_the_liver(source: LabelMap | Segments, entries: dict[int, dict[str, Any]], found: Found) -> None:
    """Mark the entry of the label that a command takes without a choice, or say that there is none."""
    if not entries:
        return
    try:
        number = label_of_liver(source)
    except MaskError as error:
        found.entries.append({"title": "no label is taken as the liver without a choice", "reason": in_one_line(error)})
        return
    if number in entries:
        entries[number]["taken_as_liver"] = "yes, unless another one is chosen"


def _attempt(look: Callable[[], Segments | None], found: Found) -> Segments | None:
    try:
        return look()
    except InputError as error:
        found.problems.append(in_one_line(error))
        return None

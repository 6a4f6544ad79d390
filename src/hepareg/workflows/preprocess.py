"""Workflow of `hepareg preprocess`: crop to the liver, resampling and HU window for the pairs of a manifest."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from hepareg.errors import HeparegError, OutputError, SettingsError
from hepareg.io.json import format_json, write_json
from hepareg.io.manifest import ManifestPair, format_manifest, read_manifest, without_paths
from hepareg.io.nifti import write_nifti
from hepareg.pair import notes_of
from hepareg.preprocessing import HuWindow, LiverCrop, resample_to_spacing
from hepareg.preprocessing.resampling import check_spacing
from hepareg.volume import Volume
from hepareg.workflows.atomic import atomic_directory, atomic_file, check_output_directory
from hepareg.workflows.inputs import read_ct, read_liver_mask
from hepareg.workflows.preprocess_table import SIDES, CaseRow, SideRow, format_table

__all__ = ["PreprocessSettings", "preprocess"]

SETTINGS_FILE = "settings.json"
RECORD_FILE = "case.json"
TABLE_FILE = "table.csv"
MANIFEST_FILE = "manifest.csv"
UNNAMED = r"\.(old\.)?[a-z0-9_]{8}"
"""Pattern of the suffix that `hepareg.workflows.atomic` gives to temporary folders and files."""


@dataclass(frozen=True)
class PreprocessSettings:
    """Settings of the preprocessing of every image.

    Parameters
    ----------
    crop
        Crop to the liver; an image without a mask is not cropped.
    spacing_mm
        New voxel size along i, j, k, or None to keep the voxel size of the image.
    window
        HU window to which values are clipped, or None.
    unit_range
        Whether the window is scaled to [0, 1] (float32); else values stay in HU.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.

    Raises
    ------
    SettingsError
        If a spacing is not positive, or ``unit_range`` comes without a window.
    """

    crop: LiverCrop = field(default_factory=LiverCrop)
    spacing_mm: tuple[float, float, float] | None = None
    window: HuWindow | None = None
    unit_range: bool = False
    geometry: str | None = None

    def __post_init__(self) -> None:
        if self.spacing_mm is not None:
            check_spacing(self.spacing_mm)
        if self.unit_range and self.window is None:
            raise SettingsError(
                "expected a HU window with values scaled to [0, 1], got none; give a window", options=["window"]
            )


def preprocess(
    manifest: str | Path,
    out: str | Path,
    settings: PreprocessSettings,
    *,
    overwrite: bool = False,
    progress: Callable[[Sequence[ManifestPair]], Iterator[ManifestPair]] = iter,
) -> tuple[CaseRow, ...]:
    """Preprocess all pairs of a manifest into one folder for each case, and return the rows of the table.

    ``out`` receives a folder for each case with ``moving.nii.gz``, ``fixed.nii.gz`` and their masks, and
    beside these folders ``table.csv`` (crop and status of every case), ``manifest.csv`` (of the results)
    and ``settings.json``. The folder of a case appears whole or not at all. An existing result is kept if
    its input files have not changed. A case that fails does not stop the others. World coordinates of
    all results are those of the uncropped files.

    Parameters
    ----------
    manifest, out
        Manifest file and output folder.
    settings
        Settings of the preprocessing.
    overwrite
        Whether every case is done again; also allows other settings than those of the results in ``out``.
    progress
        Function that wraps the list of pairs, as tqdm does.

    Raises
    ------
    InputError
        If the manifest cannot be used.
    SettingsError
        If the results in ``out`` have other settings.
    OutputError
        If ``out`` cannot be written; this error stops the run.
    """
    pairs = read_manifest(manifest)
    out = _prepare_folder(Path(out), settings, overwrite=overwrite)
    _remove_leftovers(out, [pair.case for pair in pairs])
    rows: list[CaseRow] = []
    for pair in progress(pairs):
        rows.append(_do_case(pair, out, settings, overwrite=overwrite))
        _write_tables(out, rows, pairs, settings)
    return tuple(rows)


def _prepare_folder(out: Path, settings: PreprocessSettings, *, overwrite: bool) -> Path:
    recorded = out / SETTINGS_FILE
    now = json.loads(format_json(asdict(settings)))
    if recorded.is_file() and not overwrite:
        before = json.loads(recorded.read_text())
        old, new = _flat(before), _flat(now)
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        changed = [f"{name} was {_shown(old.get(name))}, now {_shown(new.get(name))}" for name in names]
        if changed:
            raise SettingsError(
                f"expected the settings of the results in the output folder: {'; '.join(changed)}; choose another "
                "folder, or overwrite to do all cases again",
                options=["overwrite"],
            )
        return out
    out = check_output_directory(out, overwrite=overwrite)
    with atomic_file(recorded, overwrite=True) as path:
        write_json(path, now)
    return out


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings as one dictionary, without the names of the components."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= value if isinstance(value, Mapping) else {name: value}
    return found


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)


def _remove_leftovers(out: Path, cases: Sequence[str]) -> None:
    """Remove the temporary folders of an earlier run over these cases that was killed, and nothing else."""
    own = (*cases, SETTINGS_FILE, TABLE_FILE, MANIFEST_FILE)
    leftover = re.compile(rf"\.({'|'.join(map(re.escape, own))}){UNNAMED}")
    for path in out.iterdir():
        if leftover.fullmatch(path.name) and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _do_case(pair: ManifestPair, out: Path, settings: PreprocessSettings, *, overwrite: bool) -> CaseRow:
    folder = out / pair.case
    try:
        key = _fingerprint(pair)
        kept = None if overwrite else _record_of(folder, key)
        if kept is not None:
            return CaseRow(
                pair.case,
                "kept",
                SideRow(**kept["moving"]),
                SideRow(**kept["fixed"]),
                notes=tuple(kept.get("notes", ())),
            )
        with atomic_directory(folder, overwrite=True) as temporary:
            done = {side: _do_side(pair, side, temporary, settings) for side in SIDES}
            sides = {side: row for side, (row, _) in done.items()}
            notes = tuple(note for _, of_side in done.values() for note in of_side)
            rows = {side: asdict(row) for side, row in sides.items()}
            write_json(temporary / RECORD_FILE, {"inputs": key, "notes": notes} | rows)
        return CaseRow(pair.case, "done", sides["moving"], sides["fixed"], notes=notes)
    except OutputError:
        raise
    except Exception as error:
        return CaseRow(pair.case, "failed", error=_without_paths(error, pair))


def _do_side(
    pair: ManifestPair, side: str, folder: Path, settings: PreprocessSettings
) -> tuple[SideRow, tuple[str, ...]]:
    """Write image and mask of a side; return its row and the readers' notes."""
    image = read_ct(getattr(pair, side), name=f"{side} image", geometry=settings.geometry)
    mask_path = getattr(pair, f"{side}_mask")
    mask = None
    if mask_path is not None:
        mask = read_liver_mask(
            mask_path, like=image, label=pair.mask_label, name=f"{side} mask", geometry=settings.geometry
        )
    notes = notes_of(image, mask, side)
    region = None if mask is None else settings.crop.region(mask)
    if mask is not None and region is not None:
        image, mask = region.apply(image), region.apply(mask)
        _write(folder / f"{side}_mask.nii.gz", _resampled(mask, settings, is_mask=True))
    _write(folder / f"{side}.nii.gz", _windowed(_resampled(image, settings, is_mask=False), settings))
    return SideRow.of(region), notes


def _resampled(volume: Volume, settings: PreprocessSettings, *, is_mask: bool) -> Volume:
    if settings.spacing_mm is None:
        return volume
    return resample_to_spacing(volume, settings.spacing_mm, is_mask=is_mask)


def _windowed(volume: Volume, settings: PreprocessSettings) -> Volume:
    if settings.window is None:
        return volume
    return settings.window.scale(volume) if settings.unit_range else settings.window.clip(volume)


def _write(path: Path, volume: Volume) -> None:
    # A float32 header would shift the crop by up to 1e-5 mm against the uncropped file.
    write_nifti(path, volume, exact_geometry=True)


def _record_of(folder: Path, key: str) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD_FILE).read_text())
    except (OSError, ValueError):
        return None
    return record if record.get("inputs") == key else None


def _fingerprint(pair: ManifestPair) -> str:
    """Return a hash of paths, sizes and modification times of a pair's files; it reveals none of them."""
    files = [path for path in (pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask) if path is not None]
    found: list[Any] = [pair.mask_label]
    for path in files:
        members = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        found += [[str(member), member.stat().st_size, member.stat().st_mtime_ns] for member in members]
    return sha256(json.dumps(found).encode()).hexdigest()[:16]


def _without_paths(error: Exception, pair: ManifestPair) -> str:
    text = str(error) if isinstance(error, HeparegError) else f"internal error ({type(error).__name__})"
    return without_paths(text, pair)


def _write_tables(
    out: Path, rows: Sequence[CaseRow], pairs: Sequence[ManifestPair], settings: PreprocessSettings
) -> None:
    with atomic_file(out / TABLE_FILE, overwrite=True) as path:
        path.write_text(format_table(rows))
    usable = {row.case for row in rows if row.status != "failed"}
    results = [_result_of(pair, out / pair.case) for pair in pairs if pair.case in usable]
    with atomic_file(out / MANIFEST_FILE, overwrite=True) as path:
        path.write_text(format_manifest(results, folder=out))


def _result_of(pair: ManifestPair, folder: Path) -> ManifestPair:
    names = [side + suffix for side in SIDES for suffix in ("", "_mask")]
    there: Mapping[str, Any] = {
        name: None if getattr(pair, name) is None else folder / f"{name}.nii.gz" for name in names
    }
    return replace(pair, **there, mask_label=None)

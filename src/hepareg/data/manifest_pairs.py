"""Pairs of a manifest: read and prepared by MONAI transforms on dictionaries, split by patient, cached."""

import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from monai.transforms import Compose, MapTransform, Transform

from hepareg.data.case_pair import CasePair, pack_pair, prepare_pair
from hepareg.data.prepared import PreparedPairs, digest
from hepareg.data.settings import DataSettings
from hepareg.data.sources import Sources
from hepareg.data.splits import check_disjoint, split_by_patient
from hepareg.errors import HeparegError, InputError, SettingsError
from hepareg.io.images import read_image
from hepareg.io.manifest import ManifestPair, read_manifest
from hepareg.io.transforms import read_transform
from hepareg.masks import read_mask
from hepareg.networks.input_region import RegionSettings
from hepareg.preprocessing import LiverCrop
from hepareg.preprocessing.ct_check import check_ct
from hepareg.preprocessing.pair_check import check_pair
from hepareg.transforms import RigidTransform

__all__ = ["LiverCropd", "LoadPaird", "PreparePaird", "manifest_sources", "read_pair", "split_manifest"]


class LoadPaird(Transform):
    """MONAI transform that reads images, masks and truth of a manifest's row, and prints the readers' notes to stderr.

    Parameters
    ----------
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.
    """

    def __init__(self, *, geometry: str | None = None) -> None:
        self.geometry = geometry

    def __call__(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``case``, the volumes ``moving`` and ``fixed``, and, if given, their masks and ``truth``."""
        loaded: dict[str, Any] = {"case": item["case"]}
        for side in ("moving", "fixed"):
            image_name = f"case {item['case']}: {side} image"
            loaded[side] = read_image(item[side], geometry=self.geometry)
            check_ct(loaded[side], name=image_name)
            _tell(f"{image_name}: {note}" for note in loaded[side].provenance.notes)
            if item.get(f"{side}_mask"):
                loaded[f"{side}_mask"] = read_mask(
                    item[f"{side}_mask"],
                    like=loaded[side],
                    label=item.get("mask_label"),
                    name=f"case {item['case']}: {side} mask",
                    geometry=self.geometry,
                )
                _tell(loaded[f"{side}_mask"].provenance.notes)
        check_pair(moving=loaded["moving"], fixed=loaded["fixed"], both_masks="moving_mask" in loaded)
        if item.get("truth"):
            loaded["truth"] = RigidTransform(read_transform(item["truth"], direction="moving_from_fixed").matrix)
        return loaded


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"hepareg: note: {note}", file=sys.stderr)


def read_pair(row: ManifestPair, *, geometry: str | None = None) -> CasePair:
    """Return the pair of a manifest's row, neither cropped nor resampled.

    Parameters
    ----------
    row
        Row of the manifest.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.

    Raises
    ------
    FileFormatError, InputError
        If one of its files cannot be used; the message names the case.
    """
    loaded = _NamingCase(LoadPaird(geometry=geometry))(_item(row, made_with=""))
    truth = loaded.pop("truth", None)
    return CasePair(**loaded, moving_from_fixed=truth)


class LiverCropd(MapTransform):
    """MONAI transform that crops each image and its mask (``<key>_mask``) by a `LiverCrop` of that mask.

    An image without a mask is not cropped. Positions in the world do not change.
    """

    def __init__(self, keys: Sequence[Hashable], crop: LiverCrop) -> None:
        super().__init__(keys)
        self.crop = crop

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of the dictionary with cropped volumes."""
        cropped = dict(data)
        for key in self.key_iterator(cropped):
            mask = cropped.get(f"{key}_mask")
            if mask is not None:
                region = self.crop.region(mask)
                cropped[key], cropped[f"{key}_mask"] = region.apply(cropped[key]), region.apply(mask)
        return cropped


class PreparePaird(Transform):
    """MONAI transform from the volumes of a pair to the tensors of `hepareg.data.case_pair.pack_pair`."""

    def __init__(self, *, region: RegionSettings, margin_mm: float) -> None:
        self.region, self.margin_mm = region, margin_mm

    def __call__(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the packed pair."""
        pair = CasePair(
            case=item["case"],
            moving=item["moving"],
            fixed=item["fixed"],
            moving_mask=item.get("moving_mask"),
            fixed_mask=item.get("fixed_mask"),
            moving_from_fixed=item.get("truth"),
        )
        return pack_pair(prepare_pair(pair, region=self.region, margin_mm=self.margin_mm))


class _NamingCase(Transform):
    """MONAI transform that adds the case's name to the message of an error, unless the message has it."""

    def __init__(self, transform: Transform) -> None:
        self.transform = transform

    def __call__(self, item: Mapping[str, Any]) -> Any:
        try:
            return self.transform(item)
        except HeparegError as error:
            if f"case {item['case']}" in str(error):
                raise
            message = f"case {item['case']}: {error}"
            raise type(error)(message, options=error.options, listing=error.listing) from error


def manifest_sources(settings: DataSettings, *, seed: int, folder: Path, needs_masks: bool) -> Sources:
    """Return the training and validation pairs of the settings' manifest, cached below ``folder``.

    Parameters
    ----------
    settings
        Manifest, region, crop and split.
    seed
        Seed of the split.
    folder
        Folder of the cache.
    needs_masks
        Whether every row has to name the liver masks of both images.

    Raises
    ------
    FileFormatError, InputError
        If the manifest cannot be used; see `hepareg.io.manifest.read_manifest`.
    SettingsError
        If a split is empty, or if all pairs belong to one patient.
    PairError
        If a patient is in two splits.
    """
    if settings.manifest is None:
        raise SettingsError("expected a path in data.manifest, got none")
    rows = read_manifest(settings.manifest, required=("moving_mask", "fixed_mask") if needs_masks else ())
    by_case = {row.case: row for row in rows}
    training, validation = split_manifest(rows, validation_fraction=settings.validation_fraction, seed=seed)
    crop = _crop(settings)
    transform = Compose(
        [
            _NamingCase(LoadPaird(geometry=settings.geometry)),
            _NamingCase(LiverCropd(["moving", "fixed"], crop)),
            _NamingCase(PreparePaird(region=settings.region, margin_mm=settings.margin_mm)),
        ]
    )
    made_with = digest(
        settings.region.shape_vox, settings.region.spacing_mm, settings.margin_mm, asdict(crop), settings.geometry
    )
    sides = [
        PreparedPairs([_item(by_case[case], made_with) for case in cases], transform=transform, folder=folder)
        for cases in (training, validation)
    ]
    return Sources(sides[0], len(training), sides[1], len(validation))


def _crop(settings: DataSettings) -> LiverCrop:
    if settings.crop_slices is not None:
        return LiverCrop(num_slices=settings.crop_slices, short="clamp")
    return LiverCrop(extent_mm=settings.crop_extent_mm, short="clamp")


def split_manifest(
    rows: Sequence[ManifestPair], *, validation_fraction: float, seed: int
) -> tuple[list[str], list[str]]:
    """Return the names of the training and of the validation cases; test cases are left out.

    The ``split`` column of the manifest decides if it is filled. It has to be filled in all rows or in
    none. If it is empty, whole patients are drawn. A row without a patient counts as a patient of its own.
    """
    patient_of = {row.case: f"patient {row.patient}" if row.patient else f"case {row.case}" for row in rows}
    named = [row for row in rows if row.split]
    if named and len(named) < len(rows):
        raise InputError("expected the manifest's split column filled in all rows or in none; fill it")
    if not named:
        return split_by_patient(patient_of, validation_fraction=validation_fraction, seed=seed)
    splits = {split: [row.case for row in rows if row.split == split] for split in ("train", "validation", "test")}
    check_disjoint(splits, patient_of=patient_of)
    for split in ("train", "validation"):
        if not splits[split]:
            raise SettingsError(f"expected pairs in the split {split!r}, got an empty split; check the manifest")
    return splits["train"], splits["validation"]


def _item(row: ManifestPair, made_with: str) -> dict[str, Any]:
    """Return a row as plain values, with a hash of file sizes and times, so that a changed file is read again."""
    paths = {name: getattr(row, name) for name in ("moving", "fixed", "moving_mask", "fixed_mask", "truth")}
    files = {name: str(path) for name, path in paths.items() if path is not None}
    states = {name: _state(Path(path)) for name, path in files.items()}
    return {"case": row.case, "mask_label": row.mask_label, "states": digest(states), "made_with": made_with, **files}


def _state(path: Path) -> list[Any]:
    """Return name, size and modification time of a file, or of all files in a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.is_file()]

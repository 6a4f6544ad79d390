"""A folder of DICOM CT slices, or an enhanced multi-frame CT, as a Volume in Hounsfield units."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous
from hepareg.io.content_digest import ContentDigest
from hepareg.io.dicom_groups import SAME_POSITION_MM, SeriesSummary, SliceGroup, choose, group_slices, summarise
from hepareg.io.dicom_headers import SliceHeader, read_headers
from hepareg.volume import Provenance, Volume

__all__ = ["list_series", "read_dicom_series"]

UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
SPACING_TOLERANCE = 0.02
"""Part of the spacing by which a slice may be off its even place."""
ROUNDING_MM = 0.101
"""Distance by which it may be off in any case: scanners round positions to 0.01 or 0.1 mm, at both ends of a range."""
TILT_TOLERANCE = 1e-3
"""Sideways shift per mm of table travel: 0.06 degrees, 0.3 mm over a liver CT."""


def list_series(folder: str | Path) -> list[SeriesSummary]:
    """Return what the folder holds: series, their phases, and localisers; no text that identifies a patient."""
    return summarise(group_slices(read_headers(folder)))


def read_dicom_series(
    folder: str | Path, *, series: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Volume:
    """Read one CT series, rescaled to HU; int16 where slope and intercept are whole numbers.

    Slices are sorted by their position along the normal, never by name or instance number.

    Parameters
    ----------
    folder
        Folder with one or more series; subfolders are searched. Or a single file with many frames.
    series
        Which one, where there are several: its number in `list_series`, or the end of its
        Series Instance UID, followed by ``/PHASE`` where the series has several phases.
    progress
        Called with the number of files read and of all files in the folder, once for each header.

    Raises
    ------
    FileFormatError
        If the folder holds no DICOM, or pixels are missing or compressed in a way that cannot be decoded.
    SettingsError
        If ``series`` names none of the folder's series.
    ImageError
        If there are several series and ``series`` is None; if the modality is not CT; if images are in colour, of
        several sizes or orientations, or of several frames without positions; if there is a single slice, a slice is
        missing or there twice, spacing is uneven, or the gantry was tilted; if rescale slope or intercept are
        missing; if slices are of several patients.
    """
    group = choose(group_slices(read_headers(folder, progress=progress)), series)
    _check_slices(group)
    slices = sorted(group.slices, key=lambda s: s.height_mm)
    grid = Grid((*slices[0].size, len(slices)), _world_from_voxel(slices))
    data = _read_pixels(slices)
    digest = ContentDigest()
    digest.update(data.reshape(-1).view(np.uint8))
    provenance = Provenance("dicom", slices[0].patient_digest, digest.hexdigest())
    return Volume(data.transpose(2, 1, 0), grid, provenance=provenance)


def _check_slices(group: SliceGroup) -> None:
    """Check all that does not depend on the order of the slices."""
    slices, first = group.slices, group.slices[0]
    if first.modality != "CT":
        raise ImageError(f"expected a CT series, got modality {first.modality or 'none'}; give the CT")
    if group.is_localiser:
        raise ImageError("expected a CT volume, got a localiser (scout view); pick another series")
    if any(s.num_samples != 1 for s in slices):
        raise ImageError(
            "expected one value per pixel, got colour images (a report or screenshot?); give the CT itself"
        )
    if any(s.num_frames != 1 for s in slices):
        raise ImageError(
            "expected slices or an enhanced CT with a position for each frame, got a multi-frame image without; "
            "export the series as one file per slice"
        )
    if len(slices) < 2:
        raise ImageError("expected a volume, got a single slice")
    if any(s.slope is None or s.intercept is None or s.slope == 0 for s in slices):
        raise ImageError("expected Rescale Slope and Intercept in every slice, got slices without; HU cannot be known")
    if any(s.position is None or s.orientation is None or s.pixel_spacing is None for s in slices):
        raise ImageError("expected position, orientation and pixel spacing in every slice, got slices without")
    if len({s.patient_digest for s in slices}) > 1:
        raise ImageError("expected the slices of one patient, got several patients in one series; sort the files")
    for name, values, tolerance in (
        ("size", [s.size for s in slices], 0),
        ("orientation", [s.orientation for s in slices], 1e-3),
        ("pixel spacing", [s.pixel_spacing for s in slices], 1e-4),
    ):
        if np.ptp(np.array(values, dtype=np.float64), axis=0).max() > tolerance:
            raise ImageError(f"expected one {name} in a series, got mixed ones; keep only the slices of one volume")


def _world_from_voxel(slices: Sequence[SliceHeader]) -> Matrix:
    """Return the (4, 4) placement in RAS of slices sorted along their normal; check their gaps and tilt."""
    positions = np.array([s.position for s in slices])
    heights = np.array([s.height_mm for s in slices])
    _check_gaps(slices, np.diff(heights))
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    normal = slices[0].normal / np.linalg.norm(slices[0].normal)
    sideways = positions - positions[0] - np.outer(heights - heights[0], normal)
    shift = float(np.linalg.norm(sideways, axis=1).max())
    if shift > max(TILT_TOLERANCE * (heights[-1] - heights[0]), ROUNDING_MM):
        tilt = np.degrees(np.arctan2(np.linalg.norm(sideways[-1]), heights[-1] - heights[0]))
        raise ImageError(
            f"expected slices stacked along their normal, got them shifted by {shift:.1f} mm (a gantry tilted by "
            f"{tilt:.1f} degrees?); resample the series onto an orthogonal grid first, as dcm2niix does"
        )
    row_spacing, column_spacing = slices[0].pixel_spacing or (0.0, 0.0)
    orientation = np.array(slices[0].orientation)
    axes = np.stack([orientation[:3] * column_spacing, orientation[3:] * row_spacing, normal * (normal @ step)], axis=1)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ homogeneous(axes, positions[0])


def _check_gaps(slices: Sequence[SliceHeader], gaps: NDArray[np.float64]) -> None:
    num_doubled = int((gaps < SAME_POSITION_MM).sum())
    if num_doubled:
        copies = len(slices) - len({s.instance_uid for s in slices})
        cause = "the same files twice?" if copies else "two reconstructions in one series?"
        raise ImageError(
            f"expected one slice at each position, got {num_doubled} doubled ({cause}) that neither "
            "acquisition nor time tells apart; remove the surplus files"
        )
    usual = float(np.median(gaps))
    heights = np.append(0, np.cumsum(gaps))
    allowed = max(SPACING_TOLERANCE * usual, ROUNDING_MM)
    if np.abs(heights - np.linspace(0, heights[-1], len(heights))).max() <= allowed:
        return
    whole = np.round(gaps / usual)
    if whole.max() >= 2 and np.abs(gaps - whole * usual).max() <= max(0.1 * usual, 2 * ROUNDING_MM):
        raise ImageError(
            f"expected slices every {usual:.3g} mm, got {int((whole - 1).sum())} missing; export the whole series again"
        )
    raise ImageError(
        f"expected slices at even distances, got distances from {gaps.min():.3g} to {gaps.max():.3g} mm; "
        "resample the series to even spacing first"
    )


def _read_pixels(slices: Sequence[SliceHeader]) -> NDArray[Any]:
    """Return (K, rows, columns) HU."""
    whole = all(float(s.slope or 0).is_integer() and float(s.intercept or 0).is_integer() for s in slices)
    columns, rows = slices[0].size
    data = np.empty((len(slices), rows, columns), np.int16 if whole else np.float32)
    for k, values in _stored_slices(slices):
        header = slices[k]
        if values.shape != data.shape[1:]:
            raise FileFormatError("expected the pixels that a DICOM header announces, got another number of them")
        if whole:
            values = values.astype(np.int32) * int(header.slope or 1) + int(header.intercept or 0)
            if data.dtype == np.int16 and (values.min() < -32768 or values.max() > 32767):
                data = data.astype(np.int32)
        else:
            values = values * np.float32(header.slope) + np.float32(header.intercept)
        data[k] = values
    return data


def _stored_slices(slices: Sequence[SliceHeader]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield number and (rows, columns) stored values of every slice, those of one file together."""
    frames: dict[Path, list[int]] = defaultdict(list)
    for k, header in enumerate(slices):
        if header.frame is None:
            yield k, _stored_pixels(header)
        else:
            frames[header.path].append(k)
    for path, places in frames.items():
        yield from zip(places, _stored_frames(path, [slices[k].frame or 0 for k in places]), strict=True)


def _stored_frames(path: Path, numbers: Sequence[int]) -> Iterator[NDArray[Any]]:
    """Yield (rows, columns) stored values of frames of one file, which is parsed once."""
    from pydicom.pixels import iter_pixels

    try:
        yield from iter_pixels(path, indices=list(numbers))
    except Exception as error:
        raise FileFormatError(
            f"expected the pixels of an enhanced CT, got a file that is damaged or cannot be decoded: {path.name}; "
            "export the series as one file per slice"
        ) from error


def _stored_pixels(header: SliceHeader) -> NDArray[Any]:
    """Return (rows, columns) stored values: through pydicom, or GDCM where it has no decoder."""
    import pydicom

    try:
        return pydicom.dcmread(header.path).pixel_array
    except Exception as error:
        if header.transfer_syntax in UNCOMPRESSED:
            raise FileFormatError(
                f"expected the pixels of a CT slice, got a truncated or damaged file: {header.path.name}"
            ) from error
        return _pixels_by_gdcm(header)


def _pixels_by_gdcm(header: SliceHeader) -> NDArray[Any]:
    import SimpleITK as sitk
    from pydicom.uid import UID

    try:
        rescaled = sitk.GetArrayFromImage(sitk.ReadImage(str(header.path)))
    except RuntimeError as error:
        raise FileFormatError(
            f"expected pixels that can be decoded, got {UID(header.transfer_syntax).name} that neither pydicom nor "
            "GDCM decodes; decompress the series first, for example with `gdcmconv --raw`"
        ) from error
    slope, intercept = header.slope or 1.0, header.intercept or 0.0
    return np.asarray(np.round((rescaled.reshape(rescaled.shape[-2:]) - intercept) / slope))

"""Placement of a stack of DICOM slices: their order, their distances, missing slices and copies."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Matrix
from hepareg.errors import ImageError
from hepareg.geometry.rotations import homogeneous
from hepareg.io.dicom_headers import SliceHeader

__all__ = ["check_attributes", "doubled_slices", "is_even", "placement", "sorted_slices"]

SPACING_TOLERANCE = 0.02
"""Part of the spacing by which a slice may be off its even place."""
ROUNDING_MM = 0.101
"""Distance by which it may be off in any case: scanners round positions to 0.01 or 0.1 mm, at both ends of a range."""
TILT_TOLERANCE = 1e-3
"""Sideways shift per mm of table travel: 0.06 degrees, 0.3 mm over a liver CT."""
SAME_PLACE = 0.02
"""Part of the spacing within which two slices are at the same place; no scanner reconstructs so closely."""
SAME_PLACE_MM = 1e-3
LISTED_POSITIONS = 6


def check_attributes(slices: Sequence[SliceHeader]) -> None:
    """Check those attributes of a volume's slices that do not depend on the slices' order.

    Raises
    ------
    ImageError
        If they are no CT slices of one patient, size, orientation and spacing with known Hounsfield units.
    """
    first = slices[0]
    if first.modality != "CT":
        raise ImageError(f"expected a CT series, got modality {first.modality or 'none'}; give the CT")
    if first.is_localiser:
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
    if not all(s.normal.any() for s in slices):
        raise ImageError("expected rows and columns of slices along two directions, got one direction twice")
    if len({s.patient_digest for s in slices}) > 1:
        raise ImageError("expected the slices of one patient, got several patients in one series; sort the files")
    for name, values, tolerance in (
        ("size", [s.size for s in slices], 0),
        ("orientation", [s.orientation for s in slices], 1e-3),
        ("pixel spacing", [s.pixel_spacing for s in slices], 1e-4),
    ):
        if np.ptp(np.array(values, dtype=np.float64), axis=0).max() > tolerance:
            raise ImageError(f"expected one {name} in a series, got mixed ones; keep only the slices of one volume")


def sorted_slices(slices: Sequence[SliceHeader]) -> list[SliceHeader]:
    """Return slices in the order of their positions along their normal; names and numbers do not count."""
    return sorted(slices, key=lambda s: s.height_mm)


def doubled_slices(slices: Sequence[SliceHeader]) -> list[list[int]]:
    """Return the indices of slices at one position: a list for each position with several; input sorted by height."""
    gaps = np.diff([s.height_mm for s in slices])
    apart = gaps[gaps > SAME_PLACE_MM]
    near = gaps <= max(SAME_PLACE_MM, SAME_PLACE * float(np.median(apart)) if apart.size else 0.0)
    places: list[list[int]] = []
    for k in np.flatnonzero(near):
        if places and places[-1][-1] == k:
            places[-1].append(int(k) + 1)
        else:
            places.append([int(k), int(k) + 1])
    return places


def placement(slices: Sequence[SliceHeader]) -> Matrix:
    """Return (4, 4) world_from_voxel in RAS of slices sorted along their normal, one at each place.

    Raises
    ------
    ImageError
        If slices are lost, at uneven distances, or shifted sideways as by a tilted gantry.
    """
    if len(slices) < 2:
        raise ImageError("expected a volume, got copies of a single slice")
    positions = np.array([s.position for s in slices])
    heights = np.array([s.height_mm for s in slices])
    _check_distances(slices, heights)
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


def is_even(heights: NDArray[np.float64]) -> bool:
    """Return whether sorted heights in mm are at even distances, to the rounding of scanners."""
    if len(heights) < 3:
        return True
    usual = float(np.median(np.diff(heights)))
    even = np.linspace(heights[0], heights[-1], len(heights))
    return usual > SAME_PLACE_MM and bool(np.abs(heights - even).max() <= _allowed_mm(usual))


def _allowed_mm(usual: float) -> float:
    return max(SPACING_TOLERANCE * usual, min(ROUNDING_MM, 0.2 * usual))


def _check_distances(slices: Sequence[SliceHeader], heights: NDArray[np.float64]) -> None:
    """Check that no slice is missing between the first and the last one; name those that are."""
    if is_even(heights):
        return
    gaps = np.diff(heights)
    whole = np.maximum(np.round(gaps / np.percentile(gaps, 10)), 1)
    usual = float((heights[-1] - heights[0]) / whole.sum())
    lost = int((whole - 1).sum())
    even = heights[0] + usual * np.append(0, np.cumsum(whole))
    if lost and np.abs(heights - even).max() <= max(0.1 * usual, ROUNDING_MM):
        raise ImageError(
            f"expected slices every {usual:.3g} mm, got {lost} missing at {_lost_positions(slices, whole)}; "
            "export the whole series again"
        )
    raise ImageError(
        f"expected slices at even distances, got distances from {gaps.min():.3g} to {gaps.max():.3g} mm; "
        "resample the series to even spacing first"
    )


def _lost_positions(slices: Sequence[SliceHeader], whole: NDArray[np.float64]) -> str:
    """Return the positions of missing slices in words: the patient coordinate along which the slices are stacked."""
    axis = int(np.argmax(np.abs(slices[0].normal)))
    places = (
        before + (after - before) * n / steps
        for a, b, steps in zip(slices, slices[1:], whole, strict=False)
        for before, after in [((a.position or ())[axis], (b.position or ())[axis])]
        for n in range(1, int(steps))
    )
    listed = ", ".join(f"{x:.1f}" for x in islice(places, LISTED_POSITIONS))
    surplus = int((whole - 1).sum()) - LISTED_POSITIONS
    more = f" and {surplus} more" if surplus > 0 else ""
    return f"{'xyz'[axis]} = {listed}{more} mm"

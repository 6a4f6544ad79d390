"""DICOM RT structure sets (RTSTRUCT): regions as stacks of closed contours.

References
----------
DICOM PS3.3, A.19 RT Structure Set IOD and C.8.8.6 ROI Contour.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.boxes import distances_outside_mm
from hepareg.geometry.grid import FARTHEST_MM
from hepareg.io.contour_fill import fill_contours
from hepareg.io.dicom_headers import digest_of
from hepareg.io.segmentation import Segments
from hepareg.volume import Provenance, Volume

__all__ = ["RTSTRUCT_CLASS", "segments_of_rtstruct"]

RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "")
MAX_OUTSIDE = 0.5
LEAST_NUMBERS = 9
"""Numbers of the three points that an outline has at least."""


def segments_of_rtstruct(dataset: Any) -> Segments:
    """Return the regions of a structure set that have contours.

    Parameters
    ----------
    dataset
        The whole object.

    Raises
    ------
    MaskError
        If no region has a contour, or one has two items of contours.
    """
    items = [item for item in dataset.get("ROIContourSequence") or [] if _has_outline(item)]
    contours = {int(item.ReferencedROINumber): item for item in items}
    if len(contours) < len(items):
        raise MaskError("expected the contours of a region in one item, got two with its number; export it again")
    rois = {int(item.ROINumber): item for item in dataset.get("StructureSetROISequence") or []}
    if not contours:
        raise MaskError("expected a structure set with closed contours, got none; check the export")
    names = {number: str(rois[number].get("ROIName") or "").strip() if number in rois else "" for number in contours}
    worlds = {number: _world_of(dataset, rois.get(number)) for number in contours}
    patient = digest_of(dataset.get("PatientID"))

    def read(number: int, grid: Grid | None = None) -> Volume:
        provenance = Provenance("dicom", patient, world_digest=digest_of(worlds[number]))
        return _drawn(_contours_of(contours[number]), grid, provenance)

    return Segments("a DICOM structure set", names, read)


def _drawn(contours: list[Points], grid: Grid | None, provenance: Provenance) -> Volume:
    if grid is not None:
        distances = distances_outside_mm(grid, np.concatenate(contours))
        outside = float(np.mean(distances > 0))
        if outside > MAX_OUTSIDE:
            raise MaskError(
                f"expected contours within the image, got {100 * outside:.0f} % of their points outside, up to "
                f"{distances.max():.1f} mm from it; check that both belong together"
            )
    filled = fill_contours(contours, grid)
    notes = (f"slices between contours were filled in: {filled.num_filled}",) if filled.num_filled else ()
    return Volume(filled.data, filled.grid, provenance=replace(provenance, notes=notes))


def _has_outline(item: Any) -> bool:
    return any(_numbers_of(contour).size >= LEAST_NUMBERS for contour in _closed_in(item))


def _contours_of(item: Any) -> list[Points]:
    """Return the closed contours of a region as (N, 3) points in RAS mm; those of one or two points have no area.

    Raises
    ------
    MaskError
        If a contour has another number of points than it states, a part of a point, or one that is no place in mm.
    """
    found: list[Points] = []
    for contour in _closed_in(item):
        numbers, stated = _numbers_of(contour), contour.get("NumberOfContourPoints")
        if (
            numbers.size != 3 * int(numbers.size // 3 if stated is None else stated)
            or not (np.abs(numbers) < FARTHEST_MM).all()
        ):
            raise MaskError(
                "expected three numbers for each point that a contour states, got a contour that is cut off or "
                "damaged; export the structure set again"
            )
        if numbers.size >= LEAST_NUMBERS:
            found.append(numbers.reshape(-1, 3) * [-1.0, -1.0, 1.0])
    return found


def _closed_in(item: Any) -> list[Any]:
    return [c for c in item.get("ContourSequence") or [] if str(c.get("ContourGeometricType") or "").upper() in CLOSED]


def _numbers_of(contour: Any) -> NDArray[np.float64]:
    return np.atleast_1d(np.array(contour.get("ContourData") or [], dtype=np.float64))


def _world_of(dataset: Any, roi: Any) -> str:
    """Return the frame of reference of a region."""
    own = "" if roi is None else str(roi.get("ReferencedFrameOfReferenceUID") or "")
    return own or str(dataset.get("FrameOfReferenceUID") or "")

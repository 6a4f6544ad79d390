"""DICOM segmentations (SEG): binary, fractional and label maps, placed by their own frames.

References
----------
DICOM PS3.3, A.51 Segmentation IOD and C.8.20 Segmentation.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Matrix
from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous
from hepareg.io.dicom_headers import digest_of, within_reason
from hepareg.io.dicom_pixels import decoded_frames
from hepareg.io.image_limits import check_room
from hepareg.io.segmentation import Segments
from hepareg.volume import Provenance, Volume

__all__ = ["SEG_CLASSES", "segments_of_seg"]

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation Storage and Label Map Segmentation Storage."""
HALF = 0.5
"""Least probability, or part of a voxel, that counts as inside."""
PLACE_TOLERANCE = 0.1
"""Part of the spacing by which a frame may be off its even place."""
SAME_PLANE_MM = 1e-3
MOST_PARTS = 4
"""Into so many slices the closest two frames of an object may be parted if other frames lie in between."""


def segments_of_seg(dataset: Any) -> Segments:
    """Return the segments of a DICOM SEG.

    Parameters
    ----------
    dataset
        The whole object.

    Raises
    ------
    MaskError
        If frames have no place in the patient, or do not stack up to a volume.
    """
    names = {
        int(item.SegmentNumber): str(item.get("SegmentLabel") or item.get("SegmentDescription") or "").strip()
        for item in dataset.get("SegmentSequence") or []
        if int(item.SegmentNumber) > 0
    }
    return Segments("a DICOM segmentation", names, partial(_mask, dataset))


def _mask(dataset: Any, number: int, grid: Grid | None = None) -> Volume:
    """Return one segment on the grid that its frames span; a missing frame is empty."""
    kind = str(dataset.get("SegmentationType") or "BINARY").upper()
    frames = range(int(dataset.get("NumberOfFrames") or 1))
    groups = _groups_of(dataset, len(frames))
    own = [n for n in frames if kind == "LABELMAP" or _segment_of(groups[n]) == number]
    if not own:
        raise MaskError("expected a segment with frames, got an empty one; check the segment")
    positions = np.array([_values(groups[n], "PlanePositionSequence", "ImagePositionPatient", 3) for n in own])
    orientation = _common(groups, own, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    spacing = _common(groups, own, "PixelMeasuresSequence", "PixelSpacing", 2)
    normal: NDArray[Any] = np.cross(orientation[:3], orientation[3:])
    if not normal.any():
        raise MaskError("expected frames with two different directions, got one direction twice; export them again")
    normal /= np.linalg.norm(normal)
    heights = positions @ normal
    every = np.array([_values(g, "PlanePositionSequence", "ImagePositionPatient", 3) for g in groups]) @ normal
    step = _slice_distance(heights, every, groups[own[0]])
    planes = np.rint((heights - heights.min()) / step).astype(int)
    _check_stack(positions, heights, planes, step, normal)
    shape = (int(planes.max()) + 1, int(dataset.Rows), int(dataset.Columns))
    check_room(shape[::-1], math.prod(shape))
    data = np.zeros(shape, bool)
    for plane, values in zip(planes, decoded_frames(dataset, own, name=""), strict=True):
        data[plane] |= _inside(values, kind, number, dataset)
    first = positions[int(np.argmin(heights))]
    matrix = _placed(orientation, spacing, normal * step, first)
    provenance = Provenance(
        "dicom", digest_of(dataset.get("PatientID")), world_digest=digest_of(dataset.get("FrameOfReferenceUID"))
    )
    volume = data.transpose(2, 1, 0)
    return Volume(volume, Grid(volume.shape, matrix), provenance=provenance)  # type: ignore[arg-type]


def _inside(values: NDArray[Any], kind: str, number: int, dataset: Any) -> NDArray[np.bool_]:
    if kind == "LABELMAP":
        return values == number
    if kind == "FRACTIONAL":
        return values >= HALF * float(dataset.get("MaximumFractionalValue") or 255)
    return values != 0


def _groups_of(dataset: Any, num_frames: int) -> list[Mapping[str, Any]]:
    """Return the functional groups of each frame, those shared by all frames included."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or [None]
    merged: list[Mapping[str, Any]] = []
    for frame in frames:
        groups: dict[str, Any] = {}
        for source in (shared, frame):
            for element in source or ():
                if element.VR == "SQ" and element.value:
                    groups[element.keyword] = element.value[0]
        merged.append(groups)
    if len(merged) != num_frames:
        raise MaskError(f"expected a place for each of {num_frames} frames of a DICOM segmentation, got {len(merged)}")
    return merged


def _segment_of(groups: Mapping[str, Any]) -> int:
    found = groups.get("SegmentIdentificationSequence")
    return 1 if found is None else int(found.ReferencedSegmentNumber)


def _values(groups: Mapping[str, Any], sequence: str, keyword: str, count: int) -> list[float]:
    value = groups[sequence].get(keyword) if sequence in groups else None
    if value is None or len(value) != count:
        raise MaskError(
            f"expected the place of every frame in the DICOM segmentation, got frames without {keyword}; "
            "export it again, or as NIfTI"
        )
    return [within_reason(x) for x in value]


def _common(
    groups: Sequence[Mapping[str, Any]], own: Sequence[int], sequence: str, keyword: str, count: int
) -> NDArray[np.float64]:
    """Return the (count,) numbers of an attribute that all frames of a segment share; MaskError if frames differ."""
    values = np.array([_values(groups[n], sequence, keyword, count) for n in own])
    if np.ptp(values, axis=0).max() > 1e-3:
        raise MaskError(f"expected one {keyword} for all frames of a segment, got several; export it again")
    return values[0]


def _slice_distance(heights: NDArray[np.float64], every: NDArray[np.float64], groups: Mapping[str, Any]) -> float:
    """Return the distance in mm between the planes of a segment.

    1. If all frames lie in one plane, return the header's distance between slices, else their thickness, else 1 mm.
    2. If the header states the distance between slices, and the frames of the whole object lie at multiples of it,
       return the distance that fits them best, for the header's may be rounded. A thickness of slices is no distance:
       slices may overlap, or leave gaps.
    3. Let d be the smallest distance between two different planes of the whole object (more than 0.001 mm). If the
       segment has a single plane, return d.
    4. Else return the largest of d, d / 2, ..., d / `MOST_PARTS` at whose multiples the segment's frames lie, as fitted
       to them (see `_refined`): errors of rounded positions average out. Distances of 4 and 6 mm are multiples of 2 mm.
    5. If there is none, return the distance near d that fits best.

    Parameters
    ----------
    heights
        Heights of the segment's frames along their normal, mm.
    every
        Heights of the frames of all segments, mm.
    groups
        Functional groups of a frame, with the header's distance between slices and their thickness, if it states them.
    """
    measures = groups.get("PixelMeasuresSequence", {})
    between = within_reason(measures.get("SpacingBetweenSlices") or 0)
    gaps = np.diff(np.unique(np.round(every, 4)))
    gaps = gaps[gaps > SAME_PLANE_MM]
    if not gaps.size:
        return between or float(measures.get("SliceThickness") or 0) or 1.0
    if between > SAME_PLANE_MM and _lies_at_multiples(every, between):
        return _refined(every, between)
    closest = float(gaps.min())
    if np.ptp(heights) < 0.5 * closest:
        return closest
    guess = float(gaps[gaps < 1.5 * closest].mean())
    fitted = [_refined(heights, guess / parts) for parts in range(1, MOST_PARTS + 1)]
    return next((step for step in fitted if _lies_at_multiples(heights, step)), fitted[0])


def _lies_at_multiples(heights: NDArray[np.float64], step: float) -> bool:
    steps = (heights - heights.min()) / step
    return bool(np.abs(steps - np.rint(steps)).max() * step <= min(_most_off_mm(step), step / 4))


def _refined(heights: NDArray[np.float64], step: float) -> float:
    """Return the distance in mm that fits heights best in the least squares, from a first guess.

    The guess counts the planes near the lowest one; the better distance from these counts those of twice the reach,
    and so on up to the highest. Counted over the whole stack at once, a small error of the guess would add up to
    more than half a plane.
    """
    above = heights - heights.min()
    reach = 4 * step
    while True:
        near = above[above <= reach]
        planes = np.rint(near / step)
        planes -= planes.mean()
        if planes.any():
            step = float(planes @ near / (planes @ planes))
        if reach >= above.max():
            return step
        reach *= 2


def _most_off_mm(step: float) -> float:
    """Return by how many mm a frame may be off its even place: two positions rounded to 0.1 mm are off by that."""
    return max(PLACE_TOLERANCE * step, 0.101)


def _check_stack(
    positions: NDArray[np.float64], heights: NDArray[np.float64], planes: NDArray[np.int_], step: float,
    normal: NDArray[Any],
) -> None:  # fmt: skip
    off = np.abs(heights - heights.min() - planes * step).max()
    sideways = np.linalg.norm(positions - positions[0] - np.outer(heights - heights[0], normal), axis=1).max()
    if off > _most_off_mm(step) or sideways > 0.2:
        raise MaskError(
            f"expected the frames of a segment stacked at even distances, got them off by "
            f"{max(off, sideways):.2f} mm; export the segmentation as NIfTI"
        )


def _placed(
    orientation: NDArray[np.float64],
    spacing: NDArray[np.float64],
    step: NDArray[np.float64],
    first: NDArray[np.float64],
) -> Matrix:
    axes = np.stack([orientation[:3] * spacing[1], orientation[3:] * spacing[0], step], axis=1)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ homogeneous(axes, first)

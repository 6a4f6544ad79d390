"""The contrast phases that one DICOM series holds, told apart by the time and position of their slices.

A series is parted if the acquisition number, the temporal position, the trigger time or a pause in the
acquisition time gives groups that cover the same stretch of the body. Groups that follow one another along the
body, as of a long scan in two breath-holds, stay one volume.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hepareg.io.dicom_headers import SliceHeader
from hepareg.io.dicom_stack import SAME_PLACE_MM, is_even

__all__ = ["part_phases"]

MIN_OVERLAP = 0.5
"""Part of the shorter stretch that two groups have to share to be two phases."""
LONG_PAUSE = 3.0
"""A pause, or a step along the body, counts if it is more than this many times the median one."""
ALIKE = 5.0
"""Pauses, or steps, that differ by less than this factor are cut alike: some may lie between breath-holds and some
between phases, which `_joined` decides."""
FEW_SLICES = 3
"""With fewer slices per value on average, each slice is taken to have its own value, a few of which coincide."""
SWEEPS_OVERLAP = 0.8
"""Two sweeps without a pause between them share more than this part of the range that both cover together."""
MAX_DEPTH = 50
"""Largest depth of the recursion of `_phases`, for headers whose numbers have no order."""

Value = Callable[[SliceHeader], float | None]

VALUES: tuple[Value, ...] = (
    lambda s: s.acquisition_number,
    lambda s: s.temporal_position,
    lambda s: s.trigger_time,
    lambda s: s.acquisition_time,
)


def part_phases(slices: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Return the phases of a series in the order of acquisition; one list if nothing tells phases apart.

    Parameters
    ----------
    slices
        Slices of one orientation, all with a position.
    """
    parts = [list(slices)]
    for value in VALUES:
        parts = [piece for part in parts for piece in _parted(part, value)]
    return [piece for part in parts for piece in (_parted(part, _content_time) if _repeats(part) else [part])]


def _content_time(header: SliceHeader) -> float | None:
    """Return the time in s at which an image was reconstructed, which only tells slices at one position apart."""
    return header.content_time


@dataclass(frozen=True)
class _Run:
    """All slices with one value of an attribute, and the range in mm that they cover along the body.

    ``low`` and ``high`` are the ends of that range, half a slice added at both. ``begin_s`` and ``end_s`` are the
    times of the first and the last acquisition, or None if a slice has no time.
    """

    slices: tuple[SliceHeader, ...]
    low: float
    high: float
    begin_s: float | None
    end_s: float | None


def _parted(slices: list[SliceHeader], value: Value) -> list[list[SliceHeader]]:
    """Split a series into phases by one attribute; one list if the attribute separates none."""
    runs = _runs(slices, value)
    if len(runs) < 2:
        return [slices]
    return [_slices_of(phase) for phase in _phases(runs, _strengths(runs))]


def _runs(slices: Sequence[SliceHeader], value: Value) -> list[_Run]:
    """Group slices by their value, sorted by time of acquisition, or by value if a time is missing.

    Empty if a slice has no value.
    """
    by_value: dict[float, list[SliceHeader]] = defaultdict(list)
    for header in slices:
        found = value(header)
        if found is None:
            return []
        by_value[found].append(header)
    gaps = np.diff(np.unique(_heights(slices)))
    gaps = gaps[gaps > SAME_PLACE_MM]
    margin = 0.5 * float(np.median(gaps)) if gaps.size else 0.5
    runs = []
    for _, group in sorted(by_value.items()):
        heights = [s.height_mm for s in group]
        known = [s.acquisition_time for s in group if s.acquisition_time is not None]
        begin, end = (min(known), max(known)) if len(known) == len(group) else (None, None)
        runs.append(_Run(tuple(group), min(heights) - margin, max(heights) + margin, begin, end))
    if all(run.begin_s is not None for run in runs):
        runs.sort(key=lambda run: run.begin_s or 0.0)
    return runs


def _strengths(runs: Sequence[_Run]) -> NDArray[np.float64]:
    """Return (N - 1, 2) pauses in time and steps along the body between N runs, as multiples of their medians.

    The row n describes the boundary between the runs n and n + 1.

    - Pause (column 0): seconds from the end of the run n to the begin of the next, at least 0. All pauses are 0 if any
      run has no times.
    - Step (column 1): mm along the body between the ranges that the two runs cover, 0 if the ranges touch or overlap.

    Each column is divided by its median, or by 0.001 (s or mm) if the median is smaller or there are fewer than three
    boundaries: then every pause or step above 0.003 counts as long. Multiples up to `LONG_PAUSE` then become 0, so
    that a boundary has a long pause, or a long step, if its number is not 0.
    """
    pairs = list(pairwise(runs))
    timed = all(run.begin_s is not None for run in runs)
    pauses = [max((b.begin_s or 0.0) - (a.end_s or 0.0), 0.0) if timed else 0.0 for a, b in pairs]
    steps = [max(b.low - a.high, a.low - b.high, 0.0) for a, b in pairs]
    return np.stack([_in_usual(np.array(pauses)), _in_usual(np.array(steps))], axis=1)


def _in_usual(values: NDArray[np.float64]) -> NDArray[np.float64]:
    usual = float(np.median(values)) if len(values) > 2 else 0.0
    ratios = values / max(usual, 1e-3)
    return np.where(ratios > LONG_PAUSE, ratios, 0.0)


def _phases(runs: list[_Run], strengths: NDArray[np.float64], depth: int = 0) -> list[list[_Run]]:
    """Group runs into phases, each a list of runs.

    1. Split the runs at `_cuts`. Without a cut, all runs are one phase.
    2. Split each piece by this function, with the piece's own rows of ``strengths``: its longest pause is shorter than
       the longest of all, so boundaries that were too weak here may be cut there.
    3. Join each of the resulting pieces to the one before it if the two cover different parts of the body (`_joined`):
       they are one scan that went on.
    4. If all slices of ``runs`` together are evenly spaced and single pieces are not (`_tears`), all cuts of this call,
       and of those below it, are undone: the runs are one phase with interleaved slices.

    Parameters
    ----------
    runs
        Runs in the order of acquisition.
    strengths
        (N - 1, 2) result of `_strengths`, whose medians are those of the whole series at every depth.
    depth
        Number of calls above this one; at `MAX_DEPTH` nothing is split further.
    """
    cuts = _cuts(runs, strengths) if len(runs) > 1 and depth < MAX_DEPTH else []
    if not cuts:
        return [runs]
    bounds = list(pairwise([0, *cuts, len(runs)]))
    pieces = _joined([piece for a, b in bounds for piece in _phases(runs[a:b], strengths[a : b - 1], depth + 1)])
    return [runs] if _tears(_heights(_slices_of(runs)), [_heights(_slices_of(piece)) for piece in pieces]) else pieces


def _cuts(runs: Sequence[_Run], strengths: NDArray[np.float64]) -> list[int]:
    """Return the indices of the runs that may be the first of a new phase.

    The first rule that applies decides; pauses and steps are long if they are not 0 in ``strengths``.

    1. If there are long pauses (column 0): each run after a pause that is not shorter than the longest one divided by
       `ALIKE`.
    2. Else, if there are long steps along the body (column 1): each run after a step that is not shorter than the
       longest one divided by `ALIKE`.
    3. Else, if runs have `FEW_SLICES` slices or more on average: every run but the first.
    4. Else, at most one run. For each boundary, the range in mm covered by all runs before it is compared with the
       range covered by all runs after it: overlap = length common to both / length from the lowest to the highest end
       of both. The run after the boundary with the largest overlap is returned if that overlap exceeds
       `SWEEPS_OVERLAP`: there, a second sweep over the same part of the body begins.

    Parameters
    ----------
    runs
        N runs in the order of acquisition, N of 2 or more.
    strengths
        (N - 1, 2) as of `_strengths`.

    Returns
    -------
    list of int
        Ascending indices from 1 to N - 1; empty if nothing tells phases apart.
    """
    for strength in strengths.T:
        if strength.max() > 0:
            return [int(n) + 1 for n in np.flatnonzero(strength >= strength.max() / ALIKE)]
    if len(_slices_of(runs)) >= FEW_SLICES * len(runs):
        return list(range(1, len(runs)))
    low, high = np.array([r.low for r in runs]), np.array([r.high for r in runs])
    left = np.minimum.accumulate(low)[:-1], np.maximum.accumulate(high)[:-1]
    right = np.minimum.accumulate(low[::-1])[::-1][1:], np.maximum.accumulate(high[::-1])[::-1][1:]
    shared = np.minimum(left[1], right[1]) - np.maximum(left[0], right[0])
    part = shared / (np.maximum(left[1], right[1]) - np.minimum(left[0], right[0]))
    return [int(np.argmax(part)) + 1] if part.max() > SWEEPS_OVERLAP else []


def _tears(whole: NDArray[np.float64], pieces: Sequence[NDArray[np.float64]]) -> bool:
    """Return whether a split spoils even spacing: ``whole`` is evenly spaced, but its pieces are not.

    True if a piece has one slice or uneven distances, or if the median distances of the pieces differ by more than 5 %.
    Heights are in mm along the body, sorted.
    """
    if not is_even(whole) or len(pieces) < 2:
        return False
    if any(len(piece) < 2 or not is_even(piece) for piece in pieces):
        return True
    steps = [float(np.median(np.diff(piece))) for piece in pieces]
    return max(steps) > 1.05 * min(steps)


def _joined(pieces: Sequence[list[_Run]]) -> list[list[_Run]]:
    """Join each piece to the one before unless both cover the same range of the body (`_cover_the_same`)."""
    phases: list[list[_Run]] = []
    for piece in pieces:
        if phases and not _cover_the_same(phases[-1], piece):
            phases[-1] = phases[-1] + piece
        else:
            phases.append(piece)
    return phases


def _cover_the_same(a: Sequence[_Run], b: Sequence[_Run]) -> bool:
    lows, highs = [[min(r.low for r in x) for x in (a, b)], [max(r.high for r in x) for x in (a, b)]]
    shorter = min(high - low for low, high in zip(lows, highs, strict=True))
    return min(highs) - max(lows) > MIN_OVERLAP * shorter


def _slices_of(runs: Sequence[_Run]) -> list[SliceHeader]:
    return [header for run in runs for header in run.slices]


def _heights(slices: Sequence[SliceHeader]) -> NDArray[np.float64]:
    return np.sort([s.height_mm for s in slices])


def _repeats(slices: Sequence[SliceHeader]) -> bool:
    heights = _heights(slices)
    return bool((np.diff(heights) <= SAME_PLACE_MM).any())

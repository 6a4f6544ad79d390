"""Faults of an acquisition and their truth: slices lost, doubled or shuffled, breath steps, drift, wrong spacing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.arrays import Matrix, Points
from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.grid import apply_matrix
from hepareg.simulation.motion.motion import BREATHING_MM, Motion, draw_direction
from hepareg.transforms import AffineTransform

__all__ = ["FAULTS", "FaultSettings", "Scan", "draw_scan"]

MIDDLE = (0.3, 0.7)
"""Part of the liver's height in which a fault lies."""

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class FaultSettings:
    """Fault of the moving image's acquisition.

    Parameters
    ----------
    kind
        ``none`` or a name in `FAULTS`.
    amount
        Size in mm; for ``spacing`` in per cent, positive or negative.

    Raises
    ------
    SettingsError
        If the kind is unknown, or the amount is out of range.
    """

    kind: str = "none"
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.kind != "none" and self.kind not in FAULTS:
            raise SettingsError(f"expected a fault out of none, {', '.join(FAULTS)}; got {self.kind!r}")
        if not abs(self.amount) <= 50 or (self.amount < 0 and self.kind != "spacing"):
            raise SettingsError(f"expected an amount of the fault from 0 to 50, got {self.amount:g}")


@dataclass(frozen=True, eq=False)
class Scan:
    """How a scanner measures the slices of the moving image, and which of them the finished image shows.

    Parameters
    ----------
    grid
        Grid of the measured slices, along k, as the header states it.
    motions
        Motion of the body while the slices below ``change`` are measured, and, if another, from ``change`` on.
    change
        First slice of the second motion; the number of slices if there is no second.
    measured_from_header
        (4, 4) map from the place that the header states to the place that was measured, world mm.
    shown
        (K,) measured slice that each slice of the finished image shows.
    fault
        Kind of the fault, or ``none``.
    """

    grid: Grid
    motions: tuple[Motion, ...]
    change: int
    measured_from_header: Matrix
    shown: NDArray[np.int_]
    fault: str = "none"

    @classmethod
    def faultless(cls, grid: Grid, motion: Motion) -> "Scan":
        """Return a scan without a fault."""
        return cls(grid, (motion,), grid.shape[2], np.eye(4), np.arange(grid.shape[2]))

    @property
    def is_faultless(self) -> bool:
        """True if the image shows all tissue once, where the motion without a fault takes it."""
        return self.fault == "none"

    @property
    def image_grid(self) -> Grid:
        """Grid of the finished image."""
        return Grid((*self.grid.shape[:2], len(self.shown)), self.grid.world_from_voxel)

    def parts(self) -> Iterator[tuple[Motion, Grid]]:
        """Yield each motion and the grid of the slices that are measured during it."""
        starts = (0, self.change, self.grid.shape[2])
        for motion, start, stop in zip(self.motions, starts, starts[1:], strict=False):
            yield motion, self.grid.crop((0, 0, start), (*self.grid.shape[:2], stop))

    def forward(self, points: Points) -> tuple[Points, NDArray[np.bool_]]:
        """Return where the finished image shows tissue of the fixed liver.

        Parameters
        ----------
        points
            (N, 3) fixed world mm.

        Returns
        -------
        places
            (N, 3) moving world mm, as the header of the finished image states it.
        once
            (N,) bool: whether the tissue is shown exactly once. The place of other tissue, which was never measured
            or several times, means nothing.
        """
        if self.is_faultless:
            return self.motions[0].forward(points), np.ones(len(points), dtype=bool)
        to_header = np.linalg.inv(self.measured_from_header)
        each = [apply_matrix(to_header, motion.forward(points)) for motion in self.motions]
        slices = [np.rint(self.grid.voxel_points(places)[:, 2]).astype(int) for places in each]
        measured = [slices[0] < self.change, *(k >= self.change for k in slices[1:])]
        places = np.where(measured[0][:, None], each[0], each[-1])
        k = np.clip(np.where(measured[0], slices[0], slices[-1]), 0, self.grid.shape[2] - 1)
        position = np.zeros(self.grid.shape[2], dtype=int)
        position[self.shown] = np.arange(len(self.shown))
        times = np.bincount(self.shown, minlength=self.grid.shape[2])
        moved = places + (position[k] - k)[:, None] * self.grid.world_from_voxel[:3, 2]
        return moved, (np.sum(measured, axis=0) == 1) & (times[k] == 1)


def draw_scan(settings: FaultSettings, *, motion: Motion, grid: Grid, liver_points: Points, rng: Generator) -> Scan:
    """Draw the place, direction and order of a fault in the middle of the liver.

    Parameters
    ----------
    settings
        Kind and amount.
    motion
        Motion from the fixed to the moving image without the fault.
    grid
        Grid of the moving image.
    liver_points
        (N, 3) moving world mm of the liver.

    Raises
    ------
    SettingsError
        If the fault does not fit into the liver, or is smaller than a slice.
    """
    scan = Scan.faultless(grid, motion)
    if settings.kind == "none":
        return scan
    low, high = np.percentile(grid.voxel_points(liver_points)[:, 2], [1, 99])
    height = _Height(max(low, 0.0), min(high, grid.shape[2] - 1.0))
    return replace(FAULTS[settings.kind](scan, settings.amount, height, rng), fault=settings.kind)


@dataclass(frozen=True)
class _Height:
    """First and last slice of the liver in view."""

    low: float
    high: float

    def middle(self, length: int, rng: Generator) -> int:
        """Draw the first of ``length`` slices in the middle of the liver."""
        start, end = (self.low + share * (self.high - self.low) for share in MIDDLE)
        if length > end - start:
            raise SettingsError(
                f"expected a fault of at most {int(end - start)} slices, which the middle of the liver has, "
                f"got {length}: choose a smaller amount"
            )
        return round(start + rng.uniform(0, 1) * (end - start - length))


def _count(scan: Scan, amount_mm: float) -> int:
    """Return the number of slices in a length, at least one."""
    return max(1, round(amount_mm / float(scan.grid.spacing_mm[2])))


def _lost(scan: Scan, amount: float, height: _Height, rng: Generator) -> Scan:
    count = _count(scan, amount)
    first = height.middle(count, rng)
    return replace(scan, shown=np.delete(scan.shown, np.arange(first, first + count)))


def _doubled(scan: Scan, amount: float, height: _Height, rng: Generator) -> Scan:
    count = _count(scan, amount)
    first = height.middle(count, rng)
    return replace(scan, shown=np.insert(scan.shown, first + count, np.arange(first, first + count)))


def _shuffled(scan: Scan, amount: float, height: _Height, rng: Generator) -> Scan:
    count = max(_count(scan, amount), 2)
    first = height.middle(count, rng)
    shown = scan.shown.copy()
    while np.array_equal(shown, scan.shown):
        shown[first : first + count] = rng.permutation(scan.shown[first : first + count])
    return replace(scan, shown=shown)


def _step(scan: Scan, amount: float, height: _Height, rng: Generator) -> Scan:
    """Move the liver within the body, as a breath does, while the scan goes on."""
    (motion,) = scan.motions
    shift = np.eye(4)
    shift[:3, 3] = amount * draw_direction(BREATHING_MM, rng)
    after = replace(motion, liver=AffineTransform(shift @ motion.liver.matrix))
    return replace(scan, motions=(motion, after), change=height.middle(0, rng))


def _drift(scan: Scan, amount: float, height: _Height, rng: Generator) -> Scan:
    """Move the liver within the body at a constant speed, by the amount while the liver is scanned."""
    (motion,) = scan.motions
    body = motion.body.matrix
    sheared = _sheared(scan.grid, amount * draw_direction(BREATHING_MM, rng), height)
    liver = np.linalg.inv(body) @ sheared @ body @ motion.liver.matrix
    return replace(scan, motions=(replace(motion, liver=AffineTransform(liver)),))


def _table(scan: Scan, amount: float, height: _Height, rng: Generator) -> Scan:
    """Move the whole body at a constant speed, by the amount while the liver is scanned."""
    sheared = _sheared(scan.grid, amount * draw_direction(np.ones(3), rng), height)
    return replace(scan, measured_from_header=np.linalg.inv(sheared))


def _spacing(scan: Scan, amount: float, height: _Height, rng: Generator) -> Scan:
    """State slices farther apart in the header than they were measured, by the amount in per cent."""
    along, gap = _slices(scan.grid)
    middle = (height.low + height.high) / 2
    stretched = _linear_in_slices(scan.grid, along * (gap * amount / 100), middle)
    return replace(scan, measured_from_header=np.linalg.inv(stretched))


def _sheared(grid: Grid, drift_mm: Floats, height: _Height) -> Matrix:
    """Return the map from a place without drift to the place where the slices show it, 0 at the middle of the liver.

    A slice shows the body at the time of its measurement. With t the number of the slice that shows the tissue from
    x, the tissue appears at y = x + t d, where d is the drift from one slice to the next; t itself is linear in y.
    """
    along, gap = _slices(grid)
    per_slice = drift_mm / max(height.high - height.low, 1.0)
    share = float(per_slice @ along) / gap
    return _linear_in_slices(grid, per_slice / (1 - share), (height.low + height.high) / 2)


def _linear_in_slices(grid: Grid, per_slice_mm: Floats, middle: float) -> Matrix:
    """Return x -> x + (k(x) - middle) per_slice_mm, with k(x) the slice coordinate of x in the grid."""
    change = np.zeros((4, 4))
    change[:3] = np.outer(per_slice_mm, grid.voxel_from_world[2] - [0, 0, 0, middle])
    return np.eye(4) + change


def _slices(grid: Grid) -> tuple[Floats, float]:
    """Return the unit vector from slice to slice, and their distance in mm."""
    gap = float(grid.spacing_mm[2])
    return grid.world_from_voxel[:3, 2] / gap, gap


FAULTS: dict[str, Callable[[Scan, float, _Height, Generator], Scan]] = {
    "lost": _lost,
    "doubled": _doubled,
    "shuffled": _shuffled,
    "step": _step,
    "drift": _drift,
    "table_drift": _table,
    "spacing": _spacing,
}
"""Faults by the user's name: slices lost, shown twice, in a random order; a breath step; drift of the liver within the
body, and of the table; a wrong spacing of slices in the header."""

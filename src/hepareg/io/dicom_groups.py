"""Series and phases in a folder of DICOM: what can be picked, and picking it.

A series may hold several contrast phases, whose slices then repeat the same positions. They are
told apart by acquisition number, temporal position or trigger time, else by the order of
acquisition or content times. Numbers follow the time of acquisition, so that the arterial phase comes first.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hepareg.errors import ImageError, SettingsError
from hepareg.io.dicom_headers import SliceHeader

__all__ = ["SeriesSummary", "SliceGroup", "choose", "group_slices", "summarise"]

SAME_POSITION_MM = 1e-3


@dataclass(frozen=True)
class SeriesSummary:
    """One entry of a folder's list; nothing in it identifies a patient.

    Parameters
    ----------
    number
        What to give as ``--moving-series`` or ``--fixed-series``.
    modality
        DICOM modality, such as CT.
    num_slices
        Number of images.
    size
        Columns and rows.
    is_localiser
        A scout view, not a volume.
    phase, num_phases
        Which of how many phases of its series.
    delay_s
        Start of the acquisition after the folder's first one, or None where no time is given.
    """

    number: int
    modality: str
    num_slices: int
    size: tuple[int, int]
    is_localiser: bool
    phase: int
    num_phases: int
    delay_s: float | None

    def describe(self) -> str:
        """Return the entry as a few words."""
        words = [
            f"[{self.number}] {self.modality or 'no modality'}, {self.num_slices} images of "
            f"{self.size[0]}x{self.size[1]}"
        ]
        if self.is_localiser:
            words.append("localiser")
        if self.num_phases > 1:
            words.append(f"phase {self.phase} of {self.num_phases} of its series")
        if self.delay_s is not None:
            words.append(f"begun at {self.delay_s:+.0f} s")
        return ", ".join(words)


@dataclass(frozen=True)
class SliceGroup:
    """The images of one series, or of one phase of a series."""

    series_uid: str
    slices: tuple[SliceHeader, ...]
    phase: int = 1
    num_phases: int = 1

    @property
    def start_s(self) -> float:
        """Earliest time of acquisition in seconds, or infinity where none is given."""
        times = (s.acquisition_time if s.acquisition_time is not None else s.content_time for s in self.slices)
        return min((t for t in times if t is not None), default=float("inf"))

    @property
    def is_localiser(self) -> bool:
        """True for scout views."""
        return self.slices[0].is_localiser


def group_slices(headers: Sequence[SliceHeader]) -> list[SliceGroup]:
    """Return the folder's series and phases, in the order of acquisition."""
    series = defaultdict(list)
    for header in headers:
        series[header.series_uid, header.is_localiser, header.modality].append(header)
    groups = []
    for (uid, *_), slices in series.items():
        phases = _phases_of(slices)
        for n, phase in enumerate(phases, start=1):
            groups.append(SliceGroup(uid, tuple(phase), n, len(phases)))
    return sorted(groups, key=lambda g: (g.start_s, g.slices[0].series_number, g.series_uid, g.phase))


def summarise(groups: Sequence[SliceGroup]) -> list[SeriesSummary]:
    """Return the list that a user picks from."""
    first = min((g.start_s for g in groups), default=float("inf"))
    return [
        SeriesSummary(
            number=n,
            modality=group.slices[0].modality,
            num_slices=len(group.slices),
            size=group.slices[0].size,
            is_localiser=group.is_localiser,
            phase=group.phase,
            num_phases=group.num_phases,
            delay_s=group.start_s - first if group.start_s < float("inf") else None,
        )
        for n, group in enumerate(groups, start=1)
    ]


def choose(groups: Sequence[SliceGroup], series: str | None) -> SliceGroup:
    """Return the group that ``series`` names, or the only one that is a CT volume.

    Parameters
    ----------
    groups
        From `group_slices`.
    series
        Number in the list; or the end of a Series Instance UID (four digits or more), followed by
        ``/PHASE`` where the series has several phases; or None.

    Raises
    ------
    SettingsError
        If ``series`` names none or several.
    ImageError
        If ``series`` is None and there is no CT volume or more than one.
    """
    menu = "; ".join(summary.describe() for summary in summarise(groups))
    if series is not None:
        named = _named(groups, str(series))
        if len(named) != 1:
            raise SettingsError(
                f"expected the number of a series in the folder (or the end of its UID), got {series!r}; it has {menu}"
            )
        return named[0]
    volumes = [g for g in groups if g.slices[0].modality == "CT" and not g.is_localiser]
    volumes = [g for g in volumes if len(g.slices) > 1] or volumes
    if len(volumes) == 1:
        return volumes[0]
    if not volumes:
        raise ImageError(f"expected a CT series in the folder, got {menu}; give the folder of the CT")
    raise ImageError(
        f"expected one CT series in the folder, got {len(volumes)}: {menu}; "
        "pick one by its number with --moving-series N or --fixed-series N"
    )


def _named(groups: Sequence[SliceGroup], series: str) -> list[SliceGroup]:
    if series.isdigit() and 1 <= int(series) <= len(groups):
        return [groups[int(series) - 1]]
    ending, _, phase = series.partition("/")
    if len(ending) < 4:
        return []
    named = [g for g in groups if g.series_uid.endswith(ending)]
    return [g for g in named if str(g.phase) == phase] if phase else named


def _phases_of(slices: list[SliceHeader]) -> list[list[SliceHeader]]:
    """Split a series whose positions repeat into phases; leave it whole where nothing tells them apart."""
    if slices[0].is_localiser or any(s.position is None or s.orientation is None for s in slices):
        return [slices]
    if not _repeats(slices):
        return [slices]
    for value in (lambda s: s.acquisition_number, lambda s: s.temporal_position, lambda s: s.trigger_time):
        phases = _by_value(slices, value)
        if phases:
            return phases
    for time in (lambda s: s.acquisition_time, lambda s: s.content_time):
        phases = _by_time(slices, time)
        if phases:
            return phases
    return [slices]


Value = Callable[[SliceHeader], float | None]


def _by_value(slices: list[SliceHeader], value: Value) -> list[list[SliceHeader]] | None:
    """Group by an attribute; None where it is missing or a group still repeats a position."""
    groups: dict[float | None, list[SliceHeader]] = defaultdict(list)
    for header in slices:
        groups[value(header)].append(header)
    if None in groups or len(groups) < 2 or any(_repeats(group) for group in groups.values()):
        return None
    return [groups[key] for key in sorted(key for key in groups if key is not None)]


def _by_time(slices: list[SliceHeader], time: Value) -> list[list[SliceHeader]] | None:
    """Cut the slices, sorted by time, where a position comes again: at the longest pause since it came before.

    None where a time is missing or two slices of one position were taken at the same time.
    """
    if any(time(s) is None for s in slices) or len({(_place(s), time(s)) for s in slices}) < len(slices):
        return None
    run = sorted(slices, key=lambda s: (time(s) or 0.0, _place(s)))
    pauses = [(time(b) or 0.0) - (time(a) or 0.0) for a, b in pairwise(run)]
    cuts = [0]
    latest: dict[tuple[int, ...], int] = {}
    for n, header in enumerate(run):
        before = latest.get(_place(header), -1)
        if before >= cuts[-1]:
            cuts.append(max(range(before + 1, n + 1), key=lambda m: pauses[m - 1]))
        latest[_place(header)] = n
    return [run[start:stop] for start, stop in pairwise([*cuts, len(run)])]


def _repeats(slices: Sequence[SliceHeader]) -> bool:
    return len({_place(s) for s in slices}) < len(slices)


def _place(header: SliceHeader) -> tuple[int, ...]:
    """Return position and orientation, rounded: equal for slices of one place."""
    position, orientation = header.position or (), header.orientation or ()
    return (
        *(round(x / SAME_POSITION_MM) for x in position),
        *(round(x * 1000) for x in orientation),
    )

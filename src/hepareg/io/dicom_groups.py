"""Series and phases in a folder of DICOM, numbered in the order of acquisition."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hepareg.io.dicom_headers import SliceHeader
from hepareg.io.dicom_phases import part_phases
from hepareg.io.phase_guess import guess_phase
from hepareg.volume import Phase

__all__ = ["SeriesSummary", "SliceGroup", "group_slices", "summarise"]

OTHER_VIEW = 0.985
"""Cosine of the angle, ten degrees, from which images of one series are other views: scouts beside their volume."""


@dataclass(frozen=True)
class SliceGroup:
    """The images of one series, or of one phase of a series."""

    series_uid: str
    slices: tuple[SliceHeader, ...]
    phase: int = 1
    num_phases: int = 1

    @property
    def start_s(self) -> float:
        """Earliest time of acquisition in seconds, or infinity if none is given."""
        times = (s.acquisition_time if s.acquisition_time is not None else s.content_time for s in self.slices)
        return min((t for t in times if t is not None), default=float("inf"))

    @property
    def is_localiser(self) -> bool:
        """True for scout views."""
        return self.slices[0].is_localiser

    @property
    def phase_guess(self) -> Phase | None:
        """Contrast phase that description, protocol or the delay after the injection tell."""
        first = self.slices[0]
        delay = None if first.bolus_time is None or self.start_s == float("inf") else self.start_s - first.bolus_time
        return guess_phase(first.description, first.protocol, delay_s=delay)


@dataclass(frozen=True)
class SeriesSummary:
    """One entry of a folder's list.

    Parameters
    ----------
    number
        Number in the list, by which a user chooses the series.
    series_number
        DICOM Series Number.
    description
        Free text of the series, for a terminal alone: it may hold anything.
    modality
        DICOM modality, such as CT.
    num_slices
        Number of images.
    size
        Columns and rows.
    is_localiser
        A scout view, not a volume.
    phase, num_phases
        Number of this phase, from 1, and number of all phases of its series.
    phase_guess
        Contrast phase that the texts tell, or None.
    delay_s
        Start of the acquisition after the folder's first one, or None if no time is given.
    """

    number: int
    series_number: int
    modality: str
    num_slices: int
    size: tuple[int, int]
    is_localiser: bool
    phase: int
    num_phases: int
    delay_s: float | None
    phase_guess: Phase | None = None
    description: str = field(default="", repr=False)

    def describe(self) -> str:
        """Return the entry as a line for a terminal."""
        words = [f"[{self.number}] series {self.series_number}"]
        if self.description:
            words.append(f'"{self.description}"')
        if self.modality != "CT":
            words.append(self.modality or "no modality")
        if self.is_localiser:
            words.append("localiser")
        if self.num_phases > 1:
            words.append(f"phase {self.phase} of {self.num_phases} of its series")
        if self.phase_guess is not None:
            words.append(f"{self.phase_guess.value.replace('_', ' ')}?")
        if self.delay_s is not None:
            words.append(f"begun at {self.delay_s:+.0f} s")
        words.append(f"{self.num_slices} images of {self.size[0]}x{self.size[1]}")
        return ", ".join(words)


def group_slices(headers: Sequence[SliceHeader]) -> list[SliceGroup]:
    """Return the folder's series and phases, in the order of acquisition."""
    series = defaultdict(list)
    for header in headers:
        series[header.series_uid, header.is_localiser, header.modality].append(header)
    groups = []
    for (uid, *_), images in series.items():
        for view in _views_of(images):
            phases = part_phases(view) if _can_be_parted(view) else [view]
            phases.sort(key=lambda phase: SliceGroup(uid, tuple(phase)).start_s)
            for n, phase in enumerate(phases, start=1):
                groups.append(SliceGroup(uid, tuple(phase), n, len(phases)))
    return sorted(groups, key=lambda g: (g.start_s, g.slices[0].series_number, g.series_uid, g.phase))


def summarise(groups: Sequence[SliceGroup]) -> list[SeriesSummary]:
    """Return a summary of each group, numbered from 1 in the order given, for a user to choose from."""
    first = min((g.start_s for g in groups), default=float("inf"))
    return [
        SeriesSummary(
            number=n,
            series_number=group.slices[0].series_number,
            modality=group.slices[0].modality,
            num_slices=len(group.slices),
            size=group.slices[0].size,
            is_localiser=group.is_localiser,
            phase=group.phase,
            num_phases=group.num_phases,
            delay_s=group.start_s - first if group.start_s < float("inf") else None,
            phase_guess=group.phase_guess,
            description=group.slices[0].description,
        )
        for n, group in enumerate(groups, start=1)
    ]


def _views_of(images: list[SliceHeader]) -> list[list[SliceHeader]]:
    """Group the images of a series by the direction of their normal; images without an orientation form one group."""
    views: list[list[SliceHeader]] = []
    for header in images:
        for view in views:
            if _same_view(view[0], header):
                view.append(header)
                break
        else:
            views.append([header])
    return views


def _same_view(a: SliceHeader, b: SliceHeader) -> bool:
    if a.orientation is None or b.orientation is None:
        return a.orientation is b.orientation is None
    return abs(float(np.dot(a.normal, b.normal))) > OTHER_VIEW


def _can_be_parted(view: Sequence[SliceHeader]) -> bool:
    return not view[0].is_localiser and all(s.position is not None and s.orientation is not None for s in view)

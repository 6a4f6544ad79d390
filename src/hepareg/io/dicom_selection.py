"""Picking one series of a folder: by its number in the list, its series number, its UID or words of its description."""

import re
from collections.abc import Sequence

from hepareg.errors import ImageError, SettingsError
from hepareg.io.dicom_groups import SliceGroup, summarise

__all__ = ["choose"]

SERIES_OPTIONS = ("series", "moving_series", "fixed_series")
WAYS = "its number in the list, number=SERIES_NUMBER, uid=UID or words of its description"
MIN_UID_ENDING = 4


def choose(groups: Sequence[SliceGroup], series: str | None) -> SliceGroup:
    """Return the group that ``series`` names, or the only one that is a CT volume.

    Parameters
    ----------
    groups
        From `hepareg.io.dicom_groups.group_slices`.
    series
        Number in the list; ``number=301`` for a DICOM Series Number; ``uid=`` and a Series Instance UID or its last
        four characters or more; or words that the description, or the phase guessed from it, has; or None.

    Raises
    ------
    SettingsError
        If ``series`` names none or several. The list of the folder is the error's ``listing``.
    ImageError
        If ``series`` is None and the folder has no CT volume or several, with the same ``listing``.
    """
    listing = "\n".join(summary.describe() for summary in summarise(groups))
    if series is not None:
        named = _named(groups, str(series).strip())
        if len(named) == 1:
            return named[0]
        got = "none" if not named else f"{len(named)} that fit"
        raise SettingsError(
            f"expected one series of the folder, got {got} for {str(series)!r}; pick it by {WAYS}",
            options=SERIES_OPTIONS,
            listing=listing,
        )
    volumes = [g for g in groups if g.slices[0].modality == "CT" and not g.is_localiser]
    volumes = [g for g in volumes if len(g.slices) > 1] or volumes
    if len(volumes) == 1:
        return volumes[0]
    if not volumes:
        found = ", ".join(sorted({g.slices[0].modality or "no modality" for g in groups}))
        raise ImageError(
            f"expected a CT series in the folder, got none (but {found}); give the folder of the CT", listing=listing
        )
    raise ImageError(
        f"expected one CT series, got {len(volumes)} in the folder; pick one by {WAYS}",
        options=SERIES_OPTIONS,
        listing=listing,
    )


def _named(groups: Sequence[SliceGroup], series: str) -> list[SliceGroup]:
    key, is_key, value = series.partition("=")
    if series.isdecimal():
        return [groups[int(series) - 1]] if 1 <= int(series) <= len(groups) else []
    if is_key and key.strip().casefold() == "number":
        return [g for g in groups if str(g.slices[0].series_number) == value.strip()]
    if is_key and key.strip().casefold() == "uid":
        ending = value.strip()
        whole = [g for g in groups if g.series_uid == ending]
        return whole or [g for g in groups if len(ending) >= MIN_UID_ENDING and g.series_uid.endswith(ending)]
    wanted = _words(series)
    return [g for g in groups if wanted and all(any(w.startswith(x) for w in _words_of(g)) for x in wanted)]


def _words_of(group: SliceGroup) -> list[str]:
    guess = group.phase_guess
    return _words(f"{group.slices[0].description} {'' if guess is None else guess.value.replace('_', ' ')}")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\s,;_()\[\]\"']+", text.casefold())

"""How quiet the machine was while something was timed, in words for the pages."""

from collections.abc import Iterable
from statistics import median
from typing import Any

__all__ = ["load_text", "shares"]

LOUD = 0.1
"""A run during which everything else took more than this share of the processors: its seconds are too many."""


def shares(rows: Iterable[dict[str, Any]], *, cores: int) -> list[float]:
    """Return, for every run that recorded it, the share of the processors that everything else took meanwhile."""
    found = []
    for row in rows:
        others, seconds = row.get("others_cpu_s"), row["process_s"]
        runs = zip(others, seconds, strict=False) if isinstance(others, list) else [(others, seconds)]
        found += [other / (process * cores) for other, process in runs if other is not None and process]
    return found


def load_text(rows: Iterable[dict[str, Any]], *, cores: int) -> str:
    """Return the sentence about it."""
    found = shares(rows, cores=cores)
    if not found:
        return "What else ran on the machine was not recorded: take the seconds as upper bounds, and trust ratios more."
    loud = sum(share > LOUD for share in found)
    state = "a quiet machine"
    if loud:
        state = f"**not a quiet machine**, for {loud} of {len(found)} runs had more than {LOUD:.0%} and are too slow"
    return (
        f"While a run was timed, everything else on the machine took a median of {median(found):.1%} of its processors "
        f"and at most {max(found):.1%}: {state}."
    )

"""What of a comparison is run in one sitting: the order of the pairs, the time left, what an earlier sitting did.

A pair is one sitting: every tool runs on it one after the other, so that ratios to the reference compare neighbours in
time. Pairs that no time was left for are named in the result.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.accuracy.core_pairs import DIFFICULTIES
from benchmarks.pairs import Pair

__all__ = ["Clock", "continued", "ordered", "proven", "same_run"]

LAST = ("long_scan", "shared_noise")
"""Difficulties at the end of each half: the one that takes longest, and the one that flatters every tool."""


def ordered(pairs: Sequence[Pair], *, masks: bool) -> list[Pair]:
    """Return the pairs so that any first part of them stands for all.

    The first half has every difficulty once, its source in turn a real CT and a phantom; the second half has the
    others. Without masks the pairs that are made for it come first; with masks they are left out.
    """
    order = [*(difficulty.name for difficulty in DIFFICULTIES if difficulty.name not in LAST), *LAST]
    if not masks:
        order.insert(0, order.pop(order.index("no_mask")))
    groups: dict[str, list[Pair]] = {name: [] for name in order}
    for pair in sorted(pairs, key=lambda pair: (pair.parameters.get("source") != "real CT", pair.name)):
        if not masks or pair.parameters.get("masks", True):
            groups.setdefault(pair.parameters.get("difficulty", "unnamed"), []).append(pair)
    turned = [group[:: -1 if number % 2 else 1] for number, group in enumerate(filter(None, groups.values()))]
    return [group[turn] for turn in range(max(map(len, turned), default=0)) for group in turned if turn < len(group)]


class Clock:
    """Says whether there is time for another pair, from the slowest so far for its size.

    Parameters
    ----------
    minutes
        Of the whole sitting; None does not end.
    now
        Seconds of a clock.
    """

    def __init__(self, minutes: float | None, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._end = float("inf") if minutes is None else now() + 60 * minutes
        self._begin, self._slowest = now(), 0.0

    def begin(self) -> None:
        """Say that a pair begins."""
        self._begin = self._now()

    def finish(self, size: float) -> None:
        """Say that it is done; ``size`` is its number of voxels, or anything that its seconds grow with."""
        self._slowest = max(self._slowest, (self._now() - self._begin) / size)

    def allows(self, size: float) -> bool:
        """Return whether a pair of this size will probably be done before the end."""
        return self._now() + self._slowest * size <= self._end


def continued(result: dict[str, Any], earlier: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the rows that an earlier sitting left, which this one need not repeat: of the same run and settings."""
    if earlier is None or not same_run(result, earlier) or result["settings"] != earlier["settings"]:
        return []
    return list(earlier["rows"])


def proven(result: dict[str, Any], earlier: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the proofs by tool that an earlier result of the same run has."""
    if earlier is None or not same_run(result, earlier):
        return {}
    return {proof["tool"]: proof for proof in earlier["proofs"]}


def same_run(result: dict[str, Any], earlier: dict[str, Any]) -> bool:
    """Return whether two results come from one commit, machine and set of versions; a changed source tree is none."""
    return "+" not in result["commit"] and all(
        result[key] == earlier[key] for key in ("kind", "commit", "device", "versions")
    )

"""The seconds that each stage of a job takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Clock"]


class Clock:
    """Seconds of each stage, in the order in which the stages ran.

    Parameters
    ----------
    progress
        Function that is called with the name of each stage when the stage begins.

    Examples
    --------
    >>> clock = Clock(print)
    >>> with clock("reading"):
    ...     pass
    reading
    >>> list(clock.with_total())
    ['reading', 'total']
    """

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._began = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Announce one stage and measure its time."""
        if self._progress is not None:
            self._progress(stage)
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began

    def with_total(self) -> dict[str, float]:
        """Return the seconds of all stages, and of everything since the clock was made as ``total``."""
        return {**self.seconds, "total": time.perf_counter() - self._began}

"""Bars on stderr for what takes longer than a second; none where stderr is no terminal, or for who wants quiet."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["count_shown", "counted", "is_shown", "stages_shown"]


def is_shown(*, quiet: bool) -> bool:
    """Return whether anybody watches."""
    return not quiet and sys.stderr.isatty()


@contextmanager
def stages_shown(stages: Sequence[str], *, quiet: bool, num_items: int = 1) -> Iterator[Callable[[str], None] | None]:
    """Give what shows the stages of a run as a bar: call it with the name of each as it begins.

    Parameters
    ----------
    stages
        Names in their order; some may be passed over. One that is not listed is shown without moving the bar.
    quiet
        Show nothing; None is given instead, as where stderr is no terminal.
    num_items
        How many times the stages are gone through. The next item begins where a stage comes again, or an earlier one.
    """
    if not is_shown(quiet=quiet):
        yield None
        return
    from tqdm import tqdm

    done, last = 0, -1  # items that are behind, and the stage of the present one
    width = max(map(len, stages))
    layout = f"{{desc:<{width}}}|{{bar:30}}| {{elapsed}}"
    with tqdm(total=num_items * len(stages), leave=False, bar_format=layout, file=sys.stderr) as bar:

        def show(stage: str) -> None:
            nonlocal done, last
            bar.set_description_str(stage, refresh=False)
            if stage in stages:
                index = stages.index(stage)
                done, last = done + (index <= last), index
                bar.update(done * len(stages) + index - bar.n)
            bar.refresh()

        yield show


@contextmanager
def count_shown(*, unit: str, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give what counts the steps of a run whose number is not known: call it with a few words after each."""
    if not is_shown(quiet=quiet):
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(unit=unit, leave=False, file=sys.stderr) as bar:

        def show(words: str) -> None:
            bar.update()
            bar.set_postfix_str(words)

        yield show


def counted(items: Iterable[Any], *, unit: str, quiet: bool) -> Iterator[Any]:
    """Return the items again, counted by a bar."""
    if not is_shown(quiet=quiet):
        return iter(items)
    from tqdm import tqdm

    return iter(tqdm(items, unit=unit, leave=False, file=sys.stderr))

"""Progress bars on stderr for work of more than a second; none if stderr is not a terminal, or with ``quiet``."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["count_shown", "counted", "is_shown", "stages_shown"]


def is_shown(*, quiet: bool) -> bool:
    """Return whether progress is shown: stderr is a terminal, and the user did not ask for quiet."""
    return not quiet and sys.stderr.isatty()


@contextmanager
def stages_shown(stages: Sequence[str], *, quiet: bool, num_items: int = 1) -> Iterator[Callable[[str], None] | None]:
    """Return a context with a function that shows the stages of a run as a bar, to be called with each stage's name.

    The function is called when a stage begins. It is None if nothing is to be shown.

    Parameters
    ----------
    stages
        Names of the stages in order. A run may skip stages. The name of a stage that is not listed is shown without
        moving the bar.
    quiet
        Show nothing.
    num_items
        Number of times that the run passes through the stages. A stage that is not later in the order than
        the last one begins the next item.
    """
    if not is_shown(quiet=quiet):
        yield None
        return
    from tqdm import tqdm

    done, last = 0, -1  # finished items, and the stage of the present item
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
    """Return a context with a function that counts the steps of a run of unknown length.

    The function is called after each step with a few words on the step, which the bar shows.
    """
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
    """Return an iterator over the items that counts them in a bar."""
    if not is_shown(quiet=quiet):
        return iter(items)
    from tqdm import tqdm

    return iter(tqdm(items, unit=unit, leave=False, file=sys.stderr))

"""A context shared by threads: the first user enters it, the last one leaves it."""

from contextlib import contextmanager

import pytest

from hepareg.io.shared_context import SharedContext


def test_the_first_user_enters_and_the_last_one_leaves():
    events = []

    @contextmanager
    def noted():
        events.append("in")
        try:
            yield
        finally:
            events.append("out")

    shared = SharedContext(noted)
    first, second = shared.use(), shared.use()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert events == ["in"]
    second.__exit__(None, None, None)
    assert events == ["in", "out"]
    with pytest.raises(KeyError), shared.use():
        raise KeyError
    assert events == ["in", "out", "in", "out"]

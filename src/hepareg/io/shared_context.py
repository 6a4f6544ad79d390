"""A setting of the whole process that several threads need at the same time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

__all__ = ["SharedContext"]


class SharedContext:
    """A context that the first of several users enters, and the last one leaves.

    Both images of a pair are read at once, and settings such as warning filters hold for the whole process: a thread
    that restored them while another one still reads would undo them for both.

    Parameters
    ----------
    context
        Function that makes the context; called each time that the first user enters.
    """

    def __init__(self, context: Callable[[], AbstractContextManager[None]]) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._num_users = 0
        self._entered = ExitStack()

    @contextmanager
    def use(self) -> Iterator[None]:
        """Return a context in which the shared context is entered, also after an exception of another user."""
        with self._lock:
            if not self._num_users:
                self._entered.enter_context(self._context())
            self._num_users += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_users -= 1
                if not self._num_users:
                    self._entered.close()

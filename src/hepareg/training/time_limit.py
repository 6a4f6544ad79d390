"""Callback that ends a run at the end of an epoch, after a given time."""

import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl

__all__ = ["TimeLimit"]


class TimeLimit(pl.Callback):
    """Callback that stops at the first end of an epoch after ``max_minutes`` of training.

    Parameters
    ----------
    max_minutes
        Time limit; the time before a resume counts.
    clock
        Function that returns seconds: wall time, or `time.process_time` on a machine that is shared.
    """

    def __init__(self, max_minutes: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_seconds = 60 * max_minutes
        self.before = 0.0
        self.clock = clock
        self.started = clock()

    @property
    def state_key(self) -> str:
        """Key of this callback's state in a checkpoint."""
        return "time_limit"

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint: a dict with the training time so far in seconds, earlier runs included."""
        return {"seconds": self.seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the training time before the resume from a checkpoint."""
        self.before = float(state_dict["seconds"])

    def seconds(self) -> float:
        """Return the training time so far in seconds, the time before a resume included."""
        return self.before + self.clock() - self.started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.started = self.clock()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop the training if the time is up on the first process."""
        is_over = trainer.strategy.broadcast(self.seconds() > self.max_seconds)
        trainer.should_stop = trainer.should_stop or bool(is_over)

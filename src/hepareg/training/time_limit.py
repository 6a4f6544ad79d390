"""Callback that ends a run after a stated time, at the end of an epoch."""

import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl

__all__ = ["TimeLimit"]


class TimeLimit(pl.Callback):
    """Stop at the first end of an epoch after ``max_minutes`` of training; time before a resume counts.

    Parameters
    ----------
    clock
        Gives seconds: the wall's, or `time.process_time` where others use the machine as well.
    """

    def __init__(self, max_minutes: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_seconds = 60 * max_minutes
        self.before = 0.0
        self.clock = clock
        self.started = clock()

    @property
    def state_key(self) -> str:
        return "time_limit"

    def state_dict(self) -> dict[str, Any]:
        """Return the seconds used so far."""
        return {"seconds": self.seconds()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Count the seconds of the run that is resumed."""
        self.before = float(state_dict["seconds"])

    def seconds(self) -> float:
        """Return the training time so far, that of earlier parts of the run included."""
        return self.before + self.clock() - self.started

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.started = self.clock()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ask for the end where time is up; all processes follow the first one."""
        is_over = trainer.strategy.broadcast(self.seconds() > self.max_seconds)
        trainer.should_stop = trainer.should_stop or bool(is_over)

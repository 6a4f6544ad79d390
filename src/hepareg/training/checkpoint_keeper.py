"""Callback that writes the last, the best and every N-th checkpoint of a run."""

import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

__all__ = ["CheckpointKeeper"]


class CheckpointKeeper(Checkpoint):
    """Callback that writes ``last.ckpt`` after every epoch, ``best.ckpt`` and ``epoch_N.ckpt``.

    ``best.ckpt`` is replaced at every lower validation loss. Unlike Lightning's ModelCheckpoint, which
    stores absolute paths in each file, this callback stores numbers only: a checkpoint holds no name of
    a machine or folder.

    Parameters
    ----------
    folder
        Folder of the checkpoints.
    every_epochs
        Number of epochs between two ``epoch_N.ckpt``.
    keep
        Number of ``epoch_N.ckpt`` to keep; older ones are deleted.
    monitor
        Name of the validation loss.
    """

    def __init__(self, folder: str | Path, *, every_epochs: int, keep: int, monitor: str = "val_loss") -> None:
        self.folder = Path(folder)
        self.every_epochs, self.keep, self.monitor = every_epochs, keep, monitor
        self.best_loss, self.best_epoch = math.inf, -1
        self.best_metrics: dict[str, float] = {}

    @property
    def state_key(self) -> str:
        """Key of this callback's state in a checkpoint."""
        return "checkpoint_keeper"

    def state_dict(self) -> dict[str, Any]:
        """Return loss, number and metrics of the best epoch, which a resumed run needs."""
        return {"best_loss": self.best_loss, "best_epoch": self.best_epoch, "best_metrics": self.best_metrics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore loss, number and metrics of the best epoch from a checkpoint."""
        self.best_loss, self.best_epoch = float(state_dict["best_loss"]), int(state_dict["best_epoch"])
        self.best_metrics = dict(state_dict["best_metrics"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the checkpoints that are due; Lightning calls this after the validation of the epoch."""
        epoch = trainer.current_epoch
        loss = trainer.callback_metrics.get(self.monitor)
        validated = (epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0
        is_best = validated and loss is not None and float(loss) < self.best_loss
        if is_best and loss is not None:
            self.best_loss, self.best_epoch = float(loss), epoch
            self.best_metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        if (epoch + 1) % self.every_epochs == 0 and self.keep > 0:
            trainer.save_checkpoint(self.folder / f"epoch_{epoch + 1:05d}.ckpt")
            self._prune(trainer)
        if is_best:
            trainer.save_checkpoint(self.folder / "best.ckpt")
        trainer.save_checkpoint(self.folder / "last.ckpt")

    def _prune(self, trainer: pl.Trainer) -> None:
        if trainer.is_global_zero:
            for old in sorted(self.folder.glob("epoch_*.ckpt"))[: -self.keep]:
                old.unlink(missing_ok=True)

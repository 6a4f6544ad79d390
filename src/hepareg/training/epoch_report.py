"""Callback that prints one line an epoch to the terminal."""

import sys
import time

import lightning.pytorch as pl

__all__ = ["EpochReport"]

SHOWN = {"train_loss": "loss", "val_loss": "validation loss", "val_tre_mm": "TRE mm", "val_start_tre_mm": "start mm"}


class EpochReport(pl.Callback):
    """Callback that prints epoch, losses, median TRE of the validation pairs, and seconds to stderr."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the epoch."""
        self.started = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line, on the first process only."""
        if not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        parts = [f"{label} {float(metrics[name]):.4g}" for name, label in SHOWN.items() if name in metrics]
        seconds = time.monotonic() - self.started
        print(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: {', '.join(parts)} ({seconds:.1f} s)",
            file=sys.stderr,
            flush=True,
        )

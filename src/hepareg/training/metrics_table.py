"""Callback that writes one row of metrics for each epoch to metrics.csv."""

import csv
import io
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from hepareg.training.checkpoint_file import replace_file

__all__ = ["MetricsTable"]


class MetricsTable(pl.Callback):
    """Callback that rewrites ``metrics.csv`` after each epoch, whole or not at all.

    The rows are part of the checkpoint. A resumed run continues with the rows of the checkpoint, so that
    epochs that are computed a second time do not appear twice.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.rows: list[dict[str, float]] = []

    @property
    def state_key(self) -> str:
        """Key of this callback's state in a checkpoint."""
        return "metrics_table"

    def state_dict(self) -> dict[str, Any]:
        """Return the rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows from a checkpoint."""
        self.rows = list(state_dict["rows"])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the row of the epoch and rewrite the file."""
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append({"epoch": trainer.current_epoch + 1, "step": trainer.global_step, **metrics})
        if trainer.is_global_zero:
            self._write()

    def _write(self) -> None:
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.7g}" for name, value in row.items()} for row in self.rows)
        replace_file(self.path, text.getvalue().encode())

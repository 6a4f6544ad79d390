"""The Lightning module: a network, its loss, and the metrics of training and validation."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from hepareg.errors import TrainingError
from hepareg.networks import RegistrationNet, RegistrationOutput
from hepareg.training.distributed import gather_rows
from hepareg.training.loss import PairTensors, training_loss
from hepareg.training.pose_error import point_error_mm, rotation_error_deg
from hepareg.training.settings import OptimiserSettings, TrainingSettings

__all__ = ["RegistrationModule"]

ROW = ("index", "loss", "tre_mm", "start_tre_mm", "rotation_deg")
"""Numbers that are kept of each validation pair; TRE and rotation error are NaN if the truth is not known."""


class RegistrationModule(pl.LightningModule):
    """Training of a `RegistrationNet` without labels, by comparing the warped moving image with the fixed image.

    Parameters
    ----------
    settings
        All settings of the run; saved in every checkpoint.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__()
        self.settings = settings
        self.net = RegistrationNet(settings.network.build())
        self.needs_backward = bool(settings.loss.penalties_that_require("backward_matrix"))
        if settings.run.precision == "64":
            self.double()
        self._rows: list[list[float]] = []

    def forward(self, batch: dict[str, Any]) -> RegistrationOutput:
        """Return the prediction for a batch."""
        return self.net(self._cast(batch["moving"]), self._cast(batch["fixed"]), batch["world_from_voxel"])

    def training_step(self, batch: dict[str, Any], batch_index: int) -> Tensor:
        """Return the mean loss of a batch.

        Raises
        ------
        TrainingError
            If the loss is not finite; the message names the batch's cases.
        """
        terms = self._terms(batch)
        loss = terms["loss"].mean()
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss became {loss.item()} in epoch {self.current_epoch + 1}, batch {batch_index + 1}, cases "
                f"{', '.join(batch['case'])}; the last checkpoint is whole: lower optimiser.learning_rate, or look at "
                "these cases, and resume the run",
                options=["resume"],
            )
        means = {f"train_{name}": value.detach().mean() for name, value in terms.items()}
        size, rate = len(batch["case"]), self.trainer.optimizers[0].param_groups[0]["lr"]
        self.log_dict(means, on_step=False, on_epoch=True, batch_size=size, sync_dist=True)
        self.log("learning_rate", rate, on_step=False, on_epoch=True, batch_size=size)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Empty the table of validation pairs."""
        self._rows = []

    def validation_step(self, batch: dict[str, Any], batch_index: int) -> None:
        """Add the numbers of a batch of validation pairs to the table."""
        output = self.forward(batch)
        loss = self._terms(batch, output)["loss"]
        tre = point_error_mm(output.predicted, batch["truth"], batch["points"])
        start_tre = point_error_mm(torch.eye(4, dtype=torch.float64), batch["truth"], batch["points"])
        rotation = rotation_error_deg(output.predicted, batch["truth"])
        for row in range(len(batch["case"])):
            known = 0.0 if batch["has_truth"][row] else float("nan")
            values = (batch["index"][row], loss[row], tre[row] + known, start_tre[row] + known, rotation[row] + known)
            self._rows.append([float(value) for value in values])

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics, the same on every process."""
        rows = gather_rows(self._rows)
        table = np.array([rows[index] for index in sorted(rows)])
        metrics = {"val_loss": float(table[:, 1].mean())}
        known = table[np.isfinite(table[:, 2])]
        if len(known):
            metrics["val_tre_mm"] = float(np.median(known[:, 2]))
            metrics["val_start_tre_mm"] = float(np.median(known[:, 3]))
            metrics["val_worst_tre_mm"] = float(known[:, 2].max())
            metrics["val_rotation_deg"] = float(np.median(known[:, 4]))
        self.log_dict(metrics)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its learning-rate schedule, which is evaluated at every step."""
        settings = self.settings.optimiser
        family = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.name]
        optimiser = family(self.net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        num_steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_factor(step, num_steps, settings))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the settings, defaults included and paths left out, to a checkpoint."""
        checkpoint["settings"] = self.settings.public()

    def _terms(self, batch: dict[str, Any], output: RegistrationOutput | None = None) -> dict[str, Tensor]:
        """Return the (B,) parts of the loss by name, and their weighted sum as ``loss``."""
        output = self.forward(batch) if output is None else output
        backward = None
        if self.needs_backward:
            backward = self.forward({**batch, "moving": batch["fixed"], "fixed": batch["moving"]})
        images = {name: self._cast(batch[name]) for name in ("moving", "fixed", "moving_mask", "fixed_mask")}
        pairs = PairTensors(**images, world_from_voxel=batch["world_from_voxel"])
        return training_loss(self.settings.loss, output, pairs, backward=backward)

    def _cast(self, image: Tensor) -> Tensor:
        return image.double() if self.settings.run.precision == "64" else image


def rate_factor(step: int, num_steps: int, settings: OptimiserSettings) -> float:
    """Return the factor on the learning rate at a step: a linear rise, then constant or a half cosine to zero."""
    warmup = settings.warmup_steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if settings.schedule == "constant":
        return 1.0
    progress = min((step - warmup) / max(num_steps - warmup, 1), 1.0)
    return 0.5 * (1 + float(np.cos(np.pi * progress)))

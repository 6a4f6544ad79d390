"""Settings of a training run.

Each default is written once: here for the run itself, and in the file of the loss, encoder or decoder for its options.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hepareg.data.settings import DataSettings
from hepareg.training.loss_settings import LossSettings
from hepareg.training.network_settings import NetworkSettings

__all__ = ["CheckpointSettings", "OptimiserSettings", "RunSettings", "TrackingSettings", "TrainingSettings"]


def _as_text(value: Any) -> Any:
    """Return a whole number as text: YAML reads the precision 32 as a number."""
    return str(value) if type(value) is int else value


Precision = Annotated[Literal["32", "64", "16-mixed", "bf16-mixed"], BeforeValidator(_as_text)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OptimiserSettings(_Settings):
    """Optimiser and learning rate."""

    name: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="cosine falls to zero at the last step"
    )
    warmup_steps: int = Field(default=0, ge=0, description="steps in which the learning rate rises from zero")
    gradient_clip_norm: float | None = Field(default=None, gt=0)
    accumulate_batches: int = Field(default=1, ge=1, description="batches whose gradients are added up for one step")


class RunSettings(_Settings):
    """Device, precision and length of a run."""

    epochs: int = Field(default=100, ge=1)
    max_minutes: float | None = Field(
        default=None, gt=0, description="stop at the first end of an epoch after this time"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: int = Field(default=1, ge=1, description="in all, over all machines; more than one through torchrun")
    threads: int | None = Field(default=None, ge=1, description="CPU threads of each process; none: torch decides")
    precision: Precision = "32"
    deterministic: bool = Field(default=True, description="only algorithms that repeat exactly; slower on a GPU")
    early_stopping_epochs: int | None = Field(
        default=None, ge=1, description="stop after this many validations without a lower validation loss"
    )
    validate_every_epochs: int = Field(default=1, ge=1)


class CheckpointSettings(_Settings):
    """Kept states of a run: always the last and the best one, and some in between."""

    every_epochs: int = Field(default=5, ge=1, description="keep a checkpoint of every N-th epoch")
    keep: int = Field(default=3, ge=0, description="number of those checkpoints to keep; older ones are deleted")


class TrackingSettings(_Settings):
    """Trackers of a run's progress; metrics.csv is always written."""

    tensorboard: bool = False
    wandb: Literal["off", "offline", "online"] = "off"
    project: str = Field(default="hepareg", description="project name in Weights & Biases")
    overlays: int = Field(default=2, ge=0, description="validation pairs drawn before and after; 0 draws none")


class TrainingSettings(_Settings):
    """All settings of a run."""

    seed: int = Field(default=0, ge=0)
    data: DataSettings = DataSettings()
    network: NetworkSettings = NetworkSettings()
    loss: LossSettings = LossSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    run: RunSettings = RunSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    tracking: TrackingSettings = TrackingSettings()

    @model_validator(mode="after")
    def _regularisers_have_their_branch(self) -> "TrainingSettings":
        asked = self.loss.penalties_that_require("displacement")
        if asked and self.network.mode == "rigid":
            raise ValueError(
                f"expected network.mode deformable or both for the regularisers {', '.join(sorted(asked))}, got rigid"
            )
        return self

    def public(self) -> dict[str, Any]:
        """Return the settings as plain values without paths, as checkpoints, weights and trackers hold them."""
        return self.model_dump(mode="json", exclude={"data": {"manifest", "cache"}})

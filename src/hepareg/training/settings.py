"""Every setting of a training run, with its default; nothing else in the package has defaults of its own."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hepareg.data.settings import DataSettings
from hepareg.training.network_settings import NetworkSettings

__all__ = [
    "CheckpointSettings",
    "LossSettings",
    "OptimiserSettings",
    "RunSettings",
    "TrackingSettings",
    "TrainingSettings",
]

Similarity = Literal["mse", "ncc", "local_ncc", "nmi", "mi", "mind", "ngf"]
LabelLoss = Literal["soft_dice", "boundary_distance"]
Regulariser = Literal["identity", "inverse_consistency", "gradients", "bending_energy", "folding"]

DISPLACEMENT_REGULARISERS = {"gradients", "bending_energy", "folding"}
"""Regularisers of a displacement; the others also act on a rigid prediction."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LossSettings(_Settings):
    """Weights of a sum of losses; a loss that is not named is not computed."""

    similarity: dict[Similarity, float] = Field(
        default={"mind": 1.0}, description="on the warped image, inside the fixed mask"
    )
    labels: dict[LabelLoss, float] = Field(default={}, description="on the warped liver mask; needs masks")
    regularisation: dict[Regulariser, float] = Field(
        default={}, description="on the predicted parameters or displacement"
    )
    mask_margin_mm: float = Field(default=8.0, ge=0, description="the fixed mask is widened by this for the similarity")

    @model_validator(mode="after")
    def _something_to_minimise(self) -> "LossSettings":
        if not any((self.similarity, self.labels)):
            raise ValueError("expected at least one loss in loss.similarity or loss.labels, got none")
        if min([*self.similarity.values(), *self.labels.values(), *self.regularisation.values()]) <= 0:
            raise ValueError("expected positive weights; leave a loss out instead of giving it zero")
        return self


class OptimiserSettings(_Settings):
    """How parameters change."""

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
    """Where and for how long a run computes."""

    epochs: int = Field(default=100, ge=1)
    max_minutes: float | None = Field(
        default=None, gt=0, description="stop at the first end of an epoch after this time"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    processes: int = Field(default=1, ge=1, description="in all, over all machines; more than one through torchrun")
    threads: int | None = Field(default=None, ge=1, description="CPU threads of each process; none: torch's choice")
    precision: Literal["32", "64", "16-mixed", "bf16-mixed"] = "32"
    deterministic: bool = Field(default=True, description="only algorithms that repeat exactly; slower on a GPU")
    early_stopping_epochs: int | None = Field(
        default=None, ge=1, description="stop after this many validations without a lower validation loss"
    )
    validate_every_epochs: int = Field(default=1, ge=1)


class CheckpointSettings(_Settings):
    """Which states of a run are kept: always the last and the best one, and some in between."""

    every_epochs: int = Field(default=5, ge=1, description="keep a checkpoint of every N-th epoch")
    keep: int = Field(default=3, ge=0, description="how many of those stay; older ones are deleted")


class TrackingSettings(_Settings):
    """Who is told about a run's progress; metrics.csv is always written."""

    tensorboard: bool = False
    wandb: Literal["off", "offline", "online"] = "off"
    project: str = Field(default="hepareg", description="project name in Weights & Biases")
    overlays: int = Field(default=2, ge=0, description="validation pairs drawn before and after; 0: none")


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
        asked = DISPLACEMENT_REGULARISERS & self.loss.regularisation.keys()
        if asked and self.network.mode == "rigid":
            raise ValueError(
                f"expected network.mode deformable or both for the regularisers {', '.join(sorted(asked))}, got rigid"
            )
        return self

    def public(self) -> dict[str, Any]:
        """Return the settings as plain values without paths: what checkpoints, weights and trackers may hold."""
        return self.model_dump(mode="json", exclude={"data": {"manifest", "cache"}})

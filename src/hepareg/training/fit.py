"""A training run, from settings and pairs to checkpoints and trained weights."""

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping
from pydantic import ValidationError
from torch.utils.data import DataLoader, Subset

from hepareg.data.sampler import KeyedSampler
from hepareg.data.samples import TrainingSamples, ValidationSamples
from hepareg.data.sources import Sources
from hepareg.errors import OutputError, SettingsError
from hepareg.training.checkpoint_file import AtomicCheckpointIO, read_checkpoint
from hepareg.training.checkpoint_keeper import CheckpointKeeper
from hepareg.training.distributed import World, resolve_device, world_of
from hepareg.training.epoch_report import EpochReport
from hepareg.training.metrics_table import MetricsTable
from hepareg.training.module import RegistrationModule
from hepareg.training.overlays import OverlayWriter
from hepareg.training.settings import TrainingSettings
from hepareg.training.time_limit import TimeLimit
from hepareg.training.trackers import clean_wandb_folder, make_trackers

__all__ = ["FitResult", "check_resumable", "fit"]

CHANGEABLE = (
    "tracking", "checkpoints", "run.epochs", "run.max_minutes", "run.early_stopping_epochs", "run.device",
    "data.num_workers", "data.prepare_processes",
)  # fmt: skip
"""Settings that a resumed run may change; a change of any other setting would make it another run."""


@dataclass(frozen=True)
class FitResult:
    """Result of a run.

    Parameters
    ----------
    module
        The module with the weights of the best epoch.
    epochs, steps
        Number of epochs and optimiser steps.
    minutes
        Training time, with validation and without the preparation of pairs.
    metrics
        Metrics of the last epoch.
    best_epoch
        Epoch of the weights, counted from 1.
    best_metrics
        Metrics of the best epoch.
    """

    module: RegistrationModule
    epochs: int
    steps: int
    minutes: float
    metrics: dict[str, float]
    best_epoch: int
    best_metrics: dict[str, float]


def fit(
    settings: TrainingSettings,
    *,
    sources: Sources,
    folder: Path,
    resume: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> FitResult:
    """Train a network and return it; write checkpoints, metrics and overlays to a folder.

    Parameters
    ----------
    settings
        All settings.
    sources
        Prepared training and validation pairs.
    folder
        Folder of the run; receives ``checkpoints/``, ``overlays/``, ``metrics.csv`` and the files of trackers.
    resume
        Whether to continue from ``checkpoints/last.ckpt``.
    clock
        Clock of the time limit, in seconds.

    Raises
    ------
    TrainingError
        If the loss is not finite.
    SettingsError, DeviceError, FileFormatError
        Before the first epoch, if settings, device or checkpoint cannot be used.
    """
    world = world_of(settings.run)
    device = resolve_device(settings.run.device)
    last = folder / "checkpoints" / "last.ckpt"
    if resume:
        check_resumable(last, settings)
    check_writable(folder)
    if settings.run.threads is not None:
        torch.set_num_threads(settings.run.threads)
    pl.seed_everything(settings.seed, verbose=False)
    module = RegistrationModule(settings)
    keeper = CheckpointKeeper(
        last.parent, every_epochs=settings.checkpoints.every_epochs, keep=settings.checkpoints.keep
    )
    limit = TimeLimit(settings.run.max_minutes if settings.run.max_minutes is not None else float("inf"), clock=clock)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = _trainer(settings, world, device, folder, [limit, keeper])
    training, validation = _loaders(settings, sources, world, device)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*LeafSpec")  # Lightning's own use of torch, with its path
            trainer.fit(module, training, validation, ckpt_path=last if resume else None, weights_only=True)
    finally:
        if world.rank == 0 and settings.tracking.wandb != "off":
            _finish_wandb(folder)
    if trainer.interrupted:
        raise KeyboardInterrupt
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    best = read_checkpoint(last.with_name("best.ckpt"))
    module.load_state_dict(best["state_dict"])
    return FitResult(
        module=module,
        epochs=trainer.current_epoch,
        steps=trainer.global_step,
        minutes=limit.seconds() / 60,
        metrics=metrics,
        best_epoch=best["epoch"] + 1,
        best_metrics=best["callbacks"][keeper.state_key]["best_metrics"],
    )


def check_resumable(path: Path, settings: TrainingSettings) -> None:
    """Check that a checkpoint belongs to a run with these settings.

    Raises
    ------
    FileFormatError
        If the checkpoint is missing, damaged or not of this package.
    SettingsError
        If settings differ that a resumed run may not change.
    """
    saved, wanted = _flat(_resolved(read_checkpoint(path).get("settings", {}), like=settings)), _flat(settings.public())
    changed = [
        name
        for name in sorted(saved.keys() | wanted.keys())
        if saved.get(name) != wanted.get(name) and not any(f"{name}.".startswith(f"{free}.") for free in CHANGEABLE)
    ]
    if changed:
        raise SettingsError(
            f"expected the settings of the run that is resumed, got other values for {', '.join(changed)}; "
            "leave them unchanged, or start a new run"
        )


def _resolved(saved: dict[str, Any], *, like: TrainingSettings) -> dict[str, Any]:
    """Return saved settings with defaults for keys that an older version did not have yet; paths come from ``like``."""
    data = {**saved.get("data", {}), "manifest": like.data.manifest, "cache": like.data.cache}
    if data.get("source") != like.data.source:
        return saved
    try:
        return TrainingSettings.model_validate({**saved, "data": data}).public()
    except ValidationError:
        return saved


def _trainer(
    settings: TrainingSettings, world: World, device: str, folder: Path, callbacks: list[pl.Callback]
) -> pl.Trainer:
    run = settings.run
    if run.early_stopping_epochs is not None:
        callbacks.append(EarlyStopping("val_loss", patience=run.early_stopping_epochs, check_finite=True))
    if settings.tracking.overlays:
        callbacks.append(OverlayWriter(folder / "overlays", num_pairs=settings.tracking.overlays))
    callbacks += [MetricsTable(folder / "metrics.csv"), EpochReport()]
    precision: dict[str, Any] = {"32": "32-true", "64": "64-true"}
    return pl.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=world.local_size,
        num_nodes=world.num_nodes,
        strategy="ddp" if world.size > 1 else "auto",
        precision=precision.get(run.precision, run.precision),
        max_epochs=run.epochs,
        check_val_every_n_epoch=run.validate_every_epochs,
        accumulate_grad_batches=settings.optimiser.accumulate_batches,
        gradient_clip_val=settings.optimiser.gradient_clip_norm,
        deterministic=run.deterministic,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        logger=make_trackers(settings, folder=folder, is_first_process=world.rank == 0),
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=folder,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )


def _loaders(
    settings: TrainingSettings, sources: Sources, world: World, device: str
) -> tuple[DataLoader[Any], DataLoader[Any]]:
    data = settings.data
    common: dict[str, Any] = {
        "batch_size": data.batch_size,
        "num_workers": data.num_workers,
        "pin_memory": device == "cuda",
        "persistent_workers": data.num_workers > 0,
    }
    sampler = KeyedSampler(
        sources.num_training,
        pairs_per_epoch=data.pairs_per_epoch,
        seed=settings.seed,
        rank=world.rank,
        world_size=world.size,
        batch_size=data.batch_size,
    )
    training = TrainingSamples(sources.training, sources.num_training, settings=data, seed=settings.seed)
    validation = ValidationSamples(sources.validation, sources.num_validation, settings=data, seed=settings.seed)
    own = Subset(validation, range(world.rank, len(validation), world.size))
    return DataLoader(training, sampler=sampler, **common), DataLoader(own, **common)


def _finish_wandb(folder: Path) -> None:
    import wandb

    wandb.finish()
    clean_wandb_folder(folder)


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def check_writable(folder: Path) -> None:
    """Check that the folder of a run can be written; make it if it is missing.

    Raises
    ------
    OutputError
        If the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OutputError(f"the run's folder cannot be written ({error.strerror}); choose another with -o") from error

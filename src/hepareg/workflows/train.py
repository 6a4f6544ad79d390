"""Workflow of `hepareg train`: from settings to a folder with checkpoints, metrics and trained weights."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hepareg.data.sources import Sources
from hepareg.errors import OutputError
from hepareg.networks.weights import save_weights
from hepareg.training.checkpoint_file import replace_file
from hepareg.training.distributed import resolve_device, world_of
from hepareg.training.fit import check_resumable, fit
from hepareg.training.settings import TrainingSettings
from hepareg.training.settings_file import load_settings, settings_yaml
from hepareg.workflows.atomic import check_output_directory

__all__ = ["TrainOutcome", "train"]

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class TrainOutcome:
    """File of weights of a finished run, and the metrics that are written in it."""

    weights: Path
    metrics: dict[str, Any]


def train(source: str, overrides: Sequence[str], *, out: str | Path, resume: bool = False) -> TrainOutcome:
    """Train a network and return the file of its weights, with their metrics.

    ``out`` receives ``settings.yaml`` (all settings, defaults included), ``metrics.csv``, ``checkpoints/``,
    ``overlays/``, the files of the trackers, and at the end ``weights.safetensors`` and ``metrics.json``.

    Parameters
    ----------
    source, overrides
        See `hepareg.training.settings_file.load_settings`.
    out
        New or empty folder; with ``resume`` the folder of the run to continue.
    resume
        Whether to continue from the last checkpoint in ``out``.

    Raises
    ------
    HeparegError
        Before the first epoch if settings, data, device or output cannot be used. Later if the loss is
        not finite or the disk is full; the last checkpoint is then whole.
    """
    settings = load_settings(source, overrides)
    world = world_of(settings.run)
    resolve_device(settings.run.device)
    folder = Path(out).absolute()
    if resume:
        check_resumable(folder / "checkpoints" / "last.ckpt", settings)
    elif world.rank == 0:
        check_output_directory(folder, otherwise="go on with the run in it", option="resume")
    sources = _sources(settings, folder, is_first_process=world.rank == 0)
    if world.rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / "settings.yaml", settings_yaml(settings).encode())
    result = fit(settings, sources=sources, folder=folder, resume=resume)
    metrics = {
        "epochs": result.epochs, "steps": result.steps, "minutes": round(result.minutes, 2),
        "best_epoch": result.best_epoch, "validation": result.best_metrics,
        "settings": settings.public(),
    }  # fmt: skip
    if world.rank == 0:
        save_weights(result.module.net, folder / WEIGHTS, metrics=metrics, preprocessing=asdict(settings.data.region))
        replace_file(folder / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
    return TrainOutcome(folder / WEIGHTS, metrics)


def _sources(settings: TrainingSettings, folder: Path, *, is_first_process: bool) -> Sources:
    """Return the sources of pairs; under torchrun the first process fills the cache for all."""
    cache = settings.data.cache if settings.data.cache is not None else folder.with_name(f"{folder.name}-cache")
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the cache's folder cannot be made ({error.strerror}); set data.cache") from error
    if settings.data.source == "manifest":
        from hepareg.data.manifest_pairs import manifest_sources

        sources = manifest_sources(
            settings.data, seed=settings.seed, folder=cache, needs_masks=bool(settings.loss.labels)
        )
    else:
        from hepareg.data.simulated_pairs import simulated_sources

        sources = simulated_sources(settings.data, seed=settings.seed, folder=cache)
    if is_first_process:
        try:
            sources.fill(num_processes=settings.data.prepare_processes)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"the cache of prepared pairs cannot be written ({error.strerror}); make room, or set data.cache"
            ) from error
    return sources

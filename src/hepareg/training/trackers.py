"""TensorBoard and Weights & Biases without identifying information.

By default both record the name of the host, and Weights & Biases also the command line, the user, the git remote, the
Python path and the list of packages; all of this is switched off here. The trackers receive metrics, settings without
paths, and overlay pictures without names.
"""

import shutil
import socket
from pathlib import Path
from typing import Any
from unittest import mock

from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from hepareg._optional import require
from hepareg.training.settings import TrainingSettings

__all__ = ["clean_wandb_folder", "make_trackers"]

ANYBODY = "hepareg"


def make_trackers(settings: TrainingSettings, *, folder: Path, is_first_process: bool) -> list[Logger]:
    """Return the trackers of the settings; their files lie below ``folder``."""
    trackers: list[Logger] = []
    if settings.tracking.tensorboard:
        trackers.append(_tensorboard(folder, is_first_process))
    if settings.tracking.wandb != "off":
        trackers.append(_wandb(settings, folder, is_first_process))
    return trackers


def clean_wandb_folder(folder: Path) -> None:
    """Delete the logs and links of the wandb client, which hold paths."""
    for run in (folder / "wandb").glob("*run-*"):
        shutil.rmtree(run / "logs", ignore_errors=True)
    for link in (folder / "wandb").glob("*"):
        if link.is_symlink():
            link.unlink()


def _tensorboard(folder: Path, is_first_process: bool) -> Logger:
    require("tensorboard", extra="train")
    logger = TensorBoardLogger(save_dir=str(folder), name="", version="tensorboard", default_hp_metric=False)
    if is_first_process:
        # The writer puts the name of the host into the name of its file, without an option against it.
        with mock.patch.object(socket, "gethostname", return_value=ANYBODY):
            _ = logger.experiment
    return logger


def _wandb(settings: TrainingSettings, folder: Path, is_first_process: bool) -> Logger:
    wandb = require("wandb", extra="train")
    logger = WandbLogger(
        project=settings.tracking.project,
        save_dir=str(folder),
        offline=settings.tracking.wandb == "offline",
        log_model=False,
        config=settings.public() if is_first_process else None,
        settings=wandb.Settings(**_anonymous(folder)),
    )
    if is_first_process:
        _ = logger.experiment
        clean_wandb_folder(folder)
    return logger


def _anonymous(folder: Path) -> dict[str, Any]:
    """Return settings of the wandb client that keep machine, user, command line and code out of a run."""
    names = ("host", "username", "program", "program_relpath", "program_abspath", "x_executable")
    return {
        **dict.fromkeys(names, ANYBODY),
        "email": "",
        "root_dir": str(folder),
        "x_disable_meta": True,
        "x_disable_stats": True,
        "x_disable_machine_info": True,
        "x_save_requirements": False,
        "x_log_level": 50,
        "disable_git": True,
        "disable_code": True,
        "save_code": False,
        "console": "off",
        "silent": True,
    }

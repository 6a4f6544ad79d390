"""Checkpoint files: written so that a kill at any moment leaves the older file whole, read without running code."""

import errno
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO

from hepareg.errors import FileFormatError, OutputError

__all__ = ["AtomicCheckpointIO", "read_checkpoint", "replace_file", "write_checkpoint"]

FORMAT = "hepareg-training-checkpoint-1"


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Write a file under a temporary name in the same folder, flush it to the disk, then rename it.

    Raises
    ------
    OutputError
        If the disk is full or the folder cannot be written. An older file of that name is then untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        reason = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or "it cannot be written")
        raise OutputError(
            f"expected to write {path.name}, got an error ({reason}); older checkpoints, if any, are whole: "
            "make room and resume the run, or start again",
            options=["resume"],
        ) from error


def write_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write a checkpoint whole or not at all; see `replace_file`."""
    buffer = io.BytesIO()
    torch.save({**checkpoint, "hepareg_format": FORMAT}, buffer)
    replace_file(Path(path), buffer.getbuffer())


def read_checkpoint(path: str | Path, *, map_location: Any = "cpu") -> dict[str, Any]:
    """Return the content of a checkpoint of this package; no code in the file is run (``weights_only=True``).

    Raises
    ------
    FileFormatError
        If the file is missing, truncated, or not a checkpoint of this package.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"expected a checkpoint {path.name} to resume from, found none; start a new run")
    try:
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, KeyError) as error:
        raise FileFormatError(
            f"expected a training checkpoint in {path.name}, got a damaged or foreign file; use another checkpoint"
        ) from error
    if not isinstance(checkpoint, dict) or checkpoint.get("hepareg_format") != FORMAT:
        raise FileFormatError(f"expected a training checkpoint of this version in {path.name}, got another file")
    return checkpoint


class AtomicCheckpointIO(CheckpointIO):
    """Lightning plugin that writes and reads checkpoints with `write_checkpoint` and `read_checkpoint`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; see `write_checkpoint`."""
        write_checkpoint(checkpoint, path)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Return the content of a checkpoint; see `read_checkpoint`."""
        return read_checkpoint(path, map_location=map_location)

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint if it exists."""
        Path(path).unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Synchronise a folder, so that a rename in it survives a power cut (POSIX)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

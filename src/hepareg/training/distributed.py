"""The processes of one run: their number, their device, and the exchange of validation rows."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist

from hepareg.errors import DeviceError, SettingsError
from hepareg.training.settings import RunSettings

__all__ = ["World", "gather_rows", "resolve_device", "world_of"]


@dataclass(frozen=True)
class World:
    """Rank of this process and number of processes, as torchrun sets them in the environment."""

    rank: int = 0
    size: int = 1
    local_size: int = 1

    @property
    def num_nodes(self) -> int:
        """Number of machines."""
        return self.size // self.local_size


def world_of(settings: RunSettings) -> World:
    """Return rank and number of the processes of this run.

    Raises
    ------
    SettingsError
        If ``run.processes`` differs from the number of processes that were started.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != settings.processes:
        raise SettingsError(
            f"expected {settings.processes} processes (run.processes), got {started}: start the command with "
            f"'torchrun --nproc-per-node N -m hepareg train ...', or set run.processes={started}"
        )
    local = int(os.environ.get("LOCAL_WORLD_SIZE", str(started)))
    return World(rank=int(os.environ.get("RANK", "0")), size=started, local_size=local)


def resolve_device(name: str) -> str:
    """Return ``cpu`` or ``cuda``.

    Raises
    ------
    DeviceError
        If CUDA is asked for and not available.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise DeviceError("expected a CUDA device as run.device=cuda asks, found none; set run.device=cpu")
    return "cuda" if available and name != "cpu" else "cpu"


def gather_rows(rows: list[list[float]]) -> dict[int, list[float]]:
    """Return the rows of all processes, keyed by their first entry, the index of the pair."""
    gathered: list[list[list[float]]] = [rows]
    if dist.is_available() and dist.is_initialized():
        gathered = [[] for _ in range(dist.get_world_size())]
        dist.all_gather_object(gathered, rows)
    return {int(row[0]): row for part in gathered for row in part}

"""Prepared pairs in a persistent cache on disk, and the check that it is used and keeps the matrices."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from monai.data import PersistentDataset
from tqdm import tqdm

from hepareg.data.pair import Pair, unpack_pair
from hepareg.errors import FileFormatError, HeparegError, SettingsError

__all__ = ["PreparedPairs", "digest"]

DAMAGED = ("zip archive", "magic number", "Invalid argument")
"""What torch.load says of a file that was cut off, depending on where."""


def digest(*values: Any) -> str:
    """Return a hash of plain values: caches made with other settings or other files are other caches."""
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


class PreparedPairs:
    """Pairs that are prepared once and read from disk afterwards (MONAI's PersistentDataset).

    Parameters
    ----------
    items
        One dictionary of plain values a pair, with ``case`` and whatever else decides its content: file sizes and
        times, seeds, settings. Equal items share a cache entry.
    transform
        MONAI transform from an item to the tensors of `pack_pair`.
    folder
        Where the cache lies.

    Notes
    -----
    PersistentDataset drops the metadata of images unless told otherwise; the matrices here are
    entries of their own and cannot be dropped. Entries are read with ``weights_only=True``.
    """

    def __init__(self, items: Sequence[dict[str, Any]], *, transform: Callable[..., Any], folder: Path) -> None:
        if not items:
            raise SettingsError("expected at least one pair, got an empty split; check the manifest's split column")
        self.cases = [str(item["case"]) for item in items]
        self._dataset = PersistentDataset(list(items), transform=transform, cache_dir=folder, weights_only=True)

    def __len__(self) -> int:
        return len(self.cases)

    def __call__(self, index: int) -> Pair:
        """Return a prepared pair.

        Raises
        ------
        FileFormatError
            If its cache entry is damaged.
        """
        case = self.cases[index]
        try:
            packed = self._dataset[index]
        except (RuntimeError, OSError) as error:
            root = _root_cause(error)
            if any(text in str(root) for text in DAMAGED):
                raise FileFormatError(
                    f"case {case}: its entry in the cache is damaged: delete the cache folder and run again"
                ) from error
            raise root from error
        return unpack_pair(packed, case=case)

    def fill(self, *, num_processes: int, label: str) -> None:
        """Prepare what is not in the cache yet, so that bad input shows before the first epoch.

        Raises
        ------
        InputError
            The first error of a pair that cannot be read or used.
        """
        if num_processes <= 1:
            for index in tqdm(range(len(self)), desc=label, disable=None):
                self(index)
            return
        with ProcessPoolExecutor(num_processes, mp_context=get_context("fork"), initializer=_one_thread) as pool:
            for _ in tqdm(pool.map(self._touch, range(len(self))), total=len(self), desc=label, disable=None):
                pass

    def _touch(self, index: int) -> None:
        self(index)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _root_cause(error: BaseException) -> BaseException:
    """Return what a transform raised: MONAI wraps it into RuntimeErrors."""
    while error.__cause__ is not None and not isinstance(error, HeparegError):
        error = error.__cause__
    return error

"""Prepared pairs in a persistent cache on disk."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from monai.data import PersistentDataset
from tqdm import tqdm

from hepareg.data.case_pair import CasePair, unpack_pair
from hepareg.errors import FileFormatError, HeparegError, SettingsError

__all__ = ["PreparedPairs", "digest"]

DAMAGED = ("zip archive", "magic number", "Invalid argument")
"""Parts of the messages of torch.load for a truncated file."""


def digest(*values: Any) -> str:
    """Return a hash of plain values, which names the settings and files that a cache entry was made with."""
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


class PreparedPairs:
    """Pairs that are prepared once and then read from a cache on disk (MONAI's PersistentDataset).

    Parameters
    ----------
    items
        One dictionary of plain values for each pair, with ``case`` and everything that determines its content: file
        sizes and times, seeds, settings. Equal items share a cache entry.
    transform
        MONAI transform from an item to the tensors of `hepareg.data.case_pair.pack_pair`.
    folder
        Folder of the cache.

    Notes
    -----
    By default PersistentDataset drops the metadata of images. The matrices are entries of their own here,
    which it keeps. Entries are read with ``weights_only=True``.
    """

    def __init__(self, items: Sequence[dict[str, Any]], *, transform: Callable[..., Any], folder: Path) -> None:
        if not items:
            raise SettingsError("expected at least one pair, got an empty split; check the manifest's split column")
        self.cases = [str(item["case"]) for item in items]
        self._dataset = PersistentDataset(list(items), transform=transform, cache_dir=folder, weights_only=True)

    def __len__(self) -> int:
        return len(self.cases)

    def __call__(self, index: int) -> CasePair:
        """Return the prepared pair of an index.

        Raises
        ------
        FileFormatError
            If the cache entry of the pair is damaged.
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
        """Prepare the pairs that are not in the cache yet, so that bad input shows before the first epoch.

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
    """Return the error that a transform raised, which MONAI wraps into RuntimeErrors."""
    while error.__cause__ is not None and not isinstance(error, HeparegError):
        error = error.__cause__
    return error

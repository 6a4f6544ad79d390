"""Which pairs each process sees in which order: a function of (seed, epoch, rank)."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from hepareg.data.augmentation import PairKey
from hepareg.errors import SettingsError

__all__ = ["KeyedSampler"]


class KeyedSampler(Sampler[PairKey]):
    """Shuffled keys of one epoch, dealt out to the processes in turn.

    Dealing in turn makes the k-th batches of all processes together the k-th batch that one process
    with a joined batch would see, so that both train the same network. What does not fill a batch
    on every process is left out of this epoch; shuffling leaves out other pairs in the next.

    Where an epoch is longer than the list of pairs, indices go on beyond ``num_pairs``: index
    modulo ``num_pairs`` is the pair, and each turn draws poses of its own.

    Parameters
    ----------
    num_pairs
        Training pairs there are, or None for an endless source: each key then is a new pair.
    pairs_per_epoch
        Pairs drawn in an epoch, over all processes; None means ``num_pairs``.
    """

    def __init__(
        self,
        num_pairs: int | None,
        *,
        pairs_per_epoch: int | None,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        batch_size: int = 1,
    ) -> None:
        wanted = pairs_per_epoch if pairs_per_epoch is not None else num_pairs
        if wanted is None:
            raise SettingsError("expected pairs_per_epoch for an endless source of pairs, got none")
        joined_batch = batch_size * world_size
        if wanted < joined_batch:
            raise SettingsError(
                f"expected at least {joined_batch} training pairs an epoch ({batch_size} a process on {world_size} "
                f"processes), got {wanted}; lower data.batch_size or the number of processes, or add pairs"
            )
        self.num_pairs, self.seed = num_pairs, seed
        self.rank, self.world_size = rank, world_size
        self.drawn = wanted - wanted % joined_batch
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; the trainer calls this before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.drawn // self.world_size

    def __iter__(self) -> Iterator[PairKey]:
        indices = self._indices()
        return iter([PairKey(self.epoch, int(index)) for index in indices[self.rank :: self.world_size]])

    def _indices(self) -> np.ndarray:
        if self.num_pairs is None:
            return np.arange(self.epoch * self.drawn, (self.epoch + 1) * self.drawn)
        generator = np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch]))
        rounds = range(-(-self.drawn // self.num_pairs))
        shuffled = [turn * self.num_pairs + generator.permutation(self.num_pairs) for turn in rounds]
        return np.concatenate(shuffled)[: self.drawn]

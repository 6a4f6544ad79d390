"""Order of the training pairs in each process, as a function of seed, epoch and rank alone."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from hepareg.data.augmentation import PairKey
from hepareg.errors import SettingsError

__all__ = ["KeyedSampler"]


class KeyedSampler(Sampler[PairKey]):
    """Sampler of the shuffled keys of one epoch, distributed to the processes in turn.

    The k-th batches of all processes together are the k-th batch of a single process with the joined
    batch size, so that both train the same network. Pairs that do not fill a batch on every process are
    left out of the epoch; the next epoch is shuffled anew and leaves out other pairs.

    In an epoch that is longer than the list of pairs, indices continue beyond ``num_pairs``: the pair is
    the index modulo ``num_pairs``, and every repetition of a pair draws a new pose.

    Parameters
    ----------
    num_pairs
        Number of training pairs, or None for an endless source, of which each key is a new pair.
    pairs_per_epoch
        Number of pairs of an epoch, over all processes; None means ``num_pairs``.
    seed
        Seed of the order.
    rank, world_size
        Number of this process, and number of all processes.
    batch_size
        Pairs per process and step.
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
        """Set the epoch; the trainer calls this before each epoch."""
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

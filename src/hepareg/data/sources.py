"""Where training and validation pairs come from, whatever they are made of."""

from collections.abc import Callable
from dataclasses import dataclass

from hepareg.data.pair import Pair
from hepareg.data.prepared import PreparedPairs

__all__ = ["Sources"]


@dataclass(frozen=True)
class Sources:
    """Prepared pairs by index.

    Parameters
    ----------
    training, validation
        Give the pair of an index.
    num_training
        Number of training pairs, None where they do not end.
    num_validation
        Number of validation pairs.
    """

    training: Callable[[int], Pair]
    num_training: int | None
    validation: Callable[[int], Pair]
    num_validation: int

    def fill(self, *, num_processes: int) -> None:
        """Prepare what the caches lack, so that input that cannot be used shows before the first epoch."""
        for pairs, label in ((self.validation, "validation pairs"), (self.training, "training pairs")):
            if isinstance(pairs, PreparedPairs):
                pairs.fill(num_processes=num_processes, label=label)

"""Training and validation pairs, from files or from the simulator."""

from collections.abc import Callable
from dataclasses import dataclass

from hepareg.data.case_pair import CasePair
from hepareg.data.prepared import PreparedPairs

__all__ = ["Sources"]


@dataclass(frozen=True)
class Sources:
    """Prepared training and validation pairs by index.

    Parameters
    ----------
    training, validation
        Functions from an index to a prepared pair.
    num_training
        Number of training pairs; None for an endless source.
    num_validation
        Number of validation pairs.
    """

    training: Callable[[int], CasePair]
    num_training: int | None
    validation: Callable[[int], CasePair]
    num_validation: int

    def fill(self, *, num_processes: int) -> None:
        """Prepare the pairs that the caches lack, so that unusable input shows before the first epoch."""
        for pairs, label in ((self.validation, "validation pairs"), (self.training, "training pairs")):
            if isinstance(pairs, PreparedPairs):
                pairs.fill(num_processes=num_processes, label=label)

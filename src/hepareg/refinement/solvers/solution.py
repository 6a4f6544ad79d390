"""The answer of an iterative method, and how the iteration ended."""

from dataclasses import dataclass
from enum import Enum

from hepareg.transforms import RigidTransform

__all__ = ["Solution", "Status"]


class Status(Enum):
    """Reason for the end of an iteration."""

    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration_limit"
    STALLED = "stalled"
    """The line search found no lower objective although the slope is not zero, before any step was short."""
    NOT_IMPROVED = "not_improved"
    """The objective was no better at the end than at the start; the start is returned."""
    SINGULAR = "singular"
    """The images do not determine all six parameters; the last transform is returned."""
    NO_OVERLAP = "no_overlap"
    """Hardly any voxel of the template's cells lies inside the sampled image; the start is returned."""


@dataclass(frozen=True)
class Solution:
    """Transform found by an iterative method, with the record of the iteration.

    Parameters
    ----------
    transform
        The pose, world RAS mm, in the roles of the starts.
    status
        Reason for the end of the iteration.
    iterations
        Number of steps taken.
    objective_history
        Objective at the start and after each step; lower is better.
    seconds
        Wall-clock time.
    """

    transform: RigidTransform
    status: Status
    iterations: int
    objective_history: tuple[float, ...]
    seconds: float

    @property
    def objective(self) -> float:
        """Objective of `transform`, which is the start if the iteration failed."""
        abandoned = self.status in (Status.NOT_IMPROVED, Status.NO_OVERLAP)
        return self.objective_history[0 if abandoned else -1]

"""The start that every tool is given, scored like a tool: the shift between mask centroids, without masks none."""

from benchmarks.peers.inputs import Inputs
from hepareg.arrays import Matrix
from hepareg.transforms import RigidTransform

NAME = "start alone"


def version() -> str:
    """Return a dash: it is no tool."""
    return "-"


def find(inputs: Inputs) -> Matrix:
    """Return the start itself."""
    with inputs.clock("call"):
        return (inputs.start or RigidTransform.identity()).matrix

"""The methods that find a transform: the refinement, a trained network, or one after the other."""

from enum import Enum

__all__ = ["Method"]


class Method(Enum):
    """Way in which a transform is found; the verdict is computed alike for all."""

    REFINE = "refine"
    """Instance optimisation from many starts."""
    NETWORK = "network"
    """The prediction of a trained network, unchanged; the refinement runs only to judge that prediction."""
    NETWORK_REFINE = "network+refine"
    """The refinement, with the network's prediction as its first start beside the others."""

    @property
    def uses_network(self) -> bool:
        """Whether trained weights are needed."""
        return self is not Method.REFINE

    @property
    def refines(self) -> bool:
        """Whether the refinement's pose is the result."""
        return self is not Method.NETWORK

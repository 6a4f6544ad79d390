"""The start that a trained network contributes; imported only if a method uses a network."""

from dataclasses import dataclass
from pathlib import Path

from hepareg.networks.predictor import predict_rigid, require_masks
from hepareg.networks.trained import trained_weights
from hepareg.networks.weights import LoadedWeights, load_weights
from hepareg.pair import ImagePair
from hepareg.refinement.direction import Direction
from hepareg.registration.starts import Start
from hepareg.transforms import RigidTransform

__all__ = ["Predictor", "load_predictor"]


@dataclass(frozen=True)
class Predictor:
    """A trained network that predicts a start."""

    weights: LoadedWeights

    def check(self, images: ImagePair) -> None:
        """Raise MaskError if a mask is missing that the network needs."""
        require_masks(self.weights, moving_mask=images.moving_mask, fixed_mask=images.fixed_mask)

    def predict(self, images: ImagePair, start: RigidTransform, *, direction: Direction, device: str) -> Start:
        """Return the network's prediction from a start, both searched_from_reference.

        Parameters
        ----------
        images
            The user's pair, as arrays.
        start
            The pose from which the network predicts the rest.
        direction
            From the user's images to the reference and searched image.
        device
            Device on which the network runs.
        """
        predicted = predict_rigid(
            self.weights,
            moving=images.moving,
            fixed=images.fixed,
            moving_mask=images.moving_mask,
            fixed_mask=images.fixed_mask,
            start=direction.to_user(start),
            device=device,
        )
        return Start("network", direction.to_solver(predicted))


def load_predictor(weights: LoadedWeights | str | Path | None) -> Predictor:
    """Return a given network, or the one that comes with the package; FileFormatError if it cannot be read."""
    if isinstance(weights, LoadedWeights):
        return Predictor(weights)
    return Predictor(load_weights(trained_weights() if weights is None else weights))

"""What a trained network contributes to a registration: one start. Imported where a method uses a network alone."""

from dataclasses import dataclass
from pathlib import Path

from hepareg.networks.predictor import predict_rigid, require_masks
from hepareg.networks.trained import trained_weights
from hepareg.networks.weights import LoadedWeights, load_weights
from hepareg.registration.problem import Images
from hepareg.registration.starts import Start
from hepareg.transforms import RigidTransform

__all__ = ["Predictor", "predictor_of"]


@dataclass(frozen=True)
class Predictor:
    """A trained network as the registration uses it."""

    weights: LoadedWeights

    def check(self, images: Images) -> None:
        """Check before any work that the masks are there that the network needs; MaskError if not."""
        require_masks(self.weights, moving_mask=images.moving_mask, fixed_mask=images.fixed_mask)

    def start(self, images: Images, start: RigidTransform, *, swapped: bool, device: str) -> Start:
        """Return what the network predicts from a start; both are in the solver's roles, exchanged if ``swapped``."""
        predicted = predict_rigid(
            self.weights,
            moving=images.moving,
            fixed=images.fixed,
            moving_mask=images.moving_mask,
            fixed_mask=images.fixed_mask,
            start=start.inverse() if swapped else start,
            device=device,
        )
        return Start("network", predicted.inverse() if swapped else predicted)


def predictor_of(weights: LoadedWeights | str | Path | None) -> Predictor:
    """Return the network given, or the one that comes with the package; FileFormatError if it cannot be read."""
    if isinstance(weights, LoadedWeights):
        return Predictor(weights)
    return Predictor(load_weights(trained_weights() if weights is None else weights))

"""The weighted sum of losses and penalties that training minimises."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor

from hepareg.networks import RegistrationOutput
from hepareg.regularisation import REGULARISERS
from hepareg.similarity import IMAGE_LOSSES, LABEL_LOSSES
from hepareg.training.loss_options import operands_of
from hepareg.training.loss_settings import LossSettings, LossTerm
from hepareg.transforms.warp import warp

__all__ = ["PairTensors", "training_loss", "widened"]


@dataclass(frozen=True, eq=False)
class PairTensors:
    """A batch of pairs on the grids of their regions.

    Parameters
    ----------
    moving, fixed
        (B, 1, I, J, K) images, the moving ones sampled under their starts.
    moving_mask, fixed_mask
        (B, 1, I, J, K) liver weights in [0, 1].
    world_from_voxel
        (B, 4, 4) of the regions' grids.
    """

    moving: Tensor
    fixed: Tensor
    moving_mask: Tensor
    fixed_mask: Tensor
    world_from_voxel: Tensor


def training_loss(
    settings: LossSettings,
    output: RegistrationOutput,
    pairs: PairTensors,
    *,
    backward: RegistrationOutput | None = None,
) -> dict[str, Tensor]:
    """Return the (B,) losses and penalties by name, unweighted, and their weighted sum as ``loss``.

    Parameters
    ----------
    settings
        Parts of the sum, with their weights and options.
    output
        Prediction for the pairs.
    pairs
        Images, masks and grids.
    backward
        Prediction for the same pairs with moving and fixed exchanged; needed if a chosen penalty requires
        ``backward_matrix``.
    """
    warped, warped_mask = _warped(output, pairs)
    spacing = pairs.world_from_voxel[0, :3, :3].norm(dim=0).tolist()
    mask = widened(pairs.fixed_mask, margin_mm=settings.mask_margin_mm, spacing_mm=spacing)
    parts = {}
    for name, term in settings.similarity.items():
        parts[name] = IMAGE_LOSSES[name](pairs.fixed, warped, mask, spacing_mm=spacing, **term.options())
    for name, term in settings.labels.items():
        parts[name] = LABEL_LOSSES[name](pairs.fixed_mask, warped_mask, spacing_mm=spacing, **term.options())
    for name, term in settings.regularisation.items():
        parts[name] = _penalty(name, term, output, backward, pairs)
    terms = {**settings.similarity, **settings.labels, **settings.regularisation}
    return {**parts, "loss": torch.stack([terms[name].weight * part for name, part in parts.items()]).sum(dim=0)}


def widened(mask: Tensor, *, margin_mm: float, spacing_mm: list[float]) -> Tensor:
    """Return a (B, 1, I, J, K) mask grown by about ``margin_mm`` along each axis (a box, not a ball)."""
    radius = [round(margin_mm / spacing) for spacing in spacing_mm]
    if not any(radius):
        return mask
    return F.max_pool3d(mask, [2 * r + 1 for r in radius], stride=1, padding=radius)


def _warped(output: RegistrationOutput, pairs: PairTensors) -> tuple[Tensor, ...]:
    """Return the moving images and the moving masks, each (B, 1, I, J, K), warped by the prediction."""
    both = torch.cat([pairs.moving, pairs.moving_mask], dim=1)
    return warp(
        both,
        moving_world_from_voxel=pairs.world_from_voxel,
        fixed_world_from_voxel=pairs.world_from_voxel,
        fixed_shape=pairs.fixed.shape[2:],
        moving_from_fixed=output.predicted,
        displacement=None if output.displacement is None else output.displacement.to(both.dtype),
        padding="border",
    ).image.split(1, dim=1)


def _penalty(
    name: str, term: LossTerm, output: RegistrationOutput, backward: RegistrationOutput | None, pairs: PairTensors
) -> Tensor:
    """Return the (B,) penalty of a name, called with those parts of the prediction that its signature names."""
    operands = {
        "matrix": output.predicted,
        "displacement": output.displacement,
        "backward_matrix": None if backward is None else backward.predicted,
        "backward_displacement": None if backward is None else backward.displacement,
        "world_from_voxel": pairs.world_from_voxel,
        "shape": pairs.fixed.shape[2:],
    }
    penalty = REGULARISERS[name]
    chosen = {operand: operands[operand] for operand in operands_of(penalty) if operand in operands}
    return penalty(**chosen, **term.options())

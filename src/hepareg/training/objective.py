"""The weighted sum of losses that training minimises."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from torch import Tensor, nn

from hepareg.regularisation import (
    bending_energy,
    displacement_inverse_consistency,
    folding_penalty,
    gradient_penalty,
    identity_penalty,
    rigid_inverse_consistency,
)
from hepareg.similarity import IMAGE_MEASURES, LABEL_MEASURES
from hepareg.training.settings import LossSettings
from hepareg.transforms.warp import warp

__all__ = ["Objective"]


class Objective(nn.Module):
    """Weighted sum of similarity, label losses and regularisers of one prediction; has no parameters."""

    def __init__(self, settings: LossSettings) -> None:
        super().__init__()
        self.settings = settings
        self.similarity = nn.ModuleDict({name: IMAGE_MEASURES[name]() for name in settings.similarity})
        self.labels = nn.ModuleDict({name: LABEL_MEASURES[name]() for name in settings.labels})

    def forward(
        self,
        output: Any,
        *,
        moving: Tensor,
        fixed: Tensor,
        moving_mask: Tensor,
        fixed_mask: Tensor,
        world_from_voxel: Tensor,
        backward: Any = None,
    ) -> dict[str, Tensor]:
        """Return the (B,) terms by name, unweighted, and their weighted sum as ``loss``.

        Parameters
        ----------
        output
            What `RegistrationNet` predicts.
        moving, fixed
            (B, 1, I, J, K) images on one grid.
        moving_mask, fixed_mask
            (B, 1, I, J, K) liver weights in [0, 1].
        world_from_voxel
            (B, 4, 4) of that grid.
        backward
            What the network predicts for the exchanged images; needed for inverse consistency.
        """
        images = torch.cat([moving, moving_mask], dim=1)
        warped, warped_mask = warp(
            images,
            moving_world_from_voxel=world_from_voxel,
            fixed_world_from_voxel=world_from_voxel,
            fixed_shape=fixed.shape[2:],
            moving_from_fixed=output.predicted,
            displacement=None if output.displacement is None else output.displacement.to(images.dtype),
            padding="border",
        ).image.split(1, dim=1)
        spacing = world_from_voxel[0, :3, :3].norm(dim=0).tolist()
        mask = widened(fixed_mask, margin_mm=self.settings.mask_margin_mm, spacing_mm=spacing)
        terms = {name: part(fixed, warped, mask, spacing_mm=spacing) for name, part in self.similarity.items()}
        terms |= {name: part(fixed_mask, warped_mask, spacing_mm=spacing) for name, part in self.labels.items()}
        for name in self.settings.regularisation:
            terms[name] = regulariser(name, output, backward, world_from_voxel, fixed.shape[2:])
        weights: dict[str, float] = {**dict(self.settings.similarity.items()), **dict(self.settings.labels.items())}
        weights |= dict(self.settings.regularisation.items())
        return {**terms, "loss": torch.stack([weights[name] * value for name, value in terms.items()]).sum(dim=0)}


def regulariser(name: str, output: Any, backward: Any, world_from_voxel: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the (B,) penalty of a name in the settings on what the network predicts."""
    if name == "identity":
        return identity_penalty(output.predicted, world_from_voxel, shape)
    if name == "inverse_consistency":
        penalty = rigid_inverse_consistency(output.predicted, backward.predicted, world_from_voxel, shape)
        if output.displacement is None:
            return penalty
        return penalty + displacement_inverse_consistency(output.displacement, backward.displacement, world_from_voxel)
    on_displacement = {"gradients": gradient_penalty, "bending_energy": bending_energy, "folding": folding_penalty}
    return on_displacement[name](output.displacement, world_from_voxel)


def widened(mask: Tensor, *, margin_mm: float, spacing_mm: list[float]) -> Tensor:
    """Return a (B, 1, I, J, K) mask grown by about ``margin_mm`` along each axis (a box, not a ball)."""
    radius = [round(margin_mm / spacing) for spacing in spacing_mm]
    if not any(radius):
        return mask
    return F.max_pool3d(mask, [2 * r + 1 for r in radius], stride=1, padding=radius)

"""Normalised gradient fields as a registration objective."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from hepareg.geometry.differences import voxel_gradient
from hepareg.refinement.channel_residual import ChannelResidual, anchored_residual, minimise_anchored
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.measure import WINDOW_HU
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.solution import Solution
from hepareg.similarity.inputs import weighted_mean
from hepareg.transforms import RigidTransform

__all__ = ["NGFMeasure", "edge_products"]


@dataclass(frozen=True)
class NGFMeasure:
    """Agreement of edge directions, whatever their sign and strength, by Gauss-Newton.

    Parameters
    ----------
    edge
        Gradients well below ``edge`` times the mean gradient of their image count as noise.
    window_hu
        Intensities are clamped to this range.
    robust
        Down-weight voxels whose edges differ much.

    Notes
    -----
    `hepareg.similarity.ngf.ngf_loss` is 1 - (n . m)^2 of unit vectors n = (g, e) / |(g, e)|. Since
    |n n' - m m'|^2 = 2 - 2 (n . m)^2, the ten distinct products of a unit vector's components are
    channels whose squared difference is twice that loss: a sum of squares that does not see signs.

    References
    ----------
    Haber, E., Modersitzki, J. Intensity gradient based registration and fusion of multi-modal
    images. Methods of Information in Medicine 46, 2007. doi:10.1160/ME9046
    """

    edge: float = 1.0
    window_hu: tuple[float, float] = WINDOW_HU
    robust: bool = True
    name: str = field(default="ngf", init=False)

    def residual(self, images: LevelImages, anchor: RigidTransform) -> ChannelResidual:
        """Return the residual on a level's images, for poses near ``anchor``."""
        images = images.windowed(self.window_hu)
        spacing = torch.tensor(images.template.grid.spacing_mm, device=images.template.data.device)

        def describe(image: Tensor, weights: Tensor) -> Tensor:
            return edge_products(image, weights, spacing_mm=spacing, edge=self.edge)

        return anchored_residual(images, anchor, describe, robust=self.robust)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a Gauss-Newton solution for each start, each with edges along its own axes."""
        return minimise_anchored(self.residual, images, starts, settings=settings)


def edge_products(image: Tensor, weights: Tensor, *, spacing_mm: Tensor, edge: float) -> Tensor:
    """Return (10, I, J, K): products of the components of the unit vector along (gradient, edge).

    Products of two different components stand twice in the outer product and carry sqrt(2) each.

    Parameters
    ----------
    image
        (1, 1, I, J, K).
    weights
        (1, 1, I, J, K): where the mean gradient is taken.
    spacing_mm
        (3,) spacing of the grid.
    edge
        Noise level in units of the mean gradient.
    """
    gradient = voxel_gradient(image)[:, 0] / spacing_mm.to(image.dtype)[:, None, None, None]
    length = gradient.square().sum(dim=1, keepdim=True).sqrt()
    gradient = gradient / weighted_mean(length, weights).clamp_min(1e-6)[:, None, None, None, None]
    vector = torch.cat([gradient, torch.full_like(length, edge)], dim=1)
    unit = vector[0] / vector[0].square().sum(dim=0).sqrt().clamp_min(1e-12)
    return torch.stack(
        [unit[a] * unit[b] * (1.0 if a == b else 2**0.5) for a, b in combinations_with_replacement(range(4), 2)]
    )

"""Sum of squared differences of several channels at sample points: what the residual measures share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hepareg.geometry import Grid
from hepareg.refinement.images.level_images import LevelImages, at_samples
from hepareg.refinement.images.sampled_features import MovingFeatures, SampledMoving, moving_features
from hepareg.refinement.images.template_cells import CellSamples
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.refinement.solvers.normal_equations import NormalEquations, jacobian
from hepareg.refinement.solvers.robust_weights import robust_scale, robust_weights
from hepareg.refinement.solvers.solution import Solution
from hepareg.transforms import RigidTransform
from hepareg.transforms.warp import warp

__all__ = ["AnchoredFeatures", "ChannelResidual", "anchored_features", "anchored_residual", "minimise_anchored"]

REACH_VOX = 4
"""How far, in voxels, a pose may lead away from the anchor before samples leave the anchored features."""
TINY = 1e-12


class Sampler(Protocol):
    """Gives channels and their gradients where poses take the samples."""

    def sample(self, matrices: NDArray[np.floating], samples: CellSamples) -> SampledMoving:
        """Sample at (B, 4, 4) poses."""


class ChannelResidual:
    """r = moving(pose x) - fixed(x), channel by channel.

    Parameters
    ----------
    samples
        Where the fixed channels are known.
    fixed
        (C, N, V) fixed channels at the samples.
    moving
        The same C channels of the moving image.
    robust
        Down-weight voxels whose residual is long against the median.
    """

    def __init__(self, samples: CellSamples, fixed: Tensor, moving: Sampler, *, robust: bool = True) -> None:
        self.samples, self.fixed, self.moving, self.robust = samples, fixed, moving, robust
        mean = (fixed * samples.weights).sum(dim=(1, 2)) / samples.weights.sum().clamp(min=TINY)
        self.spread = (fixed - mean[:, None, None]).square().sum(dim=0)

    def __call__(self, matrices: NDArray[np.floating]) -> NormalEquations:
        """Return the normal equations about each of (B, 4, 4) poses.

        The objective is the share of the fixed channels' variance that is unexplained; samples
        outside the moving image are wholly unexplained. Above 1 a constant would fit better.
        """
        found = self.moving.sample(matrices, self.samples)
        inside = self.samples.weights * found.valid
        residual = found.values - self.fixed[:, None]
        squared = residual.square().sum(dim=0)
        weights = inside
        if self.robust:
            length = squared.sqrt()
            weights = robust_weights(length, inside, scale=robust_scale(length, inside, floor=1e-6))
        J = jacobian(found.gradients, self.samples.offsets_mm.permute(2, 0, 1))
        columns = torch.cat([J, residual[None]]).permute(1, 2, 3, 0, 4)  # (C, B, N, 7, V)
        moments = (columns * weights[..., None, :]) @ columns.transpose(-1, -2)
        H, g = moments[..., :6, :].sum(dim=(0, 2), dtype=torch.float64).split((6, 1), dim=-1)
        g = g[..., 0]
        objective, overlap = self._objective(squared, inside)
        return NormalEquations(H.cpu().numpy(), g.cpu().numpy(), objective, overlap)

    def _objective(self, squared: Tensor, inside: Tensor) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        wanted = self.samples.weights
        unexplained = (inside * squared + (wanted - inside) * self.spread).sum(dim=(1, 2), dtype=torch.float64)
        total = (wanted * self.spread).sum(dtype=torch.float64).clamp(min=TINY)
        overlap = inside.sum(dim=(1, 2), dtype=torch.float64) / wanted.sum(dtype=torch.float64).clamp(min=TINY)
        return (unexplained / total).cpu().numpy(), overlap.cpu().numpy()


@dataclass(frozen=True, eq=False)
class AnchoredFeatures:
    """Channels of the moving image, brought to the template's world by one pose, the anchor.

    Parameters
    ----------
    features
        The channels on the template's axes; one more channel, the last, is 1 where the moving image
        backs them.
    template_from_sampled
        (4, 4) inverse of the anchor.
    """

    features: MovingFeatures
    template_from_sampled: NDArray[np.floating]

    def sample(self, matrices: NDArray[np.floating], samples: CellSamples) -> SampledMoving:
        """Sample at (B, 4, 4) poses sampled_from_template: what the anchor leaves of each is applied."""
        found = self.features.sample(self.template_from_sampled @ matrices, samples)
        backed = found.valid & (found.values[-1] > 0.999)
        return SampledMoving(found.values[:-1], found.gradients[:, :-1], found.curvatures[:, :-1], backed)


def anchored_features(
    images: LevelImages, anchor: RigidTransform, describe: Callable[[Tensor, Tensor], Tensor]
) -> AnchoredFeatures:
    """Describe the sampled image on the template's axes, so that direction-dependent channels agree.

    Parameters
    ----------
    anchor
        Pose sampled_from_template at which the axes agree exactly; a few degrees from it they still
        do well enough.
    describe
        Maps an image (1, 1, I, J, K) and weights (1, 1, I, J, K) to (C, I, J, K) channels.
    """
    near = images.template.grid
    matrix = near.world_from_voxel.copy()
    matrix[:3, 3] = near.world_points(np.full(3, -REACH_VOX))
    grid = Grid((near.shape[0] + 2 * REACH_VOX, near.shape[1] + 2 * REACH_VOX, near.shape[2] + 2 * REACH_VOX), matrix)
    warped = warp(
        images.sampled.data[None, None],
        moving_world_from_voxel=images.sampled.grid.world_from_voxel,
        fixed_world_from_voxel=grid.world_from_voxel,
        fixed_shape=grid.shape,
        moving_from_fixed=anchor.matrix,
        padding="border",
    )
    region = functional.pad(images.region(), (REACH_VOX,) * 6)[None, None]
    weights = region & warped.valid
    # Without any overlap there is nothing to describe; the residual then says so by its overlap.
    channels = describe(warped.image, (weights if bool(weights.any()) else torch.ones_like(region)).float())
    stack = torch.cat([channels, warped.valid[0].to(channels.dtype)])
    return AnchoredFeatures(moving_features(stack, grid), anchor.inverse().matrix)


def anchored_residual(
    images: LevelImages, anchor: RigidTransform, describe: Callable[[Tensor, Tensor], Tensor], *, robust: bool
) -> ChannelResidual:
    """Return the residual of both images' descriptions, for poses near ``anchor``; see `anchored_features`."""
    fixed = describe(images.template.data[None, None], images.region()[None, None].float())
    return ChannelResidual(
        images.samples,
        at_samples(fixed, images.template, images.samples),
        anchored_features(images, anchor, describe),
        robust=robust,
    )


def minimise_anchored(
    residual: Callable[[LevelImages, RigidTransform], ChannelResidual],
    images: LevelImages,
    starts: Sequence[RigidTransform],
    *,
    settings: GaussNewtonSettings,
) -> list[Solution]:
    """Return a Gauss-Newton solution for each start, each with channels along its own axes."""
    return [
        gauss_newton(residual(images, start), [start], centre_mm=images.centre_mm, settings=settings)[0]
        for start in starts
    ]

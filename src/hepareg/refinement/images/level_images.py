"""What one level gives to a measure: both images at the level's resolution, the region and the samples in it."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.sampled_features import CURVED, MovingFeatures
from hepareg.refinement.images.template_cells import CellSamples
from hepareg.refinement.local_affine import LocalAffine
from hepareg.transforms.warp import sample_points, warp

__all__ = ["LevelImages", "at_samples"]


@dataclass(frozen=True, eq=False)
class LevelImages:
    """The images of one level in the roles of the solver, where poses are sampled_from_template.

    Parameters
    ----------
    template
        Image read at its own voxel centres, brought to the sharpness of the other.
    sampled
        Image read in between.
    features
        The sampled image's intensities with their differences.
    samples
        Voxels of the template's region, in cells.
    distance
        Distance to the region's mask in mm, in the template's world.
    margin_mm
        Voxels up to this far from the mask take part.
    """

    template: GridImage
    sampled: GridImage
    features: MovingFeatures
    samples: CellSamples
    distance: GridImage
    margin_mm: float

    @property
    def sharpness(self) -> bool:
        """Whether the default residual leaves the blur between the images free (`LocalAffine`): curvatures tell it."""
        return self.features.rows == CURVED

    @property
    def centre_mm(self) -> NDArray[np.floating]:
        """(3,) point about which rotations turn."""
        return self.samples.centre_mm

    @cached_property
    def local_affine(self) -> LocalAffine:
        """The default residual of these images: the solver and whoever judges its answer share one."""
        return LocalAffine(self.samples, self.features, sharpness=self.sharpness)

    def region(self) -> Tensor:
        """Return (I, J, K) bool on the template's grid: the voxels that take part in a dense measure."""
        found = warp(
            self.distance.data[None, None],
            moving_world_from_voxel=self.distance.grid.world_from_voxel,
            fixed_world_from_voxel=self.template.grid.world_from_voxel,
            fixed_shape=self.template.grid.shape,
            padding="border",
        )
        return found.image[0, 0] <= self.margin_mm

    def windowed(self, window_hu: tuple[float, float]) -> "LevelImages":
        """Return the images with all intensities clamped to a window."""
        template, sampled = (
            GridImage(image.data.clamp(*window_hu), image.grid) for image in (self.template, self.sampled)
        )
        return replace(
            self,
            template=template,
            sampled=sampled,
            features=self.features.of(sampled),
            samples=replace(self.samples, values=self.samples.values.clamp(*window_hu)),
        )


def at_samples(channels: Tensor, image: GridImage, samples: CellSamples) -> Tensor:
    """Return (C, N, V) values of (C, I, J, K) channels, on the image's grid, at the samples' voxel centres."""
    points = samples.offsets_mm.reshape(1, -1, 3).double()
    points = points + torch.as_tensor(samples.centre_mm, device=points.device, dtype=torch.float64)
    found = sample_points(channels[None], points, world_from_voxel=image.grid.world_from_voxel, padding="border")
    return found.image[0].reshape(-1, *samples.values.shape)

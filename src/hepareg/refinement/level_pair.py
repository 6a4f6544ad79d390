"""Both images at the resolution of one level, before anything is compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.geometry.boxes import range_around_points
from hepareg.refinement.images.block_average import GridImage, block_average, block_factors
from hepareg.refinement.images.blur import matched_blur
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.images.region import FixedRegion
from hepareg.refinement.images.sampled_features import PUT_BACK, image_features
from hepareg.refinement.level_objective import LevelObjective
from hepareg.refinement.settings import Level
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["LevelPair", "level_pair"]

COARSER = 1.2
"""How much thicker the moving image's slices are than the fixed image's, and than the level, to be the template."""
MAX_MARGIN_MM = 12.0
"""The region holds no more around the liver, however thick the slices."""
MARGIN_SLICES = 1.6
"""Least margin in slices of the template: the profile of an edge is then inside on both of its sides."""
NEIGHBOURS_MM = 40.0
"""Edge of the cube within which samples are neighbours: a part of the liver that a pose can follow by itself."""
ALIKE = 0.5
"""Above this, neighbours lie so much alike between voxels that interpolation pulls the pose."""
THICK = 1.5
"""Slices thicker than so many of the level's voxels lie too far apart to be interpolated linearly."""


@dataclass(frozen=True, eq=False)
class LevelPair:
    """Two images of one level: one is read at its own voxel centres, the other one in between.

    The image with the thicker slices is the template, read at its own voxel centres, and the other
    one is interpolated: interpolating across thick slices would blur by an amount that depends on
    where between two slices a point falls. Among images alike it is the fixed one, or with
    ``prefer_moving`` the moving one.

    Parameters
    ----------
    level
        What it looks at.
    reversed
        Whether the moving image is the template.
    template, sampled
        The images, averaged in blocks.
    pose
        moving_from_fixed, roughly.
    region
        The fixed image's region of interest.
    margin_mm
        Voxels up to this far outside the region's mask take part.
    """

    level: Level
    reversed: bool
    template: GridImage
    sampled: GridImage
    pose: RigidTransform
    region: FixedRegion
    margin_mm: float

    def objective(self, *, sharp: bool = False) -> LevelObjective:
        """Return the objective of the images brought to one sharpness.

        ``sharp``: half of interpolation's blur is put back (`image_features`), and what is left of blur between the
        images is free (`LocalAffine`). For a pose that is right to about a voxel; before that, what blurs keeps noise
        from deciding, and a free blur explains what a motion should.
        """
        region = self.region
        template_data, sampled_data = matched_blur(
            self.template,
            self.sampled,
            sampled_from_template=self._sampled_from_template.rotation,
            interpolated=1 - PUT_BACK if sharp else 1.0,
        )
        template, sampled = replace(self.template, data=template_data), replace(self.sampled, data=sampled_data)
        distance = region.distance.carried(self.pose) if self.reversed else region.distance
        centre_mm = self.pose.apply(region.centre_mm) if self.reversed else region.centre_mm
        samples = self.level.samples(template, distance=distance, margin_mm=self.margin_mm, centre_mm=centre_mm)
        features = image_features(sampled, curved=sharp)
        images = LevelImages(template, sampled, features, samples, distance, self.margin_mm)
        voxel_mm = max(template.grid.voxel_volume_mm3, sampled.grid.voxel_volume_mm3) ** (1 / 3)
        return LevelObjective(self.reversed, images, region.distance, voxel_mm)

    @property
    def is_pulled(self) -> bool:
        """Whether linear interpolation would pull the pose, by tenths of the voxels that it reads.

        By neighbours that lie alike between voxels, as on grids that run nearly parallel, or by slices far apart.
        """
        is_thick = self.sampled.grid.spacing_mm.max() > THICK * self.level.spacing_mm
        return bool(is_thick or self.neighbours_alike().max() > ALIKE)

    def neighbours_alike(self) -> NDArray[np.floating]:
        """Return (3,), 0 to 1: how alike neighbouring samples lie between the sampled image's voxels, along its axes.

        |mean exp(2 pi i x)| of the voxel coordinates x over a cube of the template's voxels: 1 on parallel grids of
        one spacing, 0 where the places between voxels are passed through within the cube.
        """
        into_sampled = self.sampled.grid.voxel_from_world @ self._sampled_from_template.matrix
        steps_vox = (into_sampled @ self.template.grid.world_from_voxel)[:3, :3]
        drift_vox = (steps_vox - np.round(steps_vox)) * NEIGHBOURS_MM / self.template.grid.spacing_mm
        return np.abs(np.sinc(drift_vox)).prod(axis=1)

    @property
    def _sampled_from_template(self) -> RigidTransform:
        return self.pose.inverse() if self.reversed else self.pose


def level_pair(
    region: FixedRegion,
    moving: Volume,
    poses: Sequence[RigidTransform],
    *,
    level: Level,
    device: torch.device,
    allow_reversal: bool = True,
    prefer_moving: bool = False,
) -> LevelPair | None:
    """Return the pair at a level, of the moving image what the poses can reach, or None if they reach nothing.

    Parameters
    ----------
    region, moving
        The images.
    poses
        moving_from_fixed; with more than one the fixed image is the template.
    level, device
        What to look at, and where.
    allow_reversal, prefer_moving
        Which image may be the template, and which is among images alike: see `LevelPair`.
    """
    reach = np.concatenate([pose.apply(region.image.grid.corners_mm) for pose in poses])
    wanted, end = range_around_points(moving.grid, reach, margin_mm=4 * level.spacing_mm, margin_vox=2)
    start, stop = np.maximum(wanted, 0), np.minimum(end, moving.shape)
    if not (start < stop).all():
        return None
    moving = moving.crop(start, stop)
    turn = allow_reversal and len(poses) == 1 and _moving_is_template(region.image, moving, level, prefer_moving)
    template = moving if turn else region.image
    margin_mm = max(level.margin_mm, min(MARGIN_SLICES * _coarsest(template), MAX_MARGIN_MM))
    fixed_image = _at_level(region.image, level, device, origin_vox=region.origin_vox)
    moving_image = _at_level(moving, level, device, origin_vox=wanted - start)
    images = (moving_image, fixed_image) if turn else (fixed_image, moving_image)
    return LevelPair(level, turn, *images, poses[0], region, margin_mm)


def _at_level(volume: Volume, level: Level, device: torch.device, *, origin_vox: NDArray[np.int_]) -> GridImage:
    """Return the image in blocks that are counted from ``origin_vox``, the first that is not whole left out."""
    factors = block_factors(volume.grid, level.spacing_mm)
    first = np.clip(np.mod(origin_vox, factors), 0, np.array(volume.shape) - factors)
    image = block_average(volume.crop(first, volume.shape), factors, window=level.window_hu, device=device)
    return replace(image, first_vox=tuple(((first - origin_vox) // factors).tolist()))


def _moving_is_template(fixed: Volume, moving: Volume, level: Level, prefer_moving: bool) -> bool:
    def thicker(a: Volume, b: Volume) -> bool:
        return _coarsest(a) > COARSER * max(_coarsest(b), level.spacing_mm)

    return thicker(moving, fixed) or (prefer_moving and not thicker(fixed, moving))


def _coarsest(volume: Volume) -> float:
    return float(volume.grid.spacing_mm.max())

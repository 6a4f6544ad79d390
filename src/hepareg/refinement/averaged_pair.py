"""Both images of a level, averaged in blocks, before they are brought to one sharpness and compared."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.geometry.boxes import range_around_points
from hepareg.refinement.direction import Direction
from hepareg.refinement.images.block_average import GridImage, block_average, block_factors
from hepareg.refinement.images.blur import match_blur
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.images.region import Region
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import cut_cells
from hepareg.refinement.level import Level
from hepareg.refinement.settings import LevelSettings, RefinementSettings, TemplateSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["AveragedPair", "average_pair", "choose_direction"]


@dataclass(frozen=True, eq=False)
class AveragedPair:
    """Two images of one level: the template is read at its own voxel centres, the sampled image between its voxels.

    Parameters
    ----------
    direction
        From the reference and searched image to the template and sampled image.
    template, sampled
        The images, averaged in blocks.
    pose
        searched_from_reference, to within a few voxels.
    region
        The liver in the reference image.
    margin_mm
        Voxels up to this far outside the liver's mask are compared.
    settings, refinement
        The settings of this level, and those that all levels share.
    """

    direction: Direction
    template: GridImage
    sampled: GridImage
    pose: RigidTransform
    region: Region
    margin_mm: float
    settings: LevelSettings
    refinement: RefinementSettings

    def level(self, *, deblur: float | None = None) -> Level:
        """Return the level with its images brought to one sharpness.

        Parameters
        ----------
        deblur
            Share of interpolation's blur that is undone (`SampledFeatures`); the blur that then remains between the
            images is a free parameter (`LocalAffine`). Use only when the pose is within about one voxel. Earlier,
            interpolation's blur suppresses noise, and free blur parameters would absorb real motion.
        """
        template_data, sampled_data = match_blur(
            self.template,
            self.sampled,
            sampled_from_template=self._sampled_from_template.rotation,
            interpolation_share=1 - (deblur or 0.0),
        )
        template, sampled = replace(self.template, data=template_data), replace(self.sampled, data=sampled_data)
        distance = self.region.distance
        if self.direction.exchanged:
            distance = distance.move(self.pose)
        cells = cut_cells(
            template,
            distance=distance,
            margin_mm=self.margin_mm,
            centre_mm=self.direction.carry(self.region.centre_mm, self.pose),
            settings=self.settings.cells,
        )
        images = LevelImages(template, sampled, sampled_features(sampled, deblur=deblur), cells, self.margin_mm)
        return Level(self.direction, images, self.region.distance, self.settings, self.refinement)

    @property
    def is_biased_by_interpolation(self) -> bool:
        """Whether linear interpolation would bias the pose, by tenths of the sampled image's voxels.

        It would if neighbouring positions lie at one fraction between voxels, as on nearly parallel grids, or if slices
        lie far apart.
        """
        limits = self.refinement.interpolation
        far_apart = self.sampled.grid.spacing_mm.max() > limits.max_slice_ratio * self.settings.spacing_mm
        return bool(far_apart or self.neighbour_coherence().max() > limits.max_coherence)

    def neighbour_coherence(self) -> NDArray[np.floating]:
        """Return (3,) shares, 0 to 1, of how alike neighbours lie between the sampled image's voxels, along its axes.

        |mean exp(2 pi i x)|, with x the fractional voxel index, along one axis of the sampled image, of the template's
        voxels under the pose, and the mean over a cube of the edge `InterpolationSettings.neighbours_mm`. It is 1 on
        parallel grids of one spacing, and 0 if all fractions between two voxels occur alike within the cube. Every cube
        of the template has the same value, as the grids are regular. For the axis a it is computed as
        prod_t |sinc((d_at - round(d_at)) n_t)|, over the template's axes t: d_at is the change of x for one voxel along
        t, n_t the edge of the cube in voxels along t, and sinc(z) = sin(pi z) / (pi z).
        """
        into_sampled = self.sampled.grid.voxel_from_world @ self._sampled_from_template.matrix
        steps_vox = (into_sampled @ self.template.grid.world_from_voxel)[:3, :3]
        cube_vox = self.refinement.interpolation.neighbours_mm / self.template.grid.spacing_mm
        return np.abs(np.sinc((steps_vox - np.round(steps_vox)) * cube_vox)).prod(axis=1)

    @property
    def _sampled_from_template(self) -> RigidTransform:
        return self.direction.to_solver(self.pose)


def choose_direction(
    reference: Volume, searched: Volume, *, when_alike: Direction, spacing_mm: float, settings: TemplateSettings
) -> Direction:
    """Return the direction in which the image with the thicker slices is the template of a level.

    Interpolating across thick slices would blur by an amount that depends on a point's position between two slices.

    Parameters
    ----------
    reference, searched
        The images.
    when_alike
        The direction if neither image has thicker slices.
    spacing_mm
        Spacing of the level: slices below it are alike.
    settings
        The factor by which slices have to be thicker.
    """

    def is_thicker(a: Volume, b: Volume) -> bool:
        return _slice_mm(a) > settings.thicker_ratio * max(_slice_mm(b), spacing_mm)

    if is_thicker(searched, reference):
        return Direction(exchanged=True)
    return Direction() if is_thicker(reference, searched) else when_alike


def average_pair(
    region: Region,
    searched: Volume,
    poses: Sequence[RigidTransform],
    *,
    direction: Direction,
    settings: LevelSettings,
    refinement: RefinementSettings,
) -> AveragedPair | None:
    """Average both images to the spacing of a level, the searched image only around the region as the poses move it.

    Parameters
    ----------
    region, searched
        The liver in the reference image, and the image in which it is searched for.
    poses
        Starts of the level, searched_from_reference; more than one only if the reference image is the template.
    direction
        From reference and searched image to template and sampled image.
    settings, refinement
        The settings of this level, and those that all levels share.

    Returns
    -------
    AveragedPair or None
        None if no pose takes a part of the region into the searched image.
    """
    limits = refinement.template
    reach = np.concatenate([pose.apply(region.image.grid.corners_mm) for pose in poses])
    wanted, end = range_around_points(
        searched.grid, reach, margin_mm=limits.reach_spacings * settings.spacing_mm, margin_vox=2
    )
    start, stop = np.maximum(wanted, 0), np.minimum(end, searched.shape)
    if not (start < stop).all():
        return None
    searched = searched.crop(start, stop)
    device = region.distance.data.device
    slice_mm = _slice_mm(direction.order(region.image, searched)[0])
    template, sampled = direction.order(
        _average(region.image, settings, device, origin_vox=region.origin_vox),
        _average(searched, settings, device, origin_vox=wanted - start),
    )
    margin_mm = max(settings.margin_mm, min(limits.margin_slices * slice_mm, limits.max_margin_mm))
    return AveragedPair(direction, template, sampled, poses[0], region, margin_mm, settings, refinement)


def _average(
    volume: Volume, settings: LevelSettings, device: torch.device, *, origin_vox: NDArray[np.int_]
) -> GridImage:
    """Average the image in blocks counted from voxel ``origin_vox``, without voxels before the first whole block."""
    factors = block_factors(volume.grid, settings.spacing_mm)
    first = np.clip(np.mod(origin_vox, factors), 0, np.array(volume.shape) - factors)
    image = block_average(volume.crop(first, volume.shape), factors, window=settings.window_hu, device=device)
    return replace(image, first_vox=tuple(((first - origin_vox) // factors).tolist()))


def _slice_mm(volume: Volume) -> float:
    return float(volume.grid.spacing_mm.max())

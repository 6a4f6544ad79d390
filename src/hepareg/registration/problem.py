"""The problem that a registration solves: the searched image, and the liver of the other image to be found in it.

A registration searches one image, the *searched* image, for the liver of the other one, the *reference* image. The
reference image is the fixed image; only if the moving mask is the only mask, it is the moving image. Poses are
searched_from_reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from hepareg.arrays import Points
from hepareg.geometry.boxes import box_around_points, range_around_points
from hepareg.geometry.masked import spread_points_mm
from hepareg.pair import ImagePair
from hepareg.refinement.direction import Direction
from hepareg.refinement.images.region import Region, RegionSettings, distance_to_mask, mask_with_margin
from hepareg.registration.liver_top import below_liver_top
from hepareg.registration.mask_surface import MaskSurface, MaskSurfaceSettings, mask_surface
from hepareg.registration.outlines import OutlineSettings, body_centre_mm, is_cut_by_border
from hepareg.registration.rough_liver import RoughLiverSettings, rough_liver_region
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Problem", "ProblemSettings", "build_problem"]


@dataclass(frozen=True)
class ProblemSettings:
    """Sizes and intensities by which the liver and its surroundings are found in both images.

    Parameters
    ----------
    search_margin_mm
        With one mask, the searched image is cropped to the mask's box and this margin around the box: more than
        breathing moves a liver between two phases.
    left_mm
        A liver's centroid lies right of the body's. A mask farther left than this may be of the spleen, or of a mirror
        image.
    num_points
        Approximate number of points over the liver at which errors and displacements are measured.
    top_lattice_mm
        Spacing of the lattice on which a mask is tested for being in one piece (`below_liver_top`).
    region, outlines, rough_liver, surface
        The region's margins, the outlines of body and mask, the stand-in for a missing mask, and the masks' surfaces.
    """

    search_margin_mm: float = 60.0
    left_mm: float = 15.0
    num_points: int = 1000
    top_lattice_mm: float = 4.5
    region: RegionSettings = field(default_factory=RegionSettings)
    outlines: OutlineSettings = field(default_factory=OutlineSettings)
    rough_liver: RoughLiverSettings = field(default_factory=RoughLiverSettings)
    surface: MaskSurfaceSettings = field(default_factory=MaskSurfaceSettings)


@dataclass(frozen=True, eq=False)
class Problem:
    """A reference image with its liver, and the image that is searched for that liver.

    Parameters
    ----------
    direction
        From the user's fixed and moving image to the reference and searched image.
    reference, searched, reference_mask, searched_mask
        The images, without the slices above the liver's top, and their masks if given.
    region
        The reference image around its liver.
    points_mm
        (N, 3) points spread over the liver, world mm of the reference image, for errors and displacements.
    flags
        Codes of missing masks and of masks that are cut.
    settings
        The settings that the problem was built with.
    """

    direction: Direction
    reference: Volume
    searched: Volume
    reference_mask: Volume | None
    searched_mask: Volume | None
    region: Region
    points_mm: Points
    flags: tuple[str, ...]
    settings: ProblemSettings

    @property
    def has_both_masks(self) -> bool:
        """Whether both images have a liver mask."""
        return self.reference_mask is not None and self.searched_mask is not None

    @cached_property
    def surfaces(self) -> tuple[MaskSurface, MaskSurface] | None:
        """Surfaces of the reference mask and the searched mask; None if one is missing or vanishes."""
        return self.surfaces_at(self.settings.surface)

    def surfaces_at(self, settings: MaskSurfaceSettings) -> tuple[MaskSurface, MaskSurface] | None:
        """Return the surfaces of both masks at a resolution; None if one is missing or vanishes."""
        if self.reference_mask is None or self.searched_mask is None:
            return None
        reference, searched = (mask_surface(m, settings=settings) for m in (self.reference_mask, self.searched_mask))
        return None if reference is None or searched is None else (reference, searched)

    @property
    def liver_ml(self) -> float | None:
        """Volume of the smaller mask, or None without any."""
        given = [mask for mask in (self.reference_mask, self.searched_mask) if mask is not None]
        volumes = [mask.profile.total * mask.grid.voxel_volume_mm3 / 1000 for mask in given]
        return min(volumes, default=None)

    def limit_search(self, guesses: Sequence[RigidTransform]) -> "Problem":
        """Return the problem with the searched image cropped to the region in which the only mask's liver can be.

        With two masks, or none, the problem is returned unchanged.

        Parameters
        ----------
        guesses
            Poses found independently of each other, such as the identity, the bodies' outlines and the user's start.
            Each carries the mask's box over; the margin is added around each box.
        """
        if self.reference_mask is None or self.searched_mask is not None:
            return self
        inside = self.reference_mask.grid.crop(*self.reference_mask.profile.box)
        boxes = [
            box_around_points(
                self.searched.grid, guess.apply(inside.corners_mm), margin_mm=self.settings.search_margin_mm
            )
            for guess in guesses
        ]
        found = [box for box in boxes if box is not None]
        if not found:
            return self
        start, stop = np.min([a for a, _ in found], axis=0), np.max([b for _, b in found], axis=0)
        return replace(self, searched=self.searched.crop(start, stop))


def build_problem(images: ImagePair, *, device: torch.device, settings: ProblemSettings) -> Problem:
    """Choose the reference image and find its liver.

    1. Slices of an image above the top of its mask's liver are cut off, with the mask's own (`below_liver_top`).
    2. The reference image is the fixed image. If the moving mask is the only mask, it is the moving image.
    3. The liver is the reference image's mask. Without any mask it is the largest soft-tissue organ found by
       `rough_liver_region`, or the whole image if none is found.
    4. The region is the reference image cropped around the liver, and ``settings.num_points`` points, about, are spread
       over the liver.

    Parameters
    ----------
    images
        The user's pair.
    device
        Device of the refinement.
    settings
        Sizes and intensities by which liver and surroundings are found.

    Returns
    -------
    Problem
        Its flags are, each if it applies:

        - ``no_liver_mask``: neither image has a mask;
        - ``no_liver_found``: nor was an organ found, so that the whole reference image stands for the liver;
        - ``mask_cut_by_border``: an image's border cuts a mask at its lower or upper end (`is_cut_by_border`);
        - ``mask_left_of_the_body_centre``: the reference mask's centroid lies more than ``settings.left_mm`` left of
          the body's centre.
    """
    moving, moving_mask = _below_top(images.moving, images.moving_mask, settings)
    fixed, fixed_mask = _below_top(images.fixed, images.fixed_mask, settings)
    direction = Direction(exchanged=fixed_mask is None and moving_mask is not None)
    reference, searched = direction.order(fixed, moving)
    reference_mask, searched_mask = direction.order(fixed_mask, moving_mask)
    liver, flags = _liver(reference, reference_mask, settings)
    given = [mask for mask in (reference_mask, searched_mask) if mask is not None]
    if any(any(is_cut_by_border(mask, settings=settings.outlines)) for mask in given):
        flags.append("mask_cut_by_border")
    region = _region(reference, liver, device, settings.region)
    body_mm = body_centre_mm(reference, settings=settings.outlines)
    if reference_mask is not None and region.centre_mm[0] < body_mm[0] - settings.left_mm:
        flags.append("mask_left_of_the_body_centre")
    return Problem(
        direction=direction,
        reference=reference,
        searched=searched,
        reference_mask=reference_mask,
        searched_mask=searched_mask,
        region=region,
        points_mm=spread_points_mm(liver.data, liver.grid, count=settings.num_points, profile=liver.profile),
        flags=tuple(flags),
        settings=settings,
    )


def _below_top(image: Volume, mask: Volume | None, settings: ProblemSettings) -> tuple[Volume, Volume | None]:
    return (image, None) if mask is None else below_liver_top(image, mask, lattice_mm=settings.top_lattice_mm)


def _liver(reference: Volume, mask: Volume | None, settings: ProblemSettings) -> tuple[Volume, list[str]]:
    """Return the liver's mask, or a stand-in for a missing mask and its flags."""
    if mask is not None:
        return mask, []
    found = rough_liver_region(reference, settings=settings.rough_liver)
    if found is not None:
        return found, ["no_liver_mask"]
    everything = Volume(np.ones(reference.shape, dtype=bool), reference.grid)
    return everything, ["no_liver_mask", "no_liver_found"]


def _region(reference: Volume, liver: Volume, device: torch.device, settings: RegionSettings) -> Region:
    around = mask_with_margin(liver, settings.margin_mm)
    wanted, end = range_around_points(reference.grid, around.grid.corners_mm)
    start, stop = np.maximum(wanted, 0), np.minimum(end, reference.shape)
    distance = distance_to_mask(around, device=device, settings=settings)
    return Region(reference.crop(start, stop), distance, liver.centroid_mm, origin_vox=wanted - start)

"""Which image is searched for in which, and which part of it: what follows from the masks at hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from hepareg.arrays import Points
from hepareg.geometry.boxes import box_around_points, range_around_points
from hepareg.refinement.images.region import FixedRegion, distance_to_mask, mask_with_margin
from hepareg.registration.liver_top import below_liver_top
from hepareg.registration.rough_liver import rough_liver_region
from hepareg.registration.starts import Start, body_centre, border_cut
from hepareg.volume import Volume
from hepareg.voxel_tensor import on_device, voxel_array

__all__ = ["Images", "Roles", "assign_roles", "near_the_mask"]

REGION_MARGIN_MM = 12.0
SEARCH_MARGIN_MM = 60.0
"""How far around the box of an only mask the other image is searched."""
LEFT_MM = 15.0
"""A liver's centroid lies right of the body's; farther left than this it may be the spleen, or a mirror image."""
PROBE_POINTS = 1000


@dataclass(frozen=True, eq=False)
class Images:
    """A pair and its masks, in the user's roles."""

    moving: Volume
    fixed: Volume
    moving_mask: Volume | None
    fixed_mask: Volume | None

    def on_host(self) -> "Images":
        """Return the same with the voxels as NumPy arrays."""
        host = torch.device("cpu")
        masks = (None if mask is None else on_device(mask, host) for mask in (self.moving_mask, self.fixed_mask))
        return Images(on_device(self.moving, host), on_device(self.fixed, host), *masks)


@dataclass(frozen=True, eq=False)
class Roles:
    """The registration problem as it is solved.

    Parameters
    ----------
    fixed, moving, fixed_mask, moving_mask
        The images in the roles of the solver.
    swapped
        True where these are the user's images the other way round: then the result is inverted.
    region
        The fixed image around its liver.
    points_mm
        (N, 3) points spread over the liver, fixed world, for errors and displacements.
    flags
        Codes of what was missing or cut.
    """

    moving: Volume
    fixed: Volume
    moving_mask: Volume | None
    fixed_mask: Volume | None
    swapped: bool
    region: FixedRegion
    points_mm: Points
    flags: tuple[str, ...]

    @property
    def liver_ml(self) -> float | None:
        """Volume of the smaller mask, or None without any."""
        given = [mask for mask in (self.fixed_mask, self.moving_mask) if mask is not None]
        volumes = [mask.profile.total * mask.grid.voxel_volume_mm3 / 1000 for mask in given]
        return min(volumes, default=None)


def assign_roles(
    *, moving: Volume, fixed: Volume, moving_mask: Volume | None, fixed_mask: Volume | None, device: torch.device
) -> Roles:
    """Decide the region of interest and the direction of the search.

    The region is the fixed liver. With only the moving mask the search runs the other way round;
    without any, the largest compact soft-tissue organ stands in for the liver and the result says
    ``no_liver_mask``.
    """
    if moving_mask is not None:
        moving, moving_mask = below_liver_top(moving, moving_mask)
    if fixed_mask is not None:
        fixed, fixed_mask = below_liver_top(fixed, fixed_mask)
    swapped = fixed_mask is None and moving_mask is not None
    if swapped:
        moving, fixed, moving_mask, fixed_mask = fixed, moving, None, moving_mask
    flags = []
    mask = fixed_mask
    if mask is None:
        flags.append("no_liver_mask")
        mask = rough_liver_region(fixed)
        if mask is None:
            flags.append("no_liver_found")
            mask = Volume(np.ones(fixed.shape, dtype=bool), fixed.grid)
    elif any(any(border_cut(m)) for m in (fixed_mask, moving_mask) if m is not None):
        flags.append("mask_cut_by_border")
    region = _region(fixed, mask, device)
    if fixed_mask is not None and region.centre_mm[0] < body_centre(fixed)[0] - LEFT_MM:
        flags.append("mask_left_of_the_body_centre")
    return Roles(
        moving=moving,
        fixed=fixed,
        moving_mask=moving_mask,
        fixed_mask=fixed_mask,
        swapped=swapped,
        region=region,
        points_mm=_probe(mask),
        flags=tuple(flags),
    )


def near_the_mask(roles: Roles, starts: Sequence[Start]) -> Roles:
    """Return the problem with the moving image limited to where the only mask's liver can be.

    That is the mask's box, dilated by `SEARCH_MARGIN_MM`, as each guess of its own carries it over: the
    identity, the bodies' outlines, the user's start. With two masks, or none, nothing changes.
    """
    if roles.fixed_mask is None or roles.moving_mask is not None:
        return roles
    inside = roles.fixed_mask.grid.crop(*roles.fixed_mask.profile.box)
    boxes = [
        box_around_points(roles.moving.grid, start.transform.apply(inside.corners_mm), margin_mm=SEARCH_MARGIN_MM)
        for start in starts
        if not start.derived
    ]
    found = [box for box in boxes if box is not None]
    if not found:
        return roles
    start, stop = np.min([a for a, _ in found], axis=0), np.max([b for _, b in found], axis=0)
    return replace(roles, moving=roles.moving.crop(start, stop))


def _region(fixed: Volume, mask: Volume, device: torch.device) -> FixedRegion:
    around = mask_with_margin(mask, REGION_MARGIN_MM)
    wanted, end = range_around_points(fixed.grid, around.grid.corners_mm)
    start, stop = np.maximum(wanted, 0), np.minimum(end, fixed.shape)
    distance, centre = distance_to_mask(around, device=device), mask.grid.world_points(mask.profile.centroid_vox)
    return FixedRegion(fixed.crop(start, stop), distance, centre, origin_vox=wanted - start)


def _probe(mask: Volume) -> Points:
    """Return about `PROBE_POINTS` voxel centres on a regular lattice of the mask's box."""
    inside = mask.crop(*mask.profile.box)
    step = max(1, int((mask.profile.total / PROBE_POINTS) ** (1 / 3)))
    voxels = step * np.argwhere(voxel_array(inside.data[::step, ::step, ::step]))
    return inside.grid.world_points(voxels if len(voxels) else np.argwhere(voxel_array(inside.data)))

"""A mask on another grid than its image's: taken voxel by voxel, resampled, or refused if it cannot be right."""

import numpy as np

from hepareg.arrays import Points
from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.boxes import box_around_points, distances_outside_mm
from hepareg.geometry.masked import spread_points_mm
from hepareg.preprocessing.axis_order import axis_order, reordered_grid
from hepareg.transforms.resample import resample
from hepareg.volume import Volume

__all__ = ["place_mask"]

SAME_VOXELS = 0.5
"""Largest shift in voxels up to which a header was only rounded: the nearest voxel of each is its own."""
SAME_SIZE = 0.01
"""Part of the spacing by which two grids of one size may differ: a header written with two decimals."""
MAX_SHIFT_MM = 10.0
"""A mask's grid of the image's size, farther from it than this, has a wrong header: phases of one study lie nearer."""
MAX_OUTSIDE = 0.5
TOLD_OUTSIDE = 0.005
NUM_POINTS = 20000
"""Points of a mask that are looked up in the image; a part of 0.5 % of them is known to 0.05 %."""


def place_mask(mask: Volume, *, onto: Grid, name: str = "mask") -> Volume:
    """Return a mask on the grid of its image, with a note on the way in which its voxels were placed.

    Voxel centres to half a voxel at the image's own, as behind a header that another program rounded, are taken voxel
    by voxel. Any other grid of the same world, cropped, coarser or oblique, is sampled with nearest neighbours.

    Parameters
    ----------
    mask
        bool, with at least one voxel.
    onto
        Grid of the image.
    name
        Name of the mask in a message.

    Raises
    ------
    MaskError
        If the mask does not overlap with the image or lies mostly outside of the image; if the mask has the image's
        size, but another position; if no voxel of the mask is left. The message says how many mm it is off.
    """
    order = axis_order(mask.grid, onto, tolerance_vox=SAME_VOXELS)
    if order is not None:
        shift = np.linalg.norm(reordered_grid(mask.grid, order).corners_mm - onto.corners_mm, axis=1).max()
        note = f"the header of the {name} is off by up to {shift:.2g} mm: it was taken voxel by voxel"
        return Volume(order.apply(mask.data), onto, mask.phase, mask.provenance).with_notes(note)
    points = spread_points_mm(mask.data, mask.grid, count=NUM_POINTS, profile=mask.profile)
    outside = _outside(points, onto, name)
    _check_place(mask.grid, onto, name)
    placed = np.zeros(onto.shape, bool, order="F")
    box = box_around_points(
        onto, mask.grid.crop(*mask.profile.box).corners_mm, margin_mm=float(mask.grid.spacing_mm.max())
    )
    if box is not None:
        ranges = tuple(slice(int(a), int(b)) for a, b in zip(*box, strict=True))
        placed[ranges] = resample(mask, onto.crop(*box), interpolation="nearest", padding=0).data
    if not placed.any():
        raise MaskError(
            f"expected a {name} that covers voxels of its image, got one of {mask.profile.total} voxels of "
            f"{' x '.join(f'{s:.3g}' for s in mask.grid.spacing_mm)} mm that fall between them; check the mask"
        )
    part = f"; {100 * outside:.0f} % of it lie outside of the image" if outside > TOLD_OUTSIDE else ""
    return Volume(placed, onto, mask.phase, mask.provenance).with_notes(
        f"the {name} lies on another grid than its image: it was resampled with nearest neighbours{part}"
    )


def _outside(points: Points, onto: Grid, name: str) -> float:
    """Return the part of a mask's voxels that lie outside of the image."""
    distances = distances_outside_mm(onto, points)
    outside = float(np.mean(distances > 0))
    if outside == 1:
        raise MaskError(
            f"expected a {name} that overlaps with its image, got one {distances.min():.1f} mm away from it; "
            "check that both belong together, and the origin in their headers"
        )
    if outside > MAX_OUTSIDE:
        raise MaskError(
            f"expected a {name} within its image, got {100 * outside:.0f} % of it outside, up to "
            f"{distances.max():.1f} mm away; check that both belong together, and the origin in their headers"
        )
    return outside


def _check_place(grid: Grid, onto: Grid, name: str) -> None:
    """Raise an error if a grid of the image's size and spacing lies more than `MAX_SHIFT_MM` from the image's."""
    sizes = [sorted(zip(g.shape, g.spacing_mm, strict=True)) for g in (grid, onto)]
    same = all(a == c and abs(b - d) <= SAME_SIZE * d for (a, b), (c, d) in zip(*sizes, strict=True))
    if not same:
        return
    off = np.linalg.norm(grid.corners_mm[:, None] - onto.corners_mm[None], axis=2).min(axis=1).max()
    if off > MAX_SHIFT_MM:
        raise MaskError(
            f"expected the {name} at the place of its image, got one of the same size {off:.1f} mm off: it was made on "
            "this image and its header was changed, or on another one; export it again"
        )

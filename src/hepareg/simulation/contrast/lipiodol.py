"""Lipiodol in tumours of the liver: dense droplets after a chemoembolisation, present in one of two images only."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.geometry import Grid
from hepareg.simulation.organ_space import OrganSpace

__all__ = ["LIPIODOL_HU", "add_lipiodol"]

LIPIODOL_HU = (500.0, 1500.0)
"""Range of HU of droplets."""
DEPOSIT_MM = (8.0, 22.0)
DROPLET_MM = (1.0, 4.0)


def add_lipiodol(image_hu: NDArray[np.float32], grid: Grid, space: OrganSpace, *, rng: Generator) -> None:
    """Add one to four deposits of dense droplets to the liver of an image in HU, in place.

    A deposit is a ball of 8 to 22 mm radius that 30 to 90 droplets of 1 to 4 mm radius fill more densely in the middle.
    """
    for centre in rng.permutation(space.points_deeper_than(10.0))[: rng.integers(1, 5)]:
        radius = rng.uniform(*DEPOSIT_MM)
        for _ in range(rng.integers(30, 91)):
            place = centre + rng.standard_normal(3) * radius / 2
            if space.inside[tuple(space.grid.nearest_voxels(place))]:
                _add_droplet(image_hu, grid, place, rng.uniform(*DROPLET_MM), rng.uniform(*LIPIODOL_HU))


def _add_droplet(
    image_hu: NDArray[np.float32], grid: Grid, place: NDArray[np.floating], radius: float, level_hu: float
) -> None:
    """Raise the image to a level in a ball whose edge is one voxel wide."""
    middle = grid.voxel_points(place)
    edge = float(grid.spacing_mm.max()) / 2
    reach = (radius + edge) / grid.spacing_mm + 1
    start = np.maximum(np.floor(middle - reach).astype(int), 0)
    stop = np.minimum(np.ceil(middle + reach).astype(int) + 1, grid.shape)
    if (stop <= start).any():
        return
    block = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    points = grid.world_points(np.moveaxis(np.indices(tuple(stop - start)), 0, -1) + start)
    share = np.clip(0.5 + (radius - np.linalg.norm(points - place, axis=-1)) / (2 * edge), 0, 1)
    part = image_hu[block]
    part[...] = np.maximum(part, part + share * (level_hu - part))

"""Tumours, cysts and surgical clips in the procedural liver."""

from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.geometry import Grid
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.organ_space import OrganSpace

__all__ = ["add_lesions"]


class LesionCounts(Protocol):
    """Largest numbers of lesions, as `PhantomSettings` has them."""

    @property
    def num_tumours(self) -> int: ...
    @property
    def num_cysts(self) -> int: ...
    @property
    def num_clips(self) -> int: ...


def add_lesions(
    labels: NDArray[np.uint8],
    liver: NDArray[np.bool_],
    space: OrganSpace,
    counts: LesionCounts,
    *,
    grid: Grid,
    rng: Generator,
) -> dict[str, object]:
    """Paint lesions into the liver and return their places: {"tumours": [{"centre_mm", "radius_mm"}, ...], ...}."""
    found: dict[str, object] = {}
    kinds = (
        ("tumours", Label.TUMOUR, counts.num_tumours, (6.0, 26.0), 8.0),
        ("cysts", Label.CYST, counts.num_cysts, (4.0, 16.0), 6.0),
        ("clips", Label.CLIP, counts.num_clips, (1.2, 1.8), 2.0),
    )
    for name, label, largest, (low, high), depth in kinds:
        places = rng.permutation(space.points_deeper_than(depth))
        lesions = []
        for centre in places[: rng.integers(0, largest + 1) if largest else 0]:
            radius = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            _paint_blob(labels, liver, grid, centre, radius, label, rng)
            lesions.append({"centre_mm": [round(float(c), 2) for c in centre], "radius_mm": round(radius, 2)})
        found[name] = lesions
    return found


def _paint_blob(
    labels: NDArray[np.uint8],
    liver: NDArray[np.bool_],
    grid: Grid,
    centre: NDArray[np.floating],
    radius: float,
    label: Label,
    rng: Generator,
) -> None:
    """Paint an ellipsoid with a lobulated surface where it lies inside the liver."""
    radii = radius * rng.uniform(0.75, 1.25, 3)
    reach = 1.5 * radii.max() / grid.spacing_mm + 1
    middle = grid.voxel_points(centre)
    start = np.maximum(np.floor(middle - reach).astype(int), 0)
    stop = np.minimum(np.ceil(middle + reach).astype(int) + 1, grid.shape)
    block = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    points = grid.world_points(np.moveaxis(np.indices(tuple(stop - start)), 0, -1) + start) - centre
    waves = rng.standard_normal((3, 3)) / radius
    lobes = 1 + 0.08 * sum(np.sin(2.0 * (points @ wave)) for wave in waves)
    inside = (np.linalg.norm(points / radii, axis=-1) < lobes) & liver[block]
    labels[block][inside] = int(label)

"""A procedural abdomen: the liver and the organs around it, different for every seed."""

import math
from dataclasses import asdict, dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.lesions import add_lesions
from hepareg.simulation.anatomy.liver_vessels import LiverVesselSettings, grow_liver_vessels
from hepareg.simulation.anatomy.phantom_body import draw_body_plan, paint_body, paint_spine, rib_paths, wall_fields
from hepareg.simulation.anatomy.phantom_organs import liver_shape, paint_gallbladder, paint_great_vessels, paint_organs
from hepareg.simulation.anatomy.trunks import portal_trunks
from hepareg.simulation.anatomy.vessel_drawing import draw_tree
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.shapes import DesignGrid

__all__ = ["PhantomSettings", "phantom_anatomy"]

MAX_VOXELS = 400_000_000
"""More would need over 20 GB of memory."""


@dataclass(frozen=True)
class PhantomSettings:
    """Grid of the procedural abdomen, and lesions and fat in its liver.

    Parameters
    ----------
    shape, spacing_mm
        Grid of the anatomy; the default covers 384 x 384 x 240 mm.
    num_tumours, num_cysts, num_clips
        Largest numbers; the actual numbers are drawn.
    fat_fraction
        Largest fat infiltration of the liver as a fraction; 0.3 lowers the liver by about 45 HU.

    Raises
    ------
    SettingsError
        If a size is too small to hold a liver, or too large for the memory.
    """

    shape: tuple[int, int, int] = (256, 256, 160)
    spacing_mm: tuple[float, float, float] = (1.5, 1.5, 1.5)
    num_tumours: int = 3
    num_cysts: int = 2
    num_clips: int = 0
    fat_fraction: float = 0.1

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 8 or math.prod(self.shape) > MAX_VOXELS:
            raise SettingsError(
                f"expected three sizes of at least 8 and at most {MAX_VOXELS:,} voxels in all, got {self.shape}"
            )
        if not all(0.3 <= s <= 10 for s in self.spacing_mm):
            raise SettingsError(f"expected a spacing from 0.3 to 10 mm, got {self.spacing_mm}")
        extent = [n * s for n, s in zip(self.shape, self.spacing_mm, strict=True)]
        if extent[0] < 300 or extent[1] < 240 or extent[2] < 180:
            raise SettingsError(
                "expected an anatomy of at least 300 x 240 x 180 mm, got "
                f"{extent[0]:.0f} x {extent[1]:.0f} x {extent[2]:.0f} mm: more voxels, or a larger spacing"
            )
        if min(self.num_tumours, self.num_cysts, self.num_clips) < 0 or not 0 <= self.fat_fraction <= 0.5:
            raise SettingsError("expected numbers of lesions of 0 or more and a fat fraction from 0 to 0.5")


def phantom_anatomy(settings: PhantomSettings, *, vessels: LiverVesselSettings, rng: Generator) -> Anatomy:
    """Return a random procedural abdomen.

    Its axes are those of the world; the middle of its grid lies at a random place within 60 mm of the origin along
    each axis.
    """
    grid = _grid(settings, rng)
    plan = draw_body_plan(rng)
    design = DesignGrid(grid)
    wall = wall_fields(design, plan, rng=rng)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    paint_body(labels, design, plan, wall, rng=rng)
    paint_organs(labels, design, plan, wall, rng=rng)
    shape = liver_shape(design, plan, wall, rng=rng)
    design.paint(labels, shape.field, Label.LIVER)
    paint_spine(labels, design, plan, wall)
    paint_great_vessels(labels, design, plan, shape)
    paint_gallbladder(labels, design, shape, rng=rng)
    half_height = grid.shape[2] * grid.spacing_mm[2] / 2
    for rib in rib_paths(plan, origin_mm=grid.centre_mm, half_height_mm=half_height, rng=rng):
        if (layer := draw_tree(rib, grid)) is not None:
            labels[layer.block][layer.filled >= 128] = int(Label.BONE)
    liver = _largest(labels == Label.LIVER)
    labels[(labels == Label.LIVER) & ~liver] = int(Label.FAT)
    space = OrganSpace(liver, grid)
    grown = grow_liver_vessels(
        space,
        settings=vessels,
        rng=rng,
        hilum=shape.hilum + grid.centre_mm,
        confluence=shape.confluence + grid.centre_mm,
    )
    trees = (*grown, *portal_trunks(grown, plan, centre_mm=grid.centre_mm, rng=rng))
    lesions = add_lesions(labels, liver, space, settings, grid=grid, rng=rng)
    layers = tuple(layer for tree in trees if (layer := draw_tree(tree, grid)) is not None)
    fat = rng.uniform(0, settings.fat_fraction)
    parameters: dict[str, object] = {
        "plan": {key: round(value, 3) for key, value in asdict(plan).items()}, "fat_fraction": round(fat, 3), **lesions,
    }  # fmt: skip
    static = np.zeros(grid.shape, dtype=np.uint8)
    design.paint(static, np.minimum(-wall.cavity, wall.spine), 1)
    return Anatomy(
        grid,
        labels,
        liver,
        static.view(bool),
        trees,
        layers,
        fat_fraction=fat,
        texture_seed=int(rng.integers(2**31)),
        parameters=parameters,
    )


def _grid(settings: PhantomSettings, rng: Generator) -> Grid:
    matrix = np.diag([*settings.spacing_mm, 1.0])
    centre = rng.uniform(-60, 60, 3)
    matrix[:3, 3] = centre - (np.array(settings.shape) - 1) / 2 * settings.spacing_mm
    return Grid(settings.shape, matrix)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest component of a mask, found on every second voxel of a large mask."""
    step = 2 if min(mask.shape) > 96 else 1
    coarse = mask[::step, ::step, ::step]
    parts, count = ndimage.label(coarse)
    if count <= 1:
        return mask
    largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    grown = ndimage.binary_dilation(largest)
    for axis in range(3):
        grown = np.repeat(grown, step, axis=axis)
    return mask & grown[tuple(slice(0, n) for n in mask.shape)]

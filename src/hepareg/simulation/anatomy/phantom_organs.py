"""The organs of the procedural abdomen, painted from implicit shapes."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.phantom_body import BodyPlan, Wall
from hepareg.simulation.shapes import (
    DesignGrid,
    Field,
    ellipsoid,
    smooth_maximum,
    smooth_minimum,
    smooth_noise,
    tube,
)

__all__ = ["LiverShape", "liver_shape", "paint_gallbladder", "paint_great_vessels", "paint_organs"]


@dataclass(frozen=True, eq=False)
class LiverShape:
    """The liver's shape, and the places of its vessels and of the gallbladder, in body coordinates in mm.

    Parameters
    ----------
    field
        Coarse implicit shape.
    hilum, confluence
        (3,) points at which the portal vein enters and the hepatic veins leave.
    cava
        Path of the vena cava: (x, y, z) at rising z.
    gallbladder
        (3,) middle of the gallbladder's bed.
    """

    field: Field
    hilum: NDArray[np.floating]
    confluence: NDArray[np.floating]
    cava: list[tuple[float, float, float]]
    gallbladder: NDArray[np.floating]


def liver_shape(design: DesignGrid, plan: BodyPlan, wall: Wall, *, rng: Generator) -> LiverShape:
    """Return a liver of the planned volume: two lobes between the diaphragm and an oblique visceral surface.

    The implicit function's level is chosen so that the volume is exact on the coarse grid.
    """
    axes = design.axes
    x, y, z = axes
    s = (plan.liver_litres / 1.5) ** (1 / 3)
    A, B = plan.inner
    top = plan.dome
    right = (0.50 * A + rng.uniform(-8, 8), rng.uniform(-12, 8), top - rng.uniform(82, 96) * s)
    right_size = np.array([0.60 * A, 0.98 * B, 100 * s]) * rng.uniform(0.83, 1.17, 3)
    left = (-0.05 * A + rng.uniform(-18, 12), 0.42 * B, top - rng.uniform(44, 60) * s)
    left_size = np.array([0.62 * A, 0.5 * B, 40 * s]) * rng.uniform(0.67, 1.33, 3)
    lobes = smooth_minimum(ellipsoid(axes, right, right_size), ellipsoid(axes, left, left_size), 18)
    normal = np.array([-0.44, -0.30, -0.85]) + rng.uniform(-0.2, 0.2, 3)
    normal /= np.linalg.norm(normal)
    anchor = np.array([0.28 * A, 0.0, top - rng.uniform(98, 116) * s])
    below = normal[0] * (x - anchor[0]) + normal[1] * (y - anchor[1]) + normal[2] * (z - anchor[2])
    bumps = 8.0 * smooth_noise(lobes.shape, scale_vox=13, rng=rng)
    shape = smooth_maximum(lobes, (below + 0.002 * lobes).astype(np.float32), 14) + bumps
    cava_y = plan.spine_y + 36 * plan.scale
    cava_x = rng.uniform(20, 30) * plan.scale
    cava = [
        (cava_x - 4, cava_y - 4, -400.0),
        (cava_x, cava_y, top - 120 * s),
        (cava_x + 3, cava_y + 10, top - 40 * s),
        (cava_x - 6, cava_y + 18, top),
        (cava_x - 8, cava_y + 20, 400.0),
    ]
    keep_out = np.minimum(wall.spine - 14, tube(axes, cava, [10.5, 11.5, 12.0, 12.0, 12.0]))
    allowed = np.maximum(np.maximum(wall.cavity + 2.5, wall.below_dome + 2.5), -keep_out)
    field = _level_of_volume(shape, allowed, plan.liver_litres * 1e6 / design.spacing_mm**3)
    hilum = np.array([0.24 * A, 0.05 * B, 0.0])
    hilum[2] = anchor[2] - (normal[0] * (hilum[0] - anchor[0]) + normal[1] * (hilum[1] - anchor[1])) / normal[2] + 10
    at = top - 30 * s
    confluence = np.array([cava_x + 6, cava_y + 26, at])
    bed = np.array([0.42 * A, 0.45 * B, 0.0])
    bed[2] = anchor[2] - (normal[0] * (bed[0] - anchor[0]) + normal[1] * (bed[1] - anchor[1])) / normal[2] - 6
    return LiverShape(field, hilum, confluence, cava, bed)


def _level_of_volume(shape: Field, allowed: Field, num_voxels: float) -> Field:
    """Return a shape grown or shrunk until it fills ``num_voxels`` voxels of the allowed region, and cut to the region.

    All are implicit functions on the coarse grid, negative inside; a constant is subtracted from ``shape``.
    """
    candidates = shape[allowed < 0]
    count = min(int(num_voxels), len(candidates) - 1)
    level = np.partition(candidates, count)[count]
    return np.maximum(shape - level, allowed).astype(np.float32)


def paint_organs(labels: NDArray[np.uint8], design: DesignGrid, plan: BodyPlan, wall: Wall, *, rng: Generator) -> None:
    """Paint bowel, stomach, spleen and kidneys."""
    axes = design.axes
    x, y, z = axes
    A, B = plan.inner
    s = plan.scale
    inside = np.maximum(wall.cavity + 3, wall.below_dome + 3)
    loops = smooth_noise(inside.shape, scale_vox=9, rng=rng) - 0.25
    low = np.maximum(np.maximum(inside + 4, z - (plan.dome - 95 * s)), plan.spine_y + 45 * s - y)
    design.paint(labels, np.maximum(-7 * loops, low).astype(np.float32), Label.BOWEL)
    gas = np.maximum(-7 * (loops - 0.9), low)
    design.paint(labels, gas.astype(np.float32), Label.GAS)
    stomach = ellipsoid(axes, (-0.42 * A, 0.25 * B, plan.dome - 75 * s), (0.40 * A, 0.42 * B, 48 * s))
    stomach = np.maximum(stomach, inside)
    design.paint(labels, stomach, Label.BOWEL)
    design.paint(labels, stomach + 4, Label.STOMACH)
    design.paint(labels, np.maximum(stomach + 5, 0.45 * B + rng.uniform(-5, 10) - y + 0 * x), Label.GAS)
    spleen_at = (-0.72 * A, -0.35 * B, plan.dome - rng.uniform(70, 85) * s)
    spleen = ellipsoid(axes, spleen_at, np.array([0.27 * A, 0.45 * B, 52 * s]) * rng.uniform(0.85, 1.15, 3))
    design.paint(labels, np.maximum(spleen, inside), Label.SPLEEN)
    for side, drop in ((1, 128), (-1, 112)):
        centre = (side * (0.44 * A + rng.uniform(-4, 4)), plan.spine_y + 16 * s, plan.dome - drop * s)
        kidney = ellipsoid(axes, centre, np.array([30, 27, 54]) * s * rng.uniform(0.92, 1.08))
        sinus = ellipsoid(axes, (centre[0] - side * 16 * s, centre[1] + 5, centre[2]), (16 * s, 11 * s, 26 * s))
        kidney = np.maximum(np.maximum(kidney, -sinus), wall.cavity + 2)
        design.paint(labels, kidney, Label.KIDNEY_CORTEX)
        columns = 4.5 * np.cos(2 * np.pi * (z - centre[2]) / (17 * s)) * np.cos(2 * np.pi * (y - centre[1]) / (26 * s))
        design.paint(labels, np.maximum(kidney + 7.5, columns - 2.2).astype(np.float32), Label.KIDNEY_MEDULLA)


def paint_gallbladder(labels: NDArray[np.uint8], design: DesignGrid, liver: LiverShape, *, rng: Generator) -> Field:
    """Paint the gallbladder into its bed and return its implicit shape."""
    radii = np.array([15, 22, 18]) * rng.uniform(0.7, 1.15)
    bladder = ellipsoid(design.axes, liver.gallbladder, radii)
    design.paint(labels, bladder, Label.GALLBLADDER)
    return bladder


def paint_great_vessels(labels: NDArray[np.uint8], design: DesignGrid, plan: BodyPlan, liver: LiverShape) -> None:
    """Paint the aorta and the vena cava."""
    axes = design.axes
    y = plan.spine_y + 32 * plan.scale
    aorta = tube(axes, [(-14, y, -400), (-12, y, plan.dome), (-16, y - 6, 400)], [9.5, 11.0, 12.5])
    design.paint(labels, aorta, Label.AORTA)
    cava = tube(axes, liver.cava, [10.5, 11.5, 12.0, 12.0, 12.0])
    design.paint(labels, np.maximum(cava, axes[2] - plan.dome - 12), Label.VENA_CAVA)

"""Body wall, skeleton, lungs and the dome of the diaphragm of the procedural abdomen."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from hepareg.arrays import Points
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.vessel_trees import VesselTree
from hepareg.simulation.shapes import DesignGrid, Field, ellipsoid, smooth_noise

__all__ = ["BodyPlan", "Wall", "draw_body_plan", "paint_body", "paint_spine", "rib_paths", "wall_fields"]

UNDER_SKIN_MM = 5.0
"""Least depth of the spine under the skin: in lean bodies its arches and processes would stick out."""


@dataclass(frozen=True)
class BodyPlan:
    """Sizes of one body in mm; the origin is the middle of the trunk at the level of the liver.

    Parameters
    ----------
    scale
        Size relative to an average adult.
    width, depth
        Half axes of the trunk, left-right and front-back.
    fat, wall
        Thickness of the fat under the skin and of the muscular wall.
    dome
        Height of the right dome of the diaphragm.
    liver_litres
        Volume of the liver.
    """

    scale: float
    width: float
    depth: float
    fat: float
    wall: float
    dome: float
    liver_litres: float

    @property
    def inner(self) -> tuple[float, float]:
        """Half axes of the abdominal cavity in mm, left-right and front-back."""
        return self.width - self.fat - self.wall, self.depth - self.fat - self.wall

    @property
    def spine_y(self) -> float:
        """Front-back coordinate in mm of the middle of the vertebral bodies."""
        return -(self.inner[1] - 20 * self.scale)


@dataclass(frozen=True, eq=False)
class Wall:
    """Implicit shapes on the coarse grid, negative inside, that bound the organs.

    Parameters
    ----------
    skin, muscle, cavity
        Outline of the body, inner surface of the fat, inner surface of the muscular wall.
    below_dome
        Abdomen below the diaphragm.
    spine, canal
        Vertebral bodies with arches, and the spinal canal.
    """

    skin: Field
    muscle: Field
    cavity: Field
    below_dome: Field
    spine: Field
    canal: Field


def draw_body_plan(rng: Generator) -> BodyPlan:
    """Draw the sizes of a body; a larger body has a larger liver, of 0.85 to 2.4 l."""
    scale = rng.uniform(0.9, 1.12)
    fat = rng.uniform(7, 26)
    wall = rng.uniform(14, 19)
    width = scale * rng.uniform(128, 142) + fat + wall
    depth = scale * rng.uniform(84, 96) + fat + wall
    litres = float(np.clip(1.5 * scale**3 * rng.lognormal(0, 0.22), 0.85, 2.4))
    return BodyPlan(scale, width, depth, fat, wall, 78 * (litres / 1.5) ** (1 / 3) + rng.uniform(-6, 6), litres)


def wall_fields(design: DesignGrid, plan: BodyPlan, *, rng: Generator) -> Wall:
    """Return the shapes that bound the organs."""
    x, y, z = design.axes
    wobble = 2.5 * smooth_noise((x.shape[0], y.shape[1], z.shape[2]), scale_vox=22, rng=rng)
    power = rng.uniform(2.2, 2.6)
    waist = 1 - 0.0004 * np.abs(z + 20)
    rho = (np.abs(x / (plan.width * waist)) ** power + np.abs(y / (plan.depth * waist)) ** power) ** (1 / power)
    radius = np.hypot(x, y)
    skin = radius * (1 - 1 / np.maximum(rho, 1e-3)) + wobble
    muscle = skin + plan.fat
    cavity = muscle + plan.wall
    canal = np.hypot(x, y - (plan.spine_y - 30 * plan.scale)) - 9 + 0 * z
    spine, canal = (np.maximum(part, skin + UNDER_SKIN_MM) for part in (_spine(design, plan, z), canal))
    return Wall(skin, muscle, cavity, _below_dome(design, plan, rng), spine, canal)


def _below_dome(design: DesignGrid, plan: BodyPlan, rng: Generator) -> Field:
    x, y, z = design.axes
    A, B = plan.inner
    s = plan.scale
    heights = []
    for side, lower in ((1.0, 0.0), (-1.0, rng.uniform(10, 22))):
        q = ((x - side * 0.5 * A) / (0.62 * A)) ** 2 + ((y - 6 * s) / (0.98 * B)) ** 2
        heights.append(plan.dome - lower - 62 * s * q**0.9)
    middle = plan.dome - 26 * s - 50 * s * (np.maximum(np.abs(y - 10 * s) - 0.5 * B, 0) / B) ** 2 - 0.5 * np.abs(x)
    top = 5 * np.logaddexp(np.logaddexp(heights[0] / 5, heights[1] / 5), middle / 5)
    return (z - top).astype(np.float32)


def _spine(design: DesignGrid, plan: BodyPlan, z: Field) -> Field:
    x, y, _ = design.axes
    s = plan.scale
    body = ((np.hypot(x / 1.2, (y - plan.spine_y) / 0.95)) - 18 * s) + 0 * z
    arch = np.abs(np.hypot(x, y - (plan.spine_y - 30 * s)) - 13 * s) - 3.5 + 0 * z
    process = np.maximum(np.abs(x) - 3.5, np.abs(y - (plan.spine_y - 55 * s)) - 14 * s)
    process = np.maximum(process, np.abs((z % (34 * s)) - 17 * s) - 9 * s)
    across = np.maximum(np.abs(np.abs(x) - 26 * s) - 12 * s, np.abs(y - (plan.spine_y - 24 * s)) - 4)
    across = np.maximum(across, np.abs((z % (34 * s)) - 17 * s) - 6)
    return np.minimum(np.minimum(body, arch), np.minimum(process, across)).astype(np.float32)


def paint_body(labels: np.ndarray, design: DesignGrid, plan: BodyPlan, wall: Wall, *, rng: Generator) -> None:
    """Paint fat, muscular wall, muscles of the back, diaphragm, lungs and heart."""
    x, y, z = design.axes
    s = plan.scale
    design.paint(labels, wall.skin, Label.FAT)
    design.paint(labels, np.maximum(wall.muscle, -wall.cavity), Label.MUSCLE)
    design.paint(labels, wall.cavity, Label.FAT)
    for side in (-1, 1):
        back = ellipsoid((x, y, 0 * z), (side * 34 * s, plan.spine_y - 34 * s, 0), (27 * s, 22 * s, 1e4))
        design.paint(labels, np.maximum(np.maximum(back, wall.muscle), wall.below_dome - 300), Label.MUSCLE)
        psoas = ellipsoid((x, y, z), (side * 38 * s, plan.spine_y + 2, -130 * s), (19 * s, 17 * s, 110 * s))
        design.paint(labels, psoas, Label.MUSCLE)
    mediastinum = np.maximum(np.abs(x + 8) - 26 * s - 0.1 * np.abs(y), plan.spine_y + 12 * s - y)
    heart = ellipsoid((x, y, z), (-28 * s, 22 * s, plan.dome + 22 * s), (58 * s, 46 * s, 45 * s))
    lung = np.maximum(wall.cavity + 2, 4 - wall.below_dome)
    lung = np.maximum(np.maximum(lung, -mediastinum), -np.minimum(heart - 3, wall.spine - 4))
    diaphragm = np.maximum(wall.cavity, np.abs(wall.below_dome - 2) - 2)
    design.paint(labels, diaphragm, Label.MUSCLE)
    design.paint(labels, lung, Label.LUNG)
    design.paint(labels, np.maximum(np.maximum(heart, 3 - wall.below_dome), wall.cavity), Label.MUSCLE)
    design.paint(labels, np.maximum(np.maximum(heart + 11, 6 - wall.below_dome), wall.cavity), Label.HEART)


def paint_spine(labels: np.ndarray, design: DesignGrid, plan: BodyPlan, wall: Wall) -> None:
    """Paint vertebrae with cortex, marrow and discs, and the spinal canal."""
    _, y, z = design.axes
    s = plan.scale
    disc = np.abs((z % (34 * s)) - 34 * s / 2) - (17 * s - 3.5)
    design.paint(labels, wall.spine, Label.BONE)
    design.paint(labels, np.maximum(wall.spine + 3.0, disc), Label.MARROW)
    in_body = np.maximum(wall.spine, plan.spine_y - 16 * s - y)
    design.paint(labels, np.maximum(in_body, -disc + 1.5), Label.MUSCLE)
    design.paint(labels, wall.canal, Label.MUSCLE)


def rib_paths(plan: BodyPlan, *, origin_mm: Points, half_height_mm: float, rng: Generator) -> list[VesselTree]:
    """Return the ribs in view as centrelines with a radius, in world mm."""
    A, B = plan.width - plan.fat - 0.55 * plan.wall, plan.depth - plan.fat - 0.55 * plan.wall
    drop = rng.uniform(60, 85) * plan.scale
    ribs = []
    lowest = plan.dome - rng.uniform(105, 125) * plan.scale
    for number in range(14):
        start = lowest + 27 * plan.scale * number
        arc = np.radians((62, 100)[number] if number < 2 else 146)
        t = np.linspace(np.radians(14), arc, 26)
        z = start - drop * (1 - np.cos(t)) / 2
        for side in (-1, 1):
            points = np.stack([side * A * np.sin(t) ** 0.9, -B * np.cos(t), z], axis=-1)
            if np.abs(points[:, 2]).min() > half_height_mm + 10:
                continue
            parent = np.arange(len(t)) - 1
            radius = np.full(len(t), 5.2 * plan.scale)
            ribs.append(VesselTree(Label.BONE, points + origin_mm, parent, radius, np.zeros(len(t), dtype=bool)))
    return ribs

"""Motion from the fixed to the moving image: rigid motion of the body, of the liver within it, and the liver's bend."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.errors import SettingsError
from hepareg.simulation.motion.deformations import DEFORMATIONS, draw_deformation
from hepareg.simulation.motion.random_bend import BendField
from hepareg.simulation.organ_space import OrganSpace
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.fit import fit_rigid

__all__ = ["BREATHING_MM", "FREE_BREATHING", "Motion", "MotionSettings", "draw_direction", "draw_motion", "draw_rigid"]

NUM_BREATHS = 12
"""Number of breaths drawn, of which the one that pushes the liver least into the ribs is used."""

BREATHING_MM = np.array([0.3, 0.45, 1.0])
"""Relative size of breathing motion along left-right, front-back and up-down. Motion measured in livers: 1.3, 3.8 and
11.9 mm breathing freely (medians of 14 patients; Liang et al., Journal of Applied Clinical Medical Physics 19, 2018,
doi:10.1002/acm2.12292), 2.9, 2.3 and 5.3 mm under abdominal compression (means of 53 patients; Radiation Oncology 2016,
doi:10.1186/s13014-016-0762-z). Relative to up-down that is 0.1 to 0.55 left-right and 0.3 to 0.45 front-back."""


@dataclass(frozen=True)
class MotionSettings:
    """Kind and size of the motion of liver and body from the fixed to the moving image.

    Parameters
    ----------
    kind
        ``breathing``: displacement mostly up-down, rotation mostly about the left-right axis; ``random``: any
        direction and axis; ``still``: the liver does not move within the body.
    translation_mm, rotation_deg
        Ranges of the liver's displacement at its centroid, and of its rotation about the centroid, within the body.
    body_translation_mm, body_rotation_deg
        Ranges of the whole body's displacement at the liver's centroid, and of its rotation about that centroid, as
        between two examinations.
    bend_mm
        Amount of the liver's deformation, in the measure of its kind; 0 for a liver that moves rigidly.
    deformation
        Kind of the deformation: a name in `hepareg.simulation.motion.deformations.DEFORMATIONS`.

    Raises
    ------
    SettingsError
        If a kind is unknown, a range is reversed or negative, or a rotation exceeds 180 degrees.
    """

    kind: str = "breathing"
    translation_mm: tuple[float, float] = (6.0, 25.0)
    rotation_deg: tuple[float, float] = (0.0, 6.0)
    body_translation_mm: tuple[float, float] = (0.0, 0.0)
    body_rotation_deg: tuple[float, float] = (0.0, 0.0)
    bend_mm: float = 0.0
    deformation: str = "smooth"

    def __post_init__(self) -> None:
        if self.kind not in ("breathing", "random", "still"):
            raise SettingsError(f"expected the motion breathing, random or still, got {self.kind!r}")
        for name in ("translation_mm", "rotation_deg", "body_translation_mm", "body_rotation_deg"):
            low, high = getattr(self, name)
            if not 0 <= low <= high or not math.isfinite(high):
                raise SettingsError(f"expected {name} as a range 0 <= low <= high, got {low:g} to {high:g}")
            if name.endswith("_deg") and high > 180:
                raise SettingsError(f"expected {name} up to 180, half a turn, got {low:g} to {high:g}")
        if not 0 <= self.bend_mm <= 30:
            raise SettingsError(f"expected bend_mm from 0 to 30, got {self.bend_mm:g}")
        if self.deformation not in DEFORMATIONS:
            raise SettingsError(f"expected a deformation out of {', '.join(DEFORMATIONS)}; got {self.deformation!r}")


FREE_BREATHING = MotionSettings(bend_mm=DEFORMATIONS["smooth"].typical_mm)
"""The liver breathes freely and bends a little with each breath."""


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion x -> body(liver(x + bend(x))) of liver points and x -> body(x) of the rest of the body.

    Parameters
    ----------
    body
        Rigid motion of the whole body, fixed world to moving world.
    liver
        Motion of the liver within the body, applied before ``body``: rigid, unless the liver moves while it is scanned.
    bend
        Bend of the liver, applied before ``liver``, or None.
    truth
        Rigid motion of the liver, moving_from_fixed: ``body @ liver``; with a bend the least-squares rigid fit to the
        motion of all points of the liver.
    fluid
        Whether fluid fills the space that the bending liver leaves.
    """

    body: RigidTransform
    liver: AffineTransform
    bend: BendField | None
    truth: RigidTransform
    fluid: bool = False

    @property
    def liver_is_still(self) -> bool:
        """True if the liver does not move within the body."""
        return self.bend is None and bool(np.abs(self.liver.matrix - np.eye(4)).max() < 1e-12)

    def forward(self, points: Points) -> Points:
        """Map (N, 3) points of the liver from the fixed world to the moving world, both in mm, the bend included."""
        bent = points if self.bend is None else points + self.bend.at(points)
        return self.body.apply(self.liver.apply(bent))

    def liver_backward(self, points: Points) -> Points:
        """Undo ``liver``, then ``bend``, for (N, 3) liver points that ``body`` has not moved; fixed world, mm."""
        places = self.liver.inverse().apply(points)
        return places if self.bend is None else self.bend.undo(places)


def draw_motion(
    settings: MotionSettings,
    *,
    space: OrganSpace,
    in_the_way: Callable[[Points], float],
    rng: Generator,
) -> Motion:
    """Draw a motion; liver and body rotate about the liver's centroid.

    Of `NUM_BREATHS` breaths the one that pushes the liver least into static tissue is used, since a liver slides along
    the ribs and not through them. Of other kinds of motion only one is drawn.

    Parameters
    ----------
    settings
        Kind and ranges.
    space
        The liver.
    in_the_way
        Function that returns the fraction of (N, 3) world points in static tissue.
    """
    points = space.points
    num_drawn = NUM_BREATHS if settings.kind == "breathing" else 1
    drawn = [draw_rigid(settings, centre_mm=points.mean(0), rng=rng) for _ in range(num_drawn)]
    liver, body = min(drawn, key=lambda motions: in_the_way(motions[0].apply(points[::7])))
    rigid = Motion(body, liver, None, RigidTransform(body.matrix @ liver.matrix))
    if settings.bend_mm == 0:
        return rigid
    bend = draw_deformation(
        settings.deformation, space, amount_mm=settings.bend_mm,
        in_the_way=lambda bent: in_the_way(liver.apply(bent)), rng=rng,
    )  # fmt: skip
    bending = replace(rigid, bend=bend, fluid=DEFORMATIONS[settings.deformation].fluid)
    return replace(bending, truth=fit_rigid(points, bending.forward(points)))


def draw_rigid(
    settings: MotionSettings, *, centre_mm: NDArray[np.floating], rng: Generator
) -> tuple[RigidTransform, RigidTransform]:
    """Draw the rigid motions of the liver within the body and of the body, both about ``centre_mm``."""
    bias = BREATHING_MM if settings.kind == "breathing" else np.ones(3)
    rotation, shift = _draw(settings.rotation_deg, settings.translation_mm, bias, rng)
    liver = RigidTransform.from_vectors(rotation, shift, centre_mm=centre_mm)
    rotation, shift = _draw(settings.body_rotation_deg, settings.body_translation_mm, np.ones(3), rng)
    body = RigidTransform.from_vectors(rotation, shift, centre_mm=centre_mm)
    return (RigidTransform.identity() if settings.kind == "still" else liver), body


def _draw(
    rotation_deg: tuple[float, float], translation_mm: tuple[float, float], bias: NDArray[np.floating], rng: Generator
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Draw a rotation vector in radians and a translation in mm.

    The angle and the length are uniform in their ranges. The direction of the translation is a random vector whose x, y
    and z are multiplied by ``bias``; the axis of the rotation is another one, multiplied by ``bias`` in the order z, y,
    x. So a bias along z makes the liver move up and down and rotate about the left-right axis.
    """
    axis, direction = draw_direction(bias[::-1], rng), draw_direction(bias, rng)
    return axis * math.radians(rng.uniform(*rotation_deg)), direction * rng.uniform(*translation_mm)


def draw_direction(bias: NDArray[np.floating], rng: Generator) -> NDArray[np.floating]:
    """Draw a (3,) unit vector: the direction of a random vector whose components were multiplied by ``bias``."""
    vector = rng.standard_normal(3) * bias
    return vector / max(float(np.linalg.norm(vector)), 1e-12)

"""Deformations of the liver by name: hinged, shifted and turned lobes, moving tip and dome, squeeze, ascites.

Every deformation keeps the volume of tissue. It is the flow, over a unit of time, along a velocity without divergence:
a shear, in which the velocity does not vary along its own direction, or the curl of a vector potential. The potential
w(x) d x (x - c) / 2 moves tissue by d where the weight w is 1, and w(x) f(x) axis with f = -|x - c|^2 / 2, taken
perpendicular to the axis, turns it; where w varies, tissue flows back.

Amounts. The exhaled liver drifts and deforms within minutes of free breathing (von Siebenthal et al. 2007,
doi:10.1088/0031-9155/52/6/001, and doi:10.1007/978-3-540-75757-3_80). Branchings of vessels lay 3.3 mm apart on
average after an affine registration of livers, errors of their localisation included (doi:10.1155/2013/902470); with 2
to 2.5 mm for these, some 2 mm are left, the default of ``smooth``. The liver's position differs by 2 to 5 mm from
breath to breath and from day to day (Liang et al. 2018, doi:10.1002/acm2.12292). No measured amounts were found for
single lobes, tip, dome, squeeze and ascites: their typical amount of 8 mm was chosen so that tissue lies 1 to 2 mm off
on average after the best rigid fit, and 2 to 5 mm at the 95th percentile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.errors import SettingsError
from hepareg.simulation.interpolation import smooth_step
from hepareg.simulation.motion.random_bend import BendField, curl, draw_bend
from hepareg.simulation.organ_space import OrganSpace, coarse_grid_around

__all__ = ["DEFORMATIONS", "Deformation", "draw_deformation"]

SPACING_MM, MARGIN_MM = 4.0, 32.0
"""Spacing of the grid of a deformation, and its margin around the liver."""
NUM_STEPS = 4
"""Steps in which a velocity is integrated."""
NUM_WAYS = 4
"""Number of directions drawn, of which the one that pushes the liver least into static tissue is used."""
NUM_DRAWS = 4
"""Number of deformations drawn until one does not fold the liver."""
HINGE_MM = 60.0
"""Width over which the motion of the left lobe begins, across the plane of the falciform ligament."""
LEFT_SHARE = 0.3
"""Share of the liver's volume to the left of that plane."""
SQUEEZED_MM = 25.0
"""Standard deviation of the place that is squeezed."""

X, Y, Z = np.eye(3)
Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class _Liver:
    """A liver's points, the nodes of the grid around it, and its landmarks; +x is the patient's right.

    Parameters
    ----------
    nodes
        (I, J, K, 3) world mm.
    spacing_mm
        Distance between nodes.
    points
        (N, 3) world mm of the liver.
    """

    nodes: Floats
    spacing_mm: float
    points: Floats

    @property
    def low(self) -> Floats:
        return np.percentile(self.points, 1, axis=0)

    @property
    def high(self) -> Floats:
        return np.percentile(self.points, 99, axis=0)

    @property
    def falciform(self) -> Floats:
        """Middle of the cross-section between the left lobe and the rest."""
        x = float(np.percentile(self.points[:, 0], 100 * LEFT_SHARE))
        near = np.abs(self.points[:, 0] - x) < 10
        return np.array([x, *self.points[near, 1:].mean(0)])

    @property
    def dome(self) -> Floats:
        """Highest place of the liver."""
        return self.points[self.points[:, 2] >= np.percentile(self.points[:, 2], 99)].mean(0)

    @property
    def left(self) -> Floats:
        """(I, J, K) weight that rises from 0 in the liver to 1 in its left lobe."""
        return smooth_step(0.5 + (self.falciform[0] - self.nodes[..., 0]) / HINGE_MM)

    def shifting(self, weight: Floats, direction: Floats, centre: Floats) -> Floats:
        """Return the (3, I, J, K) velocity that moves tissue of weight 1 along a direction and keeps its volume."""
        return self.curl(weight[..., None] * np.cross(direction, self.nodes - centre) / 2)

    def turning(self, weight: Floats, axis: Floats, centre: Floats) -> Floats:
        """Return the (3, I, J, K) velocity that turns tissue of weight 1 about an axis and keeps its volume."""
        arm = self.nodes - centre
        arm = arm - (arm @ axis)[..., None] * axis
        return self.curl((weight * -(arm**2).sum(-1) / 2)[..., None] * axis)

    def curl(self, potential: Floats) -> Floats:
        """Return the (3, I, J, K) curl of an (I, J, K, 3) potential, per mm."""
        return curl(np.moveaxis(potential, -1, 0)) / self.spacing_mm


def _hinge(liver: _Liver, rng: Generator) -> Floats:
    return liver.turning(liver.left, _either(rng) * Y, liver.falciform)


def _lobe(liver: _Liver, rng: Generator) -> Floats:
    angle = rng.uniform(-0.8, 0.8)
    return _shear(liver.left, _either(rng) * (np.cos(angle) * Z + np.sin(angle) * Y))


def _lobe_turn(liver: _Liver, rng: Generator) -> Floats:
    return liver.turning(liver.left, _either(rng) * Z, liver.falciform)


def _tip(liver: _Liver, rng: Generator) -> Floats:
    height = liver.high[2] - liver.low[2]
    weight = smooth_step((liver.low[2] + 0.45 * height - liver.nodes[..., 2]) / (0.4 * height))
    angle = rng.uniform(0, 2 * np.pi)
    return _shear(weight, np.cos(angle) * X + np.sin(angle) * Y)


def _dome(liver: _Liver, rng: Generator) -> Floats:
    height = liver.high[2] - liver.low[2]
    across = ((liver.nodes[..., :2] - liver.dome[:2]) ** 2).sum(-1)
    weight = np.exp(-across / (2 * 55.0**2)) * smooth_step(1 - (liver.dome[2] - liver.nodes[..., 2]) / (0.5 * height))
    return liver.shifting(weight, _either(rng) * Z, liver.dome)


def _squeeze(liver: _Liver, rng: Generator) -> Floats:
    place = liver.points[rng.integers(len(liver.points))]
    direction = rng.standard_normal(3)
    weight = np.exp(-((liver.nodes - place) ** 2).sum(-1) / (2 * SQUEEZED_MM**2))
    return liver.shifting(weight, direction / np.linalg.norm(direction), place)


def _compression(liver: _Liver, rng: Generator) -> Floats:
    arm = np.moveaxis(liver.nodes - liver.points.mean(0), -1, 0)
    return _either(rng) * np.stack([arm[0] / 2, arm[1] / 2, -arm[2]])


def _ascites(liver: _Liver, rng: Generator) -> Floats:
    """Push the right side to the middle; the height grows in turn, downwards more than upwards."""
    weight = smooth_step((liver.nodes[..., 0] - liver.low[0]) / (liver.high[0] - liver.low[0]))
    top = liver.low[2] + 0.75 * (liver.high[2] - liver.low[2])
    return liver.curl((weight * (liver.nodes[..., 2] - top))[..., None] * Y)


Velocity = Callable[[_Liver, Generator], Floats]
InTheWay = Callable[[Points], float]
"""Function that returns the fraction of (N, 3) points of the deformed liver in static tissue."""


def _along(velocity: Velocity, space: OrganSpace, amount_mm: float, in_the_way: InTheWay, rng: Generator) -> BendField:
    """Return the displacement of a flow, scaled so that no liver tissue moves faster than ``amount_mm``."""
    grid = coarse_grid_around(space.points, spacing_mm=SPACING_MM, margin_mm=MARGIN_MM)
    nodes = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))
    liver, points = _Liver(nodes, SPACING_MM, space.points), space.points[::7]
    ways = [_scaled(BendField(grid, velocity(liver, rng)), points, amount_mm) for _ in range(NUM_WAYS)]
    flow = min(ways, key=lambda way: in_the_way(points + way.at(points)))
    start = nodes.reshape(-1, 3)
    places = start
    for _ in range(NUM_STEPS):
        halfway = places + flow.at(places) / (2 * NUM_STEPS)
        places = places + flow.at(halfway) / NUM_STEPS
    return BendField(grid, (places - start).T.reshape(3, *grid.shape))


def _scaled(field: BendField, points: Points, largest_mm: float) -> BendField:
    largest = float(np.linalg.norm(field.at(points), axis=1).max())
    return BendField(field.grid, field.displacement_mm * (largest_mm / largest))


def _random(space: OrganSpace, amount_mm: float, in_the_way: InTheWay, rng: Generator) -> BendField:
    return draw_bend(space, rms_mm=amount_mm, rng=rng)


@dataclass(frozen=True)
class Deformation:
    """One kind of deformation.

    Parameters
    ----------
    draw
        Function from the liver, the amount in mm, the static tissue and a generator to the displacement.
    moves
        Motion in words.
    typical_mm
        Amount that is often met.
    fluid
        Whether fluid fills the space that the liver leaves.
    """

    draw: Callable[[OrganSpace, float, InTheWay, Generator], BendField]
    moves: str
    typical_mm: float
    fluid: bool = False


DEFORMATIONS = {
    "smooth": Deformation(_random, "random and smooth everywhere, without a rigid part", 2.0),
    "hinge": Deformation(partial(_along, _hinge), "the left lobe swings up or down about the falciform ligament", 8.0),
    "lobe": Deformation(partial(_along, _lobe), "the left lobe is shifted, mostly up or down", 8.0),
    "lobe_turn": Deformation(partial(_along, _lobe_turn), "the left lobe turns to the front or the back", 8.0),
    "tip": Deformation(partial(_along, _tip), "the lower end is shifted in a horizontal direction", 8.0),
    "dome": Deformation(partial(_along, _dome), "the dome is shifted up or down", 8.0),
    "squeeze": Deformation(partial(_along, _squeeze), "some 50 mm of tissue are shifted in any direction", 8.0),
    "compression": Deformation(partial(_along, _compression), "the liver becomes lower and wider, or the reverse", 6.0),
    "ascites": Deformation(partial(_along, _ascites), "fluid pushes the right side to the middle", 8.0, fluid=True),
}
"""Deformations by the user's name. The amount of ``smooth`` is its root mean square over the liver, without its rigid
part; that of all others the largest displacement of tissue, rigid part included."""


def draw_deformation(
    kind: str, space: OrganSpace, *, amount_mm: float, in_the_way: InTheWay, rng: Generator
) -> BendField:
    """Draw a deformation of the liver.

    Parameters
    ----------
    kind
        Name in `DEFORMATIONS`.
    space
        The liver.
    amount_mm
        Amount in mm, above 0.
    in_the_way
        Function that returns the fraction of (N, 3) points of the deformed liver in static tissue.

    Raises
    ------
    SettingsError
        If the amount is so large that tissue would fold.
    """
    for _ in range(NUM_DRAWS):
        bend = DEFORMATIONS[kind].draw(space, amount_mm, in_the_way, rng)
        if not bend.folds(space.points[::5]):
            return bend
    raise SettingsError(
        f"expected a deformation that does not fold the liver, got {amount_mm:g} mm of {kind}: choose a smaller amount"
    )


def _shear(weight: Floats, direction: Floats) -> Floats:
    """Return the (3, I, J, K) velocity of a shear; the weight must not vary along the direction."""
    return np.multiply.outer(direction, weight)


def _either(rng: Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))

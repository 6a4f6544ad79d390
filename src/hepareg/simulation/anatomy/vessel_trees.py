"""Branching vessel trees that fill an organ, grown by repeated division of the territory that they supply."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.simulation.anatomy.labels import Label

__all__ = ["TreeSettings", "VesselTree", "companion_tree", "grow_tree", "separated_points"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class TreeSettings:
    """Radii and course of a growing tree.

    Parameters
    ----------
    root_radius_mm
        Radius of the trunk; all other radii follow from Murray's law.
    murray_exponent
        Exponent n of Murray's law: the parent's radius^n is the sum of its children's radius^n.
    reach
        Fraction of the way to the centre of its territory that a branch runs before it divides.
    step_mm
        Distance of the nodes along a branch.
    wander
        Random curvature of a branch, as a fraction of its length.

    References
    ----------
    Murray, C. D. The physiological principle of minimum work, I. PNAS 12, 1926.
    doi:10.1073/pnas.12.3.207
    """

    root_radius_mm: float = 6.5
    murray_exponent: float = 2.8
    reach: float = 0.5
    step_mm: float = 4.0
    wander: float = 0.08


@dataclass(frozen=True, eq=False)
class VesselTree:
    """Centreline nodes of a tree of vessels; node 0 is the root.

    Parameters
    ----------
    label
        Kind of vessel.
    points
        (N, 3) world mm.
    parent
        (N,) index of each node's parent, always smaller than the node's own; -1 at the root.
    radius_mm
        (N,) radius.
    is_branching
        (N,) true at nodes at which the vessel divides.
    """

    label: Label
    points: Points
    parent: NDArray[np.int64]
    radius_mm: Floats
    is_branching: NDArray[np.bool_]

    @property
    def num_segments(self) -> int:
        """Number of straight segments from a node to its parent."""
        return int((self.parent >= 0).sum())

    def segments(self) -> tuple[Points, Points, Floats, Floats]:
        """Return start and end points (S, 3) and the radii (S,) there."""
        child = np.flatnonzero(self.parent >= 0)
        parent = self.parent[child]
        return self.points[parent], self.points[child], self.radius_mm[parent], self.radius_mm[child]


def separated_points(candidates: Points, *, number: int, distance_mm: float, avoid: Points | None = None) -> Points:
    """Return at most ``number`` candidates, taken in their order, no two of them closer than ``distance_mm``.

    None of them is closer than half that distance to a point of ``avoid``.
    """
    chosen = np.empty((0, 3))
    for point in candidates:
        if len(chosen) == number:
            break
        if len(chosen) and ((chosen - point) ** 2).sum(1).min() < distance_mm**2:
            continue
        if avoid is not None and len(avoid) and ((avoid - point) ** 2).sum(1).min() < (distance_mm / 2) ** 2:
            continue
        chosen = np.vstack([chosen, point])
    return chosen


def grow_tree(
    *,
    label: Label,
    root: Floats,
    direction: Floats,
    terminals: Points,
    keep_inside: Callable[[Points], Points],
    settings: TreeSettings,
    rng: Generator,
) -> VesselTree:
    """Grow a tree from ``root`` to every terminal point.

    A branch runs part of the way to the centre of the points that it supplies. At its end these points are divided
    across their widest direction, and each half gets a branch of its own, until a branch supplies a single point.

    Parameters
    ----------
    root, direction
        (3,) start of the trunk in world mm, and its direction there.
    terminals
        (M, 3) world mm, points to supply.
    keep_inside
        Function that moves (N, 3) points into the organ and returns points inside unchanged.
    """
    nodes = _Nodes(root)
    stack: list[tuple[int, Points, Floats]] = [
        (0, np.asarray(terminals, dtype=np.float64), direction / np.linalg.norm(direction))
    ]
    while stack:
        start, points, heading = stack.pop()
        here = nodes.points[start]
        centre = points.mean(0)
        goal = points[0] if len(points) == 1 else here + settings.reach * rng.uniform(0.75, 1.25) * (centre - here)
        goal = keep_inside(goal[None])[0]
        end = _branch(nodes, start, goal, heading, keep_inside, settings, rng)
        if len(points) > 1:
            leaving = goal - here
            leaving = leaving / max(float(np.linalg.norm(leaving)), 1e-6)
            for part in _parted(points, leaving, rng):
                stack.append((end, part, leaving))
    return nodes.tree(label, settings)


def companion_tree(tree: VesselTree, *, label: Label, calibre: float, gap_mm: float, rng: Generator) -> VesselTree:
    """Return a thinner tree that runs beside ``tree``, as hepatic arteries do beside portal branches.

    Parameters
    ----------
    calibre
        Radius relative to the accompanied vessel.
    gap_mm
        Tissue between the walls of both vessels.
    """
    radius = np.maximum(calibre * tree.radius_mm, 0.45)
    sides = np.zeros_like(tree.points)
    for node, parent in enumerate(tree.parent):
        ahead = (
            tree.points[node] - tree.points[parent] if parent >= 0 else tree.points[min(1, node)] - tree.points[node]
        )
        ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-6)
        side = (sides[parent] if parent >= 0 else rng.standard_normal(3)) + 0.12 * rng.standard_normal(3)
        side = side - (side @ ahead) * ahead
        sides[node] = side / max(float(np.linalg.norm(side)), 1e-6)
    points = tree.points + sides * (tree.radius_mm + radius + gap_mm)[:, None]
    return VesselTree(label, points, tree.parent, radius, tree.is_branching)


class _Nodes:
    """The nodes of a growing tree."""

    def __init__(self, root: Floats) -> None:
        self.points: list[Floats] = [np.asarray(root, dtype=np.float64)]
        self.parent: list[int] = [-1]

    def add(self, point: Floats, parent: int) -> int:
        self.points.append(point)
        self.parent.append(parent)
        return len(self.points) - 1

    def tree(self, label: Label, settings: TreeSettings) -> VesselTree:
        parent = np.array(self.parent)
        children = np.bincount(parent[1:], minlength=len(parent))
        flow = np.where(children == 0, 1.0, 0.0)
        for node in range(len(parent) - 1, 0, -1):
            flow[parent[node]] += flow[node]
        radius = settings.root_radius_mm * (flow / flow[0]) ** (1 / settings.murray_exponent)
        return VesselTree(label, np.array(self.points), parent, radius, children > 1)


def _branch(
    nodes: _Nodes,
    start: int,
    goal: Floats,
    heading: Floats,
    keep_inside: Callable[[Points], Points],
    settings: TreeSettings,
    rng: Generator,
) -> int:
    """Add a branch, a cubic Hermite curve that starts along ``heading``, and return the index of its last node."""
    here = nodes.points[start]
    chord = goal - here
    length = float(np.linalg.norm(chord))
    steps = max(1, round(length / settings.step_mm))
    t = (np.arange(1, steps + 1) / steps)[:, None]
    leave = 0.7 * length * heading
    arrive = chord + settings.wander * length * rng.standard_normal(3)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * here
        + (t**3 - 2 * t**2 + t) * leave
        + (3 * t**2 - 2 * t**3) * goal
        + (t**3 - t**2) * arrive
    )
    node = start
    for point in keep_inside(curve):
        node = nodes.add(point, node)
    return node


def _parted(points: Points, heading: Floats, rng: Generator) -> tuple[Points, Points]:
    """Divide points into two groups along the direction of largest spread; spread along ``heading`` counts less."""
    offsets = points - points.mean(0)
    sideways = offsets - 0.7 * (offsets @ heading)[:, None] * heading
    axis = np.linalg.svd(sideways, full_matrices=False)[2][0]
    order = np.argsort(offsets @ axis, kind="stable")
    cut = int(np.clip(round(len(points) * rng.uniform(0.3, 0.7)), 1, len(points) - 1))
    return points[order[:cut]], points[order[cut:]]

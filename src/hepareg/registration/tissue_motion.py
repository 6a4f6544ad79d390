"""Where the liver's tissue truly goes: the pose, and the displacement that remains after it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.refinement.cell_observer import CellObserver, CellObserverSettings
from hepareg.refinement.multilevel import Refinement
from hepareg.refinement.smooth_field import Observed, SmoothField, SmoothFieldSettings, field_basis, improve_field
from hepareg.registration.pose_uncertainty import Estimate, UncertaintySettings, estimate_pose, mean_distances_mm
from hepareg.registration.problem import Problem
from hepareg.registration.surface_observer import SurfaceObserver, SurfaceObserverSettings
from hepareg.transforms import RigidTransform
from hepareg.transforms.fit import fit_rigid

__all__ = ["TissueMotion", "TissueMotionSettings", "estimate_tissue_motion", "fit_bending_liver"]


@dataclass(frozen=True)
class TissueMotionSettings:
    """Steps and trust of the estimate of the tissue's motion, and limits for a pose that follows it.

    Parameters
    ----------
    surface_iterations
        Largest number of steps with the masks' surfaces alone, before the images: surfaces reach farther.
    iterations
        Largest number of steps at each level, coarse to fine.
    min_gain
        The rigid fit of the tissue's motion replaces the refinement's pose only if the motion explains at least this
        share of the variance that the pose leaves unexplained at the finest level. Rigid livers gain below 0.1 in
        simulation. A displacement that the finest level does not confirm, as streaks and breath steps cause it, gains
        little too.
    min_apart_mm
        Nor is the pose replaced by one that lies nearer than this, on average over the liver.
    cells, prior, surfaces
        Trust of the images, of smoothness, and of the masks' surfaces.
    """

    surface_iterations: int = 6
    iterations: tuple[int, ...] = (6, 4, 2)
    min_gain: float = 0.25
    min_apart_mm: float = 0.1
    cells: CellObserverSettings = field(default_factory=CellObserverSettings)
    prior: SmoothFieldSettings = field(default_factory=SmoothFieldSettings)
    surfaces: SurfaceObserverSettings = field(default_factory=SurfaceObserverSettings)


@dataclass(frozen=True, eq=False)
class TissueMotion:
    """Estimated true places, in the searched image, of points of the reference image's liver.

    Parameters
    ----------
    points_mm
        (N, 3) points spread over the liver, world mm of the reference image.
    places_mm
        (N, 3) their estimated true places, world mm of the searched image.
    spread_mm
        (N,) standard deviations of the places.
    rigid
        Least-squares rigid fit from the points to the places, searched_from_reference.
    gain
        Share of the variance that the pose leaves unexplained at the finest level, and that the places explain.
    surface_rms_mm
        Root mean square distance of the masks' surfaces at the pose; None without both masks.
    """

    points_mm: Points
    places_mm: Points
    spread_mm: NDArray[np.floating]
    rigid: RigidTransform
    gain: float
    surface_rms_mm: float | None = None

    def distance_mm(self, pose: RigidTransform) -> NDArray[np.floating]:
        """Return (N,) expected distances in mm between the places where a pose puts the points and the true places."""
        return np.hypot(np.linalg.norm(pose.apply(self.points_mm) - self.places_mm, axis=1), self.spread_mm)


def estimate_tissue_motion(problem: Problem, refinement: Refinement, *, settings: TissueMotionSettings) -> TissueMotion:
    """Return where the liver's tissue goes, as a smooth displacement beside the refinement's pose.

    The surfaces of the masks, if both are given, and every level of the refinement contribute, coarse to fine.

    Parameters
    ----------
    problem, refinement
        The images, and the levels of the rigid refinement.
    settings
        Steps and trust.
    """
    pose, points = refinement.pose, problem.points_mm
    found = SmoothField.zero(field_basis(points, settings=settings.prior))
    surfaces = SurfaceObserver(*problem.surfaces, pose, settings=settings.surfaces) if problem.surfaces else None
    others = [] if surfaces is None else [Observed.by(surfaces, found.basis)]
    if others:
        found = improve_field(found, others, iterations=settings.surface_iterations, settings=settings.prior)
    for result, iterations in zip(refinement.results, settings.iterations, strict=False):
        cells = CellObserver(result.level, pose, settings=settings.cells)
        seen = Observed.by(cells, found.basis)
        found = improve_field(found, [*others, seen], iterations=iterations, settings=settings.prior)
    displacement, spread = found.with_spread(points)
    places = pose.apply(points + displacement)
    return TissueMotion(
        points_mm=points,
        places_mm=places,
        spread_mm=spread,
        rigid=fit_rigid(points, places),
        gain=_gain(cells, found),
        surface_rms_mm=None if surfaces is None else surfaces.rms_mm(),
    )


def fit_bending_liver(
    motion: TissueMotion, refinement: Refinement, *, settings: TissueMotionSettings, blocks: UncertaintySettings
) -> Estimate | None:
    """Return the rigid fit of the tissue's motion, or None if the refinement's pose stays.

    The refinement's pose is the one at which most edges fit. If the liver bends, the least-squares fit of the whole
    motion is nearer to the tissue on average.

    Parameters
    ----------
    motion
        Estimated motion of the tissue.
    refinement
        The levels, the finest of which gives the uncertainty of the fit.
    settings
        Limits from which the pose is replaced.
    blocks
        Blocks of the liver from which the uncertainty is estimated.
    """
    apart_mm = mean_distances_mm([motion.rigid], refinement.pose, motion.points_mm)[0]
    if motion.gain < settings.min_gain or apart_mm < settings.min_apart_mm:
        return None
    return estimate_pose(refinement.finest.level, motion.rigid, points_mm=motion.points_mm, settings=blocks)


def _gain(cells: CellObserver, found: SmoothField) -> float:
    """Return the share of the pose's unexplained variance that a displacement explains, at the level of the cells."""
    displacement = found(cells.points_mm)
    if np.abs(displacement).max(initial=0.0) < cells.settings.still_mm:
        return 0.0
    at_pose = cells.unexplained(np.zeros_like(displacement))
    return 1 - cells.unexplained(displacement) / max(at_pose, 1e-12)

"""The objective of one level of the refinement."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.images.slice_profile import best_share, widened
from hepareg.refinement.local_affine import LocalAffine
from hepareg.refinement.measure import LocalAffineMeasure, Measure
from hepareg.refinement.settings import Level
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.solution import Solution
from hepareg.transforms import RigidTransform

__all__ = ["LevelObjective"]


@dataclass(frozen=True, eq=False)
class LevelObjective:
    """Objective of one level, and which way round it is.

    Parameters
    ----------
    reversed
        Whether the moving image is the template, so that poses are the inverse of moving_from_fixed.
    images
        What any other measure of this level is made from.
    distance
        Distance to the region's mask in mm, in the fixed world.
    voxel_mm
        Cube root of the larger voxel volume of the two images at this level.
    """

    reversed: bool
    images: LevelImages
    distance: GridImage
    voxel_mm: float

    @property
    def residual(self) -> LocalAffine:
        """The default residual, a function of poses sampled_from_template."""
        return self.images.local_affine

    def oriented(self, transform: RigidTransform) -> RigidTransform:
        """Turn moving_from_fixed into the residual's pose, and back."""
        return transform.inverse() if self.reversed else transform

    def minimise(
        self, starts: Sequence[RigidTransform], settings: GaussNewtonSettings, *, measure: Measure | None = None
    ) -> list[Solution]:
        """Return a solution for each start, moving_from_fixed both, best first by the measure's own objective."""
        measure = measure or LocalAffineMeasure()
        solutions = measure.minimise(self.images, [self.oriented(start) for start in starts], settings=settings)
        turned = [replace(solution, transform=self.oriented(solution.transform)) for solution in solutions]
        return sorted(turned, key=lambda solution: solution.objective)

    def unexplained(self, transforms: Sequence[RigidTransform]) -> NDArray[np.floating]:
        """Return the objective at (B,) transforms, moving_from_fixed."""
        return self.unexplained_and_overlap(transforms)[0]

    def unexplained_and_overlap(
        self, transforms: Sequence[RigidTransform]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return objective and overlap at (B,) transforms, moving_from_fixed, as in `LocalAffine.unexplained`."""
        return self.residual.unexplained(np.stack([self.oriented(transform).matrix for transform in transforms]))

    def alike(self, transform: RigidTransform) -> NDArray[np.floating]:
        """Return (3,), 0 to 1: how alike the samples lie between the sampled image's voxels, along its axes.

        |mean exp(2 pi i x)| of the voxel coordinates x at a transform, moving_from_fixed: 1 on parallel grids.
        """
        points = self.images.samples.corners_mm
        places = self.images.sampled.grid.voxel_points(self.oriented(transform).apply(points))
        return np.abs(np.exp(2j * np.pi * places).sum(axis=0)) / max(len(places), 1)

    def profiled(self, transform: RigidTransform) -> "LevelObjective":
        """Return the objective with the template's slice profile as measured at a transform (`slice_profile`)."""
        pose, images = self.oriented(transform), self.images
        change = widened(images.template, images.sampled, sampled_from_template=pose.rotation) - images.sampled.data
        share = best_share(self.residual, change, images.sampled, pose)
        sampled = replace(images.sampled, data=images.sampled.data + share * change)
        return replace(self, images=replace(images, sampled=sampled, features=images.features.of(sampled)))

    def turned(self, transform: RigidTransform, *, level: Level) -> "LevelObjective":
        """Return the objective the other way round, its region carried over by a transform, moving_from_fixed.

        The images are those of this level: nothing is averaged or blurred again.
        """
        pose, images = self.oriented(transform), self.images
        template, sampled = images.sampled, images.template
        distance = self.distance if self.reversed else self.distance.carried(transform)
        centre_mm = pose.apply(images.centre_mm)
        samples = level.samples(template, distance=distance, margin_mm=images.margin_mm, centre_mm=centre_mm)
        features = images.features.of(sampled)
        swapped = LevelImages(template, sampled, features, samples, distance, images.margin_mm)
        return replace(self, reversed=not self.reversed, images=swapped)

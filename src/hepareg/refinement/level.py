"""One level of the refinement: both images in their roles, and the objective between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.cuda.available import cuda_kernels
from hepareg.refinement.direction import Direction
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.images.template_cells import cut_cells
from hepareg.refinement.local_affine import LocalAffine
from hepareg.refinement.settings import LevelSettings, RefinementSettings
from hepareg.refinement.slice_profile import best_share, widen_slices
from hepareg.refinement.solvers.solution import Solution
from hepareg.transforms import RigidTransform

__all__ = ["Level"]


@dataclass(frozen=True, eq=False)
class Level:
    """The objective of one resolution, as a function of poses searched_from_reference.

    Parameters
    ----------
    direction
        From the reference and searched image to the template and sampled image.
    images
        The template and the sampled image, with the cells in which they are compared.
    reference_distance
        Distance to the liver's mask in mm, in the world of the reference image.
    settings, refinement
        The settings of this level, and those that all levels share.
    """

    direction: Direction
    images: LevelImages
    reference_distance: GridImage
    settings: LevelSettings
    refinement: RefinementSettings

    @cached_property
    def residual(self) -> LocalAffine:
        """The residual as a function of poses sampled_from_template; solver and evidence share this one object."""
        return LocalAffine(
            self.images.cells,
            self.images.features,
            settings=self.refinement.residual,
            free_blur=self.images.is_deblurred,
            kernels=cuda_kernels(self.images.template.data.device),
        )

    @property
    def reference(self) -> GridImage:
        """The reference image at this level's resolution."""
        return self.direction.order(self.images.template, self.images.sampled)[0]

    @property
    def searched(self) -> GridImage:
        """The searched image at this level's resolution, around the liver."""
        return self.direction.order(self.images.template, self.images.sampled)[1]

    def sampled_from_template(self, transforms: Sequence[RigidTransform]) -> NDArray[np.floating]:
        """Return (B, 4, 4) poses of the residual for B poses searched_from_reference."""
        return np.stack([self.direction.to_solver(transform).matrix for transform in transforms])

    def minimise(self, starts: Sequence[RigidTransform]) -> list[Solution]:
        """Return one solution for each start, lowest objective first; starts and solutions searched_from_reference."""
        poses = [self.direction.to_solver(start) for start in starts]
        found = self.residual.minimise(poses, settings=self.settings.solver)
        solutions = [replace(solution, transform=self.direction.to_user(solution.transform)) for solution in found]
        return sorted(solutions, key=lambda solution: solution.objective)

    def unexplained(self, transforms: Sequence[RigidTransform]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Return the (B,) unexplained shares and (B,) overlaps at B poses (`LocalAffine.unexplained`)."""
        return self.residual.unexplained(self.sampled_from_template(transforms))

    def position_coherence(self, transform: RigidTransform) -> NDArray[np.floating]:
        """Return (3,) coherences, 0 to 1, of the positions at which a pose reads the sampled image, along its axes.

        |mean exp(2 pi i x)| of the voxel coordinates x: 1 if all positions lie at one fraction between two voxels,
        as on parallel grids; 0 if all fractions occur alike.
        """
        points = self.images.cells.corners_mm
        places = self.images.sampled.grid.voxel_points(self.direction.to_solver(transform).apply(points))
        return np.abs(np.exp(2j * np.pi * places).sum(axis=0)) / max(len(places), 1)

    def match_slice_profile(self, transform: RigidTransform) -> "Level":
        """Return the level with the sampled image blurred to the template's slice profile, measured at a pose."""
        pose, images = self.direction.to_solver(transform), self.images
        wider = widen_slices(images.template, images.sampled, sampled_from_template=pose.rotation)
        change = wider - images.sampled.data
        share = best_share(self.residual, change, images.sampled, pose=pose, settings=self.refinement.slice_profile)
        sampled = replace(images.sampled, data=images.sampled.data + share * change)
        return replace(self, images=replace(images, sampled=sampled, features=images.features.rebuild(sampled)))

    def exchange(self, transform: RigidTransform) -> "Level":
        """Return the level with template and sampled image exchanged; its liver mask is placed by a pose.

        The images stay those of this level: they are neither averaged nor blurred again.
        """
        images, direction = self.images, self.direction.reverse()
        template, sampled = images.sampled, images.template
        distance = self.reference_distance
        if direction.exchanged:
            distance = distance.move(transform)
        cells = cut_cells(
            template,
            distance=distance,
            margin_mm=images.margin_mm,
            centre_mm=self.direction.to_solver(transform).apply(images.centre_mm),
            settings=self.settings.cells,
        )
        exchanged = LevelImages(template, sampled, images.features.rebuild(sampled), cells, images.margin_mm)
        return replace(self, direction=direction, images=exchanged)

"""Rigid refinement from coarse to fine, from several starts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hepareg.geometry import Grid
from hepareg.geometry.boxes import range_around_points
from hepareg.geometry.rotations import rotation_vector
from hepareg.optimisation.block_average import GridImage, block_average, block_factors
from hepareg.optimisation.gauss_newton import GaussNewtonSettings
from hepareg.optimisation.level_images import LevelImages
from hepareg.optimisation.local_affine import LocalAffine
from hepareg.optimisation.matched_blur import matched_blur
from hepareg.optimisation.measure import LocalAffineMeasure, Measure
from hepareg.optimisation.moving_features import image_features
from hepareg.optimisation.normal_equations import ARC_RADIUS_MM
from hepareg.optimisation.samples import cell_samples
from hepareg.optimisation.slice_profile import best_share, is_thick, widened
from hepareg.optimisation.solution import Solution, Status
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = [
    "FixedRegion",
    "Level",
    "LevelObjective",
    "LevelResult",
    "RefinementSettings",
    "build_objective",
    "distinct",
    "refine",
]

COARSER = 1.2
"""How much thicker the moving image's slices are than the fixed image's, and than the level, to be the template."""
ALIKE = 0.2
"""Above this the places between voxels are alike enough for interpolation to pull the pose; grids turned by a few
degrees against each other have 0.1 and less."""
MAX_PULL_VOX = 0.5
"""Interpolation pulls by no more than this."""
MAX_MARGIN_MM = 12.0
"""The region holds no more around the liver, however thick the slices."""
MARGIN_SLICES = 1.6
"""Least margin in slices of the template: the profile of an edge is then inside on both of its sides."""


@dataclass(frozen=True)
class Level:
    """One resolution of the refinement.

    Parameters
    ----------
    spacing_mm
        Images are block-averaged to about this spacing, never interpolated to it.
    margin_mm
        Voxels up to this far outside the mask take part; at least 1.6 slices of the coarser image,
        so that the profile of an edge is inside on both of its sides.
    cell_vox
        Edge of the cells in which intensities are related, in voxels of the level.
    max_samples
        Voxels that take part at most.
    keep
        Number of best solutions that go on to the next level.
    window_hu
        Intensities are clamped to this range. Narrow on coarse levels, where lung and bone would
        drown the organs; wide on the finest, where a clamp would distort the profile of an edge.
    solver
        Iteration limits.
    with_surface
        Whether the step at the mask's surface has a size of its own in each cell, and cells that do not fit
        lose their weight as a whole (`LocalAffine`). Both are for a pose that is right to about a voxel.
    """

    spacing_mm: float
    margin_mm: float
    cell_vox: int
    max_samples: int
    keep: int
    window_hu: tuple[float, float]
    solver: GaussNewtonSettings
    with_surface: bool = False


@dataclass(frozen=True)
class RefinementSettings:
    """The levels, coarse to fine, and the measure that is minimised on each.

    Parameters
    ----------
    measure
        Evidence for the verdict comes from the default measure, whichever finds the pose.
    """

    levels: tuple[Level, ...] = field(
        default=(
            Level(10.0, 10.0, 3, 30_000, 4, (-200.0, 300.0), GaussNewtonSettings(10, 0.5, 15.0)),
            Level(5.0, 7.5, 4, 60_000, 1, (-200.0, 300.0), GaussNewtonSettings(6, 0.2, 8.0)),
            Level(1.5, 6.5, 3, 110_000, 1, (-1000.0, 500.0), GaussNewtonSettings(40, 0.01, 3.0), with_surface=True),
        )
    )
    measure: Measure = field(default_factory=LocalAffineMeasure)


@dataclass(frozen=True, eq=False)
class FixedRegion:
    """Fixed image cropped to the region of interest, the distance to its mask, and the rotation centre.

    ``origin_vox`` is the voxel at which the region would begin if the image went on beyond its border, 0 or less:
    blocks of voxels are counted from there, so that a cropped image gives the same blocks as the whole one.
    """

    image: Volume
    distance: GridImage
    centre_mm: NDArray[np.floating]
    origin_vox: NDArray[np.int_] = field(default_factory=lambda: np.zeros(3, dtype=int))


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
        distance = self.distance if self.reversed else _carried(self.distance, transform)
        samples = cell_samples(
            template,
            distance=distance,
            margin_mm=images.margin_mm,
            centre_mm=pose.apply(images.centre_mm),
            cell_vox=level.cell_vox,
            max_samples=level.max_samples,
            with_surface=level.with_surface,
        )
        features = images.features.of(sampled)
        swapped = LevelImages(template, sampled, features, samples, distance, images.margin_mm)
        return replace(self, reversed=not self.reversed, images=swapped)


@dataclass(frozen=True, eq=False)
class LevelResult:
    """What one level did: its solutions best first, with the objective that judged them."""

    level: Level
    objective: LevelObjective
    solutions: tuple[Solution, ...]


def build_objective(
    region: FixedRegion,
    moving: Volume,
    poses: Sequence[RigidTransform],
    *,
    level: Level,
    device: torch.device,
    allow_reversal: bool = True,
    prefer_moving: bool = False,
    sharp: bool = False,
) -> LevelObjective | None:
    """Return a level's objective over what of the moving image the poses can reach, or None if they reach nothing.

    The image with the thicker slices is the template, read at its own voxel centres, and the other
    one is interpolated: interpolating across thick slices would blur by an amount that depends on
    where between two slices a point falls. Among images alike it is the fixed one, or with
    ``prefer_moving`` the moving one.

    ``sharp``: the blur of interpolation is put back (`image_features`), and what is left of blur between the images is
    free (`LocalAffine`). For a pose that is right to a fraction of a voxel; before that, what blurs keeps noise from
    deciding, and a free blur explains what a motion should.
    """
    reach = np.concatenate([pose.apply(region.image.grid.corners_mm) for pose in poses])
    wanted, end = range_around_points(moving.grid, reach, margin_mm=4 * level.spacing_mm, margin_vox=2)
    start, stop = np.maximum(wanted, 0), np.minimum(end, moving.shape)
    if not (start < stop).all():
        return None
    moving = moving.crop(start, stop)
    origins = region.origin_vox, wanted - start
    pose = poses[0]
    turn = allow_reversal and len(poses) == 1 and _moving_is_template(region.image, moving, level, prefer_moving)
    template, sampled = (moving, region.image) if turn else (region.image, moving)
    distance, centre = region.distance, region.centre_mm
    if turn:
        distance = _carried(distance, pose)
        centre = pose.apply(centre)
    template_image = _at_level(template, level, device, origin_vox=origins[turn])
    sampled_image = _at_level(sampled, level, device, origin_vox=origins[not turn])
    rotation = (pose.inverse() if turn else pose).rotation
    template_data, sampled_data = matched_blur(
        template_image, sampled_image, sampled_from_template=rotation, linear=not sharp
    )
    template_image = replace(template_image, data=template_data)
    margin = max(level.margin_mm, min(MARGIN_SLICES * _coarsest(template), MAX_MARGIN_MM))
    samples = cell_samples(
        template_image,
        distance=distance,
        margin_mm=margin,
        centre_mm=centre,
        cell_vox=level.cell_vox,
        max_samples=level.max_samples,
        with_surface=level.with_surface,
    )
    sampled_image = replace(sampled_image, data=sampled_data)
    features = image_features(sampled_image, curved=sharp)
    images = LevelImages(template_image, sampled_image, features, samples, distance, margin)
    voxel_mm = max(template_image.grid.voxel_volume_mm3, sampled_image.grid.voxel_volume_mm3) ** (1 / 3)
    return LevelObjective(turn, images, region.distance, voxel_mm)


def refine(
    region: FixedRegion,
    moving: Volume,
    starts: Sequence[RigidTransform],
    *,
    settings: RefinementSettings,
    device: torch.device,
    prefer_moving: bool = False,
) -> list[LevelResult]:
    """Refine several starts, keep the best of each level; the last level's first solution is the answer.

    Thick slices bias the last level, and so do grids that run parallel: it is then repeated from its answer with that
    taken out (`slice_profile`, `image_features`).

    ``prefer_moving``: see `build_objective`.

    Returns
    -------
    list of LevelResult
        One for each level that ran; empty where no start brings the images together.
    """
    results: list[LevelResult] = []
    poses = list(starts)
    for level in settings.levels:
        if results:
            poses = _next_starts(results[-1], region.centre_mm)
        objective = build_objective(region, moving, poses, level=level, device=device, prefer_moving=prefer_moving)
        if objective is None:
            break
        solutions = objective.minimise(poses, level.solver, measure=settings.measure)
        results.append(LevelResult(level, objective, tuple(solutions)))
    if len(results) == len(settings.levels):
        results[-1] = _less_biased(
            results[-1], region, moving, settings.measure, device=device, prefer_moving=prefer_moving
        )
    return results


def _less_biased(
    last: LevelResult,
    region: FixedRegion,
    moving: Volume,
    measure: Measure,
    *,
    device: torch.device,
    prefer_moving: bool,
) -> LevelResult:
    """Return the last level repeated from its answer with what biases it taken out.

    The profile of thick slices is measured. Where samples lie alike between voxels the blur of interpolation is put
    back, and the answer taken if it has converged nearby: interpolation pulls by a fraction of a voxel, and what goes
    further follows something else.
    """
    objective, level = last.objective, last.level
    found = [solution.transform for solution in last.solutions]
    if is_thick(objective.images.template, objective.images.sampled):
        profiled = objective.profiled(found[0])
        return LevelResult(level, profiled, tuple(profiled.minimise(found, level.solver, measure=measure)))
    if isinstance(measure, LocalAffineMeasure) and objective.alike(found[0]).max() > ALIKE:
        sharp = build_objective(
            region, moving, found, level=level, device=device, prefer_moving=prefer_moving, sharp=True
        )
        if sharp is not None:
            solutions = sharp.minimise(found, level.solver)
            if solutions[0].status is Status.CONVERGED and _near(solutions[0].transform, found[0], objective):
                return LevelResult(level, sharp, tuple(solutions))
    return last


def _near(a: RigidTransform, b: RigidTransform, objective: LevelObjective) -> bool:
    return len(distinct([a, b], objective.images.centre_mm, MAX_PULL_VOX * objective.voxel_mm)) == 1


def distinct(
    transforms: Sequence[RigidTransform], centre_mm: NDArray[np.floating], tolerance_mm: float
) -> list[RigidTransform]:
    """Return the transforms that differ from all before them by more than a tolerance over a liver-sized region."""
    probe = centre_mm + np.vstack([np.zeros(3), ARC_RADIUS_MM * np.eye(3)])
    placed = np.stack([transform.apply(probe) for transform in transforms])
    kept: list[int] = []
    for number, places in enumerate(placed):
        if (np.linalg.norm(placed[kept] - places, axis=-1).max(axis=-1) > tolerance_mm).all():
            kept.append(number)
    return [transforms[number] for number in kept]


def _next_starts(result: LevelResult, centre_mm: NDArray[np.floating]) -> list[RigidTransform]:
    """Return the best of a level's poses that lie apart, as many as the level keeps."""
    poses = [solution.transform for solution in result.solutions]
    apart = distinct(poses, centre_mm, result.level.spacing_mm / 4)
    return [_settled(pose, centre_mm) for pose in apart[: result.level.keep]]


def _settled(transform: RigidTransform, centre_mm: NDArray[np.floating]) -> RigidTransform:
    """Return a start for the next level, rounded to 0.001 mm and a hundredth of a milliradian.

    What single precision left to chance in a coarse level, which reads far around the liver, does not
    pass on: the finer levels then start from the same digits whether or not the image was cropped.
    """
    turn, shift = rotation_vector(transform.rotation), transform.translation_at(centre_mm)
    return RigidTransform.from_vectors(np.round(turn, 5), np.round(shift, 3), centre_mm=centre_mm)


def _at_level(volume: Volume, level: Level, device: torch.device, *, origin_vox: NDArray[np.int_]) -> GridImage:
    """Return the image in blocks that are counted from ``origin_vox``, the first that is not whole left out."""
    factors = block_factors(volume.grid, level.spacing_mm)
    first = np.clip(np.mod(origin_vox, factors), 0, np.array(volume.shape) - factors)
    image = block_average(volume.crop(first, volume.shape), factors, window=level.window_hu, device=device)
    return replace(image, first_vox=tuple(((first - origin_vox) // factors).tolist()))


def _moving_is_template(fixed: Volume, moving: Volume, level: Level, prefer_moving: bool) -> bool:
    def thicker(a: Volume, b: Volume) -> bool:
        return _coarsest(a) > COARSER * max(_coarsest(b), level.spacing_mm)

    return thicker(moving, fixed) or (prefer_moving and not thicker(fixed, moving))


def _coarsest(volume: Volume) -> float:
    return float(volume.grid.spacing_mm.max())


def _carried(image: GridImage, pose: RigidTransform) -> GridImage:
    """Return an image where a pose takes it."""
    return replace(image, grid=Grid(image.grid.shape, pose.matrix @ image.grid.world_from_voxel))

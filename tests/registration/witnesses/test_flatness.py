"""How flat an optimum is: a liver with vessels fixes its pose, a sphere without any does not fix its rotation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from hepareg.geometry import Grid
from hepareg.pair import ImagePair
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.registration.problem import ProblemSettings, build_problem
from hepareg.registration.witnesses.flatness import flatness_mm
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

SHAPE = (64, 64, 64)
GRID = Grid(SHAPE, np.diag([3.0, 3.0, 3.0, 1.0]))


def flatness(level, pose):
    with torch.no_grad():
        return flatness_mm(level, pose)


def sphere_level():
    """Return level and pose of two noisy images of one sphere of 60 mm in unequal surroundings."""
    rng = np.random.default_rng(0)
    points = GRID.world_points(np.moveaxis(np.indices(SHAPE), 0, -1)) - GRID.centre_mm
    inside = np.linalg.norm(points, axis=-1) < 60.0

    def image(liver_hu):
        around = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 4)
        hu = np.where(inside, liver_hu, -20.0 + 50.0 * around / around.std())
        return Volume((hu + 12.0 * rng.standard_normal(SHAPE)).astype(np.int16), GRID)

    mask = Volume(inside, GRID)
    images = ImagePair(image(70.0), image(100.0), mask, Volume(inside.copy(), GRID))
    problem = build_problem(images, device=torch.device("cpu"), settings=ProblemSettings())
    settings = RefinementSettings(levels=RefinementSettings().levels[:2])
    start = RigidTransform.identity()
    with torch.no_grad():
        found = refine(problem.region, problem.searched, [start], when_alike=problem.direction, settings=settings)
    return found.compared.level, found.pose


def test_a_liver_with_vessels_is_well_determined(refined):
    assert flatness(refined[1].compared.level, refined[1].pose) < 1.0  # the limit of the verdict


def test_a_sphere_without_vessels_is_not():
    assert flatness(*sphere_level()) > 1.0


def test_a_level_without_cells_says_nothing(refined):
    level = refined[1].compared.level
    cells = replace(level.images.cells, weights=torch.zeros_like(level.images.cells.weights))
    empty = replace(level, images=replace(level.images, cells=cells))
    assert flatness(empty, refined[1].pose) is None


def test_the_number_does_not_depend_on_the_side_from_which_it_is_measured(refined):
    level, pose = refined[1].compared.level, refined[1].pose
    with torch.no_grad():
        exchanged = level.exchange(pose)
    assert flatness(exchanged, pose) == pytest.approx(flatness(level, pose), rel=0.7)  # other voxels, other noise

"""Where linear interpolation would pull a pose, and what a level then reads."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.region import FixedRegion, distance_to_mask
from hepareg.refinement.level_pair import ALIKE, NEIGHBOURS_MM, LevelPair
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

FINEST = RefinementSettings().levels[-1]
ISO, FINE, THICK = (1.5, 1.5, 1.5), (1.3, 1.3, 1.3), (1.5, 1.5, 3.0)
SHIFTED = RigidTransform.from_vectors(np.zeros(3), (3.3, -7.1, 12.4))
SLANTED = RigidTransform.from_vectors((0.004, -0.011, 0.018), (3.3, -7.1, 12.4))
RAS = np.eye(4)
OBLIQUE = RigidTransform.from_vectors((0.2, 0.1, -0.3), np.zeros(3)).matrix


def turned(degrees, axis):
    return RigidTransform.from_vectors(np.radians(degrees) * np.eye(3)[axis], (3.3, -7.1, 12.4))


def pair(template_mm, sampled_mm, pose, *, axes=RAS, reverse=False):
    """Images of nothing on grids of two spacings."""
    grids = [Grid((6, 6, 6), axes @ np.diag([*mm, 1.0])) for mm in (template_mm, sampled_mm)]
    images = [GridImage(torch.zeros(6, 6, 6), grid) for grid in grids]
    region = FixedRegion(Volume(np.zeros((6, 6, 6)), images[0].grid), images[0], np.zeros(3))
    return LevelPair(FINEST, reverse, *images, pose, region, FINEST.margin_mm)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axes", [RAS, OBLIQUE @ np.diag([-1.0, 1, 1, 1])], ids=["ras", "oblique"])
@pytest.mark.parametrize(
    ("template_mm", "sampled_mm", "pose"),
    [(ISO, ISO, turned(1, 0)), (ISO, FINE, SHIFTED), ((1.0, 2.5, 1.5), (1.0, 2.5, 1.5), SLANTED)],
)
def test_alike_is_the_mean_phase_over_a_cube(template_mm, sampled_mm, pose, axes, reverse):
    found = pair(template_mm, sampled_mm, pose, axes=axes, reverse=reverse)
    counts = np.round(NEIGHBOURS_MM / np.array(template_mm)).astype(int)
    voxels = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    into_sampled = (pose.inverse() if reverse else pose).apply(found.template.grid.world_points(voxels))
    places = found.sampled.grid.voxel_points(into_sampled)
    assert found.neighbours_alike() == pytest.approx(np.abs(np.exp(2j * np.pi * places).mean(axis=0)), abs=0.02)


def test_grids_that_run_parallel_pull():
    assert pair(ISO, ISO, SHIFTED).neighbours_alike() == pytest.approx([1, 1, 1])
    assert pair(ISO, ISO, SHIFTED).is_pulled
    assert pair(ISO, ISO, turned(1.5, 0)).is_pulled
    # every second voxel is read: the places are as alike
    assert pair((3.0, 1.5, 1.5), ISO, SHIFTED).neighbours_alike() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("reverse", [False, True])
def test_the_pose_leads_from_the_fixed_to_the_moving_image(reverse):
    """A third of a turn about the diagonal takes x to y, y to z and z to x: the other way round the spacings differ."""
    third = RigidTransform.from_vectors(2 * np.pi / 3 * np.ones(3) / np.sqrt(3), (3.3, -7.1, 12.4))
    found = pair((1.0, 2.5, 1.7), (1.7, 1.0, 2.5), third.inverse() if reverse else third, reverse=reverse)
    assert found.neighbours_alike() == pytest.approx([1, 1, 1])


def test_along_the_axis_of_a_turn_the_places_stay_alike():
    about_x = pair(ISO, ISO, turned(6.0, 0)).neighbours_alike()
    assert about_x[0] == pytest.approx(1)
    assert about_x[1:].max() < ALIKE


def test_other_spacings_and_turns_do_not_pull():
    assert not pair(ISO, FINE, SHIFTED).is_pulled
    slanted = RigidTransform.from_vectors(np.radians([4.0, -4.0, 4.0]), np.zeros(3))
    assert not pair(ISO, ISO, slanted).is_pulled


def test_slices_far_apart_pull_whatever_the_turn():
    slanted = RigidTransform.from_vectors(np.radians([6.0, -6.0, 6.0]), np.zeros(3))
    assert pair(THICK, (1.3, 1.3, 2.7), slanted).is_pulled
    assert not pair((1.3, 1.3, 2.7), (1.3, 1.3, 1.3), slanted).is_pulled  # these are not interpolated


@pytest.fixture(scope="module")
def thin(oblique_problem, organ_values):
    """A fixed and a moving image on one grid, and where the liver went."""
    centre = oblique_problem.images().centre_mm
    truth = RigidTransform.from_vectors((0.01, 0.0, 0.005), (1.2, -0.7, 0.9), centre_mm=centre)
    matrix = np.diag([2.0, 2.0, 2.0, 1.0])
    matrix[:3, 3] = centre - 2.0 * (np.array([60, 54, 50]) - 1) / 2
    grid = Grid((60, 54, 50), matrix)
    points = grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    fixed, moving = Volume(organ_values(points), grid), Volume(organ_values(truth.inverse().apply(points)), grid)
    mask = Volume(fixed.data > 100, grid)
    return FixedRegion(fixed, distance_to_mask(mask, device=torch.device("cpu")), centre), moving, truth


def finest(thin, start, **changes):
    region, moving, _ = thin
    settings = RefinementSettings(levels=(replace(FINEST, window_hu=(-2000.0, 2000.0), spacing_mm=2.0, **changes),))
    return refine(region, moving, [start], settings=settings, device=torch.device("cpu"))[-1]


@pytest.mark.parametrize("is_pulled", [True, False])
def test_the_blur_is_put_back_where_it_would_pull(thin, monkeypatch, is_pulled):
    region, _, truth = thin
    monkeypatch.setattr(LevelPair, "is_pulled", is_pulled)
    result = finest(thin, RigidTransform.identity())
    assert result.objective.images.sharpness is is_pulled
    probe, found = region.centre_mm + 40 * np.eye(3), result.solutions[0].transform
    assert np.linalg.norm(found.apply(probe) - truth.apply(probe), axis=1).max() < 0.1


def test_a_blur_that_takes_the_pose_far_is_not_believed(thin):
    assert not finest(thin, RigidTransform.from_vectors(np.zeros(3), (4.5, 0.0, 0.0))).objective.images.sharpness


def test_a_blur_that_has_not_converged_is_not_believed(thin):
    start = RigidTransform.from_vectors(np.zeros(3), (0.5, 0.0, 0.0))
    assert finest(thin, start).objective.images.sharpness
    assert not finest(thin, start, solver=replace(FINEST.solver, max_iterations=1)).objective.images.sharpness


def test_a_blur_of_images_that_are_mostly_noise_is_not_believed(thin):
    region, moving, truth = thin
    rng = np.random.default_rng(5)
    for sd_hu, is_believed in ((1.0, True), (300.0, False)):
        noisy = [volume.data + sd_hu * rng.standard_normal(volume.data.shape) for volume in (region.image, moving)]
        images = replace(region, image=Volume(noisy[0], moving.grid)), Volume(noisy[1], moving.grid), truth
        assert finest(images, truth).objective.images.sharpness is is_believed

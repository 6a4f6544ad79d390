"""Where linear interpolation would bias a pose, how a level then reads its images, and which image is the template."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.averaged_pair import AveragedPair, choose_direction
from hepareg.refinement.direction import Direction
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.region import Region, RegionSettings, distance_to_mask
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import InterpolationSettings, RefinementSettings, TemplateSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

SETTINGS, LIMITS = RefinementSettings(), InterpolationSettings()
FINEST = SETTINGS.levels[-1]
ISO, FINE, THICK = (1.5, 1.5, 1.5), (1.3, 1.3, 1.3), (1.5, 1.5, 3.0)
SHIFTED = RigidTransform.from_vectors(np.zeros(3), (3.3, -7.1, 12.4))
SLANTED = RigidTransform.from_vectors((0.004, -0.011, 0.018), (3.3, -7.1, 12.4))
RAS = np.eye(4)
OBLIQUE = RigidTransform.from_vectors((0.2, 0.1, -0.3), np.zeros(3)).matrix


def turned(degrees, axis):
    return RigidTransform.from_vectors(np.radians(degrees) * np.eye(3)[axis], (3.3, -7.1, 12.4))


def pair(template_mm, sampled_mm, pose, *, axes=RAS, exchange=False):
    """Images of nothing on grids of two spacings."""
    grids = [Grid((6, 6, 6), axes @ np.diag([*mm, 1.0])) for mm in (template_mm, sampled_mm)]
    images = [GridImage(torch.zeros(6, 6, 6), grid) for grid in grids]
    region = Region(Volume(np.zeros((6, 6, 6)), images[0].grid), images[0], np.zeros(3))
    return AveragedPair(Direction(exchange), *images, pose, region, FINEST.margin_mm, FINEST, SETTINGS)


@pytest.mark.parametrize("exchange", [False, True])
@pytest.mark.parametrize("axes", [RAS, OBLIQUE @ np.diag([-1.0, 1, 1, 1])], ids=["ras", "oblique"])
@pytest.mark.parametrize(
    ("template_mm", "sampled_mm", "pose"),
    [(ISO, ISO, turned(1, 0)), (ISO, FINE, SHIFTED), ((1.0, 2.5, 1.5), (1.0, 2.5, 1.5), SLANTED)],
)
def test_coherence_is_the_mean_phase_over_a_cube(template_mm, sampled_mm, pose, axes, exchange):
    found = pair(template_mm, sampled_mm, pose, axes=axes, exchange=exchange)
    counts = np.round(LIMITS.neighbours_mm / np.array(template_mm)).astype(int)
    voxels = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    into_sampled = (pose.inverse() if exchange else pose).apply(found.template.grid.world_points(voxels))
    places = found.sampled.grid.voxel_points(into_sampled)
    assert found.neighbour_coherence() == pytest.approx(np.abs(np.exp(2j * np.pi * places).mean(axis=0)), abs=0.02)


def test_grids_that_run_parallel_bias_the_pose():
    assert pair(ISO, ISO, SHIFTED).neighbour_coherence() == pytest.approx([1, 1, 1])
    assert pair(ISO, ISO, SHIFTED).is_biased_by_interpolation
    assert pair(ISO, ISO, turned(1.5, 0)).is_biased_by_interpolation
    # every second voxel is read: the places are as alike
    assert pair((3.0, 1.5, 1.5), ISO, SHIFTED).neighbour_coherence() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("exchange", [False, True])
def test_the_pose_leads_from_the_reference_to_the_searched_image(exchange):
    """A third of a turn about the diagonal takes x to y, y to z and z to x: the other way round the spacings differ."""
    third = RigidTransform.from_vectors(2 * np.pi / 3 * np.ones(3) / np.sqrt(3), (3.3, -7.1, 12.4))
    found = pair((1.0, 2.5, 1.7), (1.7, 1.0, 2.5), third.inverse() if exchange else third, exchange=exchange)
    assert found.neighbour_coherence() == pytest.approx([1, 1, 1])


def test_along_the_axis_of_a_turn_the_places_stay_alike():
    about_x = pair(ISO, ISO, turned(6.0, 0)).neighbour_coherence()
    assert about_x[0] == pytest.approx(1)
    assert about_x[1:].max() < LIMITS.max_coherence


def test_other_spacings_and_turns_do_not_bias_it():
    assert not pair(ISO, FINE, SHIFTED).is_biased_by_interpolation
    slanted = RigidTransform.from_vectors(np.radians([4.0, -4.0, 4.0]), np.zeros(3))
    assert not pair(ISO, ISO, slanted).is_biased_by_interpolation


def test_slices_far_apart_bias_it_whatever_the_turn():
    slanted = RigidTransform.from_vectors(np.radians([6.0, -6.0, 6.0]), np.zeros(3))
    assert pair(THICK, (1.3, 1.3, 2.7), slanted).is_biased_by_interpolation
    assert not pair((1.3, 1.3, 2.7), (1.3, 1.3, 1.3), slanted).is_biased_by_interpolation  # these are not interpolated


@pytest.mark.parametrize("when_alike", [Direction(), Direction(exchanged=True)])
def test_the_image_with_thicker_slices_is_the_template(when_alike):
    def volume(slice_mm):
        return Volume(np.zeros((2, 2, 2)), Grid((2, 2, 2), np.diag([1.0, 1.0, slice_mm, 1.0])))

    def direction(reference_mm, searched_mm):
        images = volume(reference_mm), volume(searched_mm)
        return choose_direction(*images, when_alike=when_alike, spacing_mm=1.5, settings=TemplateSettings())

    assert direction(1.0, 5.0) == Direction(exchanged=True)
    assert direction(5.0, 1.0) == Direction()
    assert direction(5.0, 5.0) == direction(5.0, 4.5) == when_alike
    assert direction(1.0, 1.6) == direction(1.6, 1.0) == when_alike  # the level averages both to 1.5 mm


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
    distance = distance_to_mask(mask, device=torch.device("cpu"), settings=RegionSettings())
    return Region(fixed, distance, centre), moving, truth


def finest(thin, start, **changes):
    region, moving, _ = thin
    settings = RefinementSettings(levels=(replace(FINEST, window_hu=(-2000.0, 2000.0), spacing_mm=2.0, **changes),))
    return refine(region, moving, [start], when_alike=Direction(), settings=settings).finest


@pytest.mark.parametrize("is_biased_by_interpolation", [True, False])
def test_the_blur_is_undone_where_it_would_bias_the_pose(thin, monkeypatch, is_biased_by_interpolation):
    region, _, truth = thin
    monkeypatch.setattr(AveragedPair, "is_biased_by_interpolation", is_biased_by_interpolation)
    result = finest(thin, RigidTransform.identity())
    assert result.level.images.is_deblurred is is_biased_by_interpolation
    probe, found = region.centre_mm + 40 * np.eye(3), result.best.transform
    assert np.linalg.norm(found.apply(probe) - truth.apply(probe), axis=1).max() < 0.1


def test_a_blur_that_takes_the_pose_far_is_not_believed(thin):
    assert not finest(thin, RigidTransform.from_vectors(np.zeros(3), (4.5, 0.0, 0.0))).level.images.is_deblurred


def test_a_blur_that_has_not_converged_is_not_believed(thin):
    start = RigidTransform.from_vectors(np.zeros(3), (0.5, 0.0, 0.0))
    assert finest(thin, start).level.images.is_deblurred
    assert not finest(thin, start, solver=replace(FINEST.solver, max_iterations=1)).level.images.is_deblurred


def test_a_blur_of_images_that_are_mostly_noise_is_not_believed(thin):
    region, moving, truth = thin
    rng = np.random.default_rng(5)
    for sd_hu, is_believed in ((1.0, True), (300.0, False)):
        noisy = [volume.data + sd_hu * rng.standard_normal(volume.data.shape) for volume in (region.image, moving)]
        images = replace(region, image=Volume(noisy[0], moving.grid)), Volume(noisy[1], moving.grid), truth
        assert finest(images, truth).level.images.is_deblurred is is_believed

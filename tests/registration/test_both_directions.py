from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.pair import ImagePair
from hepareg.refinement.averaged_pair import AveragedPair
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.registration import RegisterSettings, register
from hepareg.registration.both_directions import (
    BothDirectionsSettings,
    average_directions,
    interpolate_poses,
    mean_of_two,
)
from hepareg.registration.evidence import wrong_poses
from hepareg.registration.pose_uncertainty import (
    Estimate,
    UncertaintySettings,
    estimate_pose,
    mean_distances_mm,
)
from hepareg.registration.problem import ProblemSettings, build_problem
from hepareg.registration.tissue_motion import TissueMotionSettings
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

CPU = torch.device("cpu")
BLOCKS = UncertaintySettings()


def with_limits(*, both_directions_mm):
    """Return settings under which the pose never follows a bend."""
    return RegisterSettings(
        tissue_motion=TissueMotionSettings(min_gain=np.inf),
        both_directions=BothDirectionsSettings(search_mm=both_directions_mm),
    )


ALWAYS = with_limits(both_directions_mm=0.0)


def noisy(image, hu, seed):
    noise = np.random.default_rng(seed).normal(0.0, hu, image.shape)
    return image.with_data((image.data + noise).astype(np.float32))


@pytest.fixture(scope="module")
def noisy_pair(pair):
    """The small pair with so much noise that gradients flatten, and its truth."""
    images, truth = pair
    return {**images, "moving": noisy(images["moving"], 60.0, 1), "fixed": noisy(images["fixed"], 30.0, 2)}, truth


def refine_from(images, start):
    """Return problem and refinement of a pair from one start, and the estimate of the pose found."""
    problem = build_problem(ImagePair(**images), device=CPU, settings=ProblemSettings())
    with torch.no_grad():
        found = refine(
            problem.region, problem.searched, [start], when_alike=problem.direction, settings=RefinementSettings()
        )
        return (
            problem,
            found,
            estimate_pose(found.finest.level, found.pose, points_mm=problem.points_mm, settings=BLOCKS),
        )


def average(problem, refinement, forward):
    with torch.no_grad():
        return average_directions(
            refinement, forward, points_mm=problem.points_mm, settings=ALWAYS.both_directions, blocks=BLOCKS
        )


@pytest.fixture(scope="module")
def refined(noisy_pair):
    """Problem, refinement and estimate of the noisy pair, from the truth."""
    return refine_from(*noisy_pair)


def test_the_mean_is_nearer_to_the_truth_than_one_direction(refined, noisy_pair):
    problem, _, forward = refined
    both = average(*refined)
    _, truth = noisy_pair
    alone, mean = mean_distances_mm([forward.transform, both.transform], truth, problem.points_mm)
    assert mean < 0.8 * alone
    assert both.directions_error_mm < 3 * mean


def test_a_mean_by_inverse_variances():
    here, shifted = RigidTransform.identity(), RigidTransform.from_vectors(np.zeros(3), (1.0, 0.0, 0.0))
    centre = np.array([10.0, 20.0, 30.0])
    mean = mean_of_two(Estimate(here, 0.1), Estimate(shifted, 0.2), apart_mm=1.0, centre_mm=centre)
    np.testing.assert_allclose(mean.transform.translation_mm, (0.2, 0.0, 0.0), atol=1e-12)
    assert mean.uncertainty_mm == pytest.approx(0.8 * 0.1 + 0.2 * 0.2)
    assert mean.directions_error_mm == pytest.approx(0.4)


def test_part_of_the_way_between_two_poses():
    a = RigidTransform.from_vectors((0.1, -0.2, 0.3), (4.0, 5.0, 6.0))
    b = RigidTransform.from_vectors((0.15, -0.1, 0.35), (1.0, 9.0, 7.0))
    centre = np.array([20.0, -30.0, 250.0])
    for share, same in ((0.0, a), (1.0, b)):
        np.testing.assert_allclose(
            interpolate_poses(a, b, share=share, centre_mm=centre).matrix, same.matrix, atol=1e-12
        )
    half = interpolate_poses(a, b, share=0.5, centre_mm=centre)
    np.testing.assert_allclose(half.matrix, interpolate_poses(b, a, share=0.5, centre_mm=centre).matrix, atol=5e-3)
    np.testing.assert_allclose(half.apply(centre), (a.apply(centre) + b.apply(centre)) / 2, atol=0.05)


def test_only_poses_that_are_not_precise_are_searched_the_other_way(pair, monkeypatch):
    monkeypatch.setattr(AveragedPair, "is_biased_by_interpolation", False)
    images, _ = pair
    always = register(**images, settings=ALWAYS).verdict
    never = register(**images, settings=with_limits(both_directions_mm=100.0)).verdict
    assert always.evidence["directions_error_mm"] > 0
    assert "directions_error_mm" not in never.evidence


def test_two_optima_are_not_averaged(refined):
    problem, refinement, forward = refined
    away = wrong_poses(forward.transform, problem.region.centre_mm, distance_mm=6.0)[5]
    both = average(problem, refinement, replace(forward, transform=away))
    assert both.transform is away
    # The other direction went all the way back.
    apart_mm = float(mean_distances_mm([forward.transform], away, problem.points_mm)[0])
    assert both.directions_error_mm == pytest.approx(apart_mm, abs=1.0)


def test_the_other_direction_is_searched_to_its_end_and_judged_there(refined, monkeypatch):
    problem, refinement, forward = refined
    asked = []

    def record(level, transform, **named):
        asked.append((level, transform))
        return estimate_pose(level, transform, **named)

    monkeypatch.setattr("hepareg.registration.both_directions.estimate_pose", record)
    away = wrong_poses(forward.transform, problem.region.centre_mm, distance_mm=1.5)[4]
    average(problem, refinement, replace(forward, transform=away))
    ((exchanged, pose),) = asked
    with torch.no_grad():
        (further,) = exchanged.minimise([pose])
    assert exchanged.direction == refinement.finest.level.direction.reverse()
    tolerance_mm = exchanged.settings.solver.tolerance_mm
    assert mean_distances_mm([further.transform], pose, problem.points_mm)[0] < 2 * tolerance_mm


def test_a_direction_that_finds_nothing_leaves_the_pose_alone(refined):
    problem, refinement, forward = refined
    for shift in (900.0, 200.0):  # nothing of the region in view
        away = RigidTransform.from_vectors(np.zeros(3), (0.0, 0.0, shift))
        assert average(problem, refinement, replace(forward, transform=away)) is None


def test_thick_slices_are_not_interpolated(noisy_pair):
    images, truth = noisy_pair
    images = {**images, "moving": thick(images["moving"], 3), "moving_mask": thick(images["moving_mask"], 3)}
    assert average(*refine_from(images, truth)) is None


def thick(volume, times):
    """Return a volume with some slices averaged to one; of a mask, what most of them say."""
    count = volume.shape[2] // times
    data = volume.data[..., : count * times].reshape(*volume.shape[:2], count, times).mean(axis=-1)
    matrix = volume.grid.world_from_voxel @ np.diag([1.0, 1.0, times, 1.0])
    matrix[:3, 3] = volume.grid.world_points(np.array([0.0, 0.0, (times - 1) / 2]))
    data = data > 0.5 if volume.data.dtype == bool else data.astype(np.float32)
    return Volume(data, Grid(data.shape, matrix))


def test_the_place_of_a_world_does_not_matter(noisy_pair):
    images, _ = noisy_pair
    far = RigidTransform.from_vectors(np.zeros(3), (800.0, -500.0, 300.0))
    carried = {
        name: Volume(volume.data, Grid(volume.shape, far.matrix @ volume.grid.world_from_voxel))
        for name, volume in images.items()
        if name.startswith("moving")
    }
    here = register(**images, settings=ALWAYS)
    there = register(**{**images, **carried}, settings=ALWAYS)
    np.testing.assert_allclose((far.inverse() @ there.transform).matrix, here.transform.matrix, atol=1e-6)
    for name in ("pose_uncertainty_mm", "directions_error_mm"):
        assert there.verdict.evidence[name] == pytest.approx(here.verdict.evidence[name], rel=1e-4)


@pytest.mark.parametrize("with_fixed_mask", [True, False])
def test_cropping_a_turned_patient_changes_nothing(with_fixed_mask):
    """The turned region reaches past the cropped image, so that blocks and cells have to be counted from without."""
    settings = PairSettings(
        phantom=PhantomSettings(shape=(96, 80, 84), spacing_mm=(4.0, 4.0, 4.0)),
        motion=MotionSettings(translation_mm=(10.0, 10.0), rotation_deg=(3.0, 4.0), body_rotation_deg=(16.0, 16.0)),
        moving=AcquisitionSettings(spacing_mm=(4.0, 4.0, 4.0)),
        fixed=AcquisitionSettings(spacing_mm=(4.0, 4.0, 4.0)),
    )
    made = simulate_pair(settings=settings, seed=1)
    mask = made.moving_liver.with_data(made.moving_liver.data > 0)
    (first, last), margin = mask.profile.box, np.ceil(50 / mask.grid.spacing_mm).astype(int)
    start, stop = np.maximum(first - margin, 0), np.minimum(last + margin, mask.shape)
    rest = {"fixed": made.fixed}
    if with_fixed_mask:
        rest["fixed_mask"] = made.fixed_liver.with_data(made.fixed_liver.data > 0)
    whole = register(moving=made.moving, moving_mask=mask, **rest, settings=ALWAYS)
    part = register(moving=made.moving.crop(start, stop), moving_mask=mask.crop(start, stop), **rest, settings=ALWAYS)
    np.testing.assert_allclose(part.transform.matrix, whole.transform.matrix, atol=3e-5)

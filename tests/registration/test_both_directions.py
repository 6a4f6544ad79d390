import numpy as np
import pytest
import torch

from hepareg import register
from hepareg.geometry import Grid
from hepareg.refinement.level_pair import LevelPair
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.registration import RegisterSettings
from hepareg.registration.both_directions import _between, _mean, both_directions
from hepareg.registration.evidence import decoys, precision, spread
from hepareg.registration.problem import assign_roles
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

CPU = torch.device("cpu")
ALWAYS = RegisterSettings(bend_search_mm=np.inf, both_directions_mm=0.0)


def noisy(image, hu, seed):
    noise = np.random.default_rng(seed).normal(0.0, hu, image.shape)
    return image.with_data((image.data + noise).astype(np.float32))


@pytest.fixture(scope="module")
def noisy_pair(pair):
    """The small pair with so much noise that gradients flatten, and its truth."""
    images, truth = pair
    return {**images, "moving": noisy(images["moving"], 60.0, 1), "fixed": noisy(images["fixed"], 30.0, 2)}, truth


def refined(images, start):
    """Return roles and levels of a pair refined from one start."""
    roles = assign_roles(**images, device=CPU)
    return roles, refine(roles.region, roles.moving, [start], settings=RefinementSettings(), device=CPU)


@pytest.fixture(scope="module")
def levels(noisy_pair):
    """Roles and levels of the noisy pair, from the truth."""
    with torch.no_grad():
        return refined(*noisy_pair)


@pytest.fixture(scope="module")
def found(levels):
    """Both directions, the pose and its precision, and the points that they are judged on."""
    roles, results = levels
    pose = results[-1].solutions[0].transform
    with torch.no_grad():
        certain = precision(results[-1].objective, pose, points_mm=roles.points_mm)
        return both_directions(results[-1], pose, certain, points_mm=roles.points_mm), pose, certain, roles.points_mm


def test_the_mean_is_nearer_to_the_truth_than_one_direction(found, noisy_pair):
    both, pose, _, points = found
    _, truth = noisy_pair
    alone, mean = spread([pose, both.transform], truth, points)
    assert mean < 0.8 * alone
    assert both.standard_error_mm < 3 * mean


def test_a_mean_by_inverse_variances():
    shifted = RigidTransform.from_vectors(np.zeros(3), (1.0, 0.0, 0.0))
    mean = _mean(RigidTransform.identity(), shifted, (0.1, 0.2), 1.0, np.array([10.0, 20.0, 30.0]))
    np.testing.assert_allclose(mean.transform.translation_mm, (0.2, 0.0, 0.0), atol=1e-12)
    assert mean.precision_mm == pytest.approx(0.8 * 0.1 + 0.2 * 0.2)
    assert mean.standard_error_mm == pytest.approx(0.4)


def test_part_of_the_way_between_two_poses():
    a = RigidTransform.from_vectors((0.1, -0.2, 0.3), (4.0, 5.0, 6.0))
    b = RigidTransform.from_vectors((0.15, -0.1, 0.35), (1.0, 9.0, 7.0))
    centre = np.array([20.0, -30.0, 250.0])
    for share, same in ((0.0, a), (1.0, b)):
        np.testing.assert_allclose(_between(a, b, share, centre).matrix, same.matrix, atol=1e-12)
    half = _between(a, b, 0.5, centre)
    np.testing.assert_allclose(half.matrix, _between(b, a, 0.5, centre).matrix, atol=5e-3)
    np.testing.assert_allclose(half.apply(centre), (a.apply(centre) + b.apply(centre)) / 2, atol=0.05)


def test_only_poses_that_are_not_precise_are_searched_the_other_way(pair, monkeypatch):
    monkeypatch.setattr(LevelPair, "is_pulled", False)
    images, _ = pair
    always = register(**images, settings=ALWAYS).verdict
    never = register(**images, settings=RegisterSettings(bend_search_mm=np.inf, both_directions_mm=100.0)).verdict
    assert always.evidence["directions_error_mm"] > 0
    assert "directions_error_mm" not in never.evidence


def test_two_optima_are_not_averaged(levels, found):
    roles, results = levels
    away = decoys(found[1], roles.region.centre_mm, distance_mm=6.0)[5]
    with torch.no_grad():
        both = both_directions(results[-1], away, found[2], points_mm=roles.points_mm)
    assert both.transform is away
    # The other direction went all the way back.
    assert both.standard_error_mm == pytest.approx(float(spread([found[1]], away, roles.points_mm)[0]), abs=1.0)


def test_the_other_direction_is_searched_to_its_end_and_judged_there(levels, found, monkeypatch):
    roles, results = levels
    asked = []

    def record(objective, transform, **points):
        asked.append((objective, transform))
        return precision(objective, transform, **points)

    monkeypatch.setattr("hepareg.registration.both_directions.precision", record)
    away = decoys(found[1], roles.region.centre_mm, distance_mm=1.5)[4]
    with torch.no_grad():
        both_directions(results[-1], away, found[2], points_mm=roles.points_mm)
        ((turned, pose),) = asked
        (further,) = turned.minimise([pose], results[-1].level.solver)
    assert turned.reversed is not results[-1].objective.reversed
    assert spread([further.transform], pose, roles.points_mm)[0] < 2 * results[-1].level.solver.tolerance_mm


def test_a_direction_that_finds_nothing_leaves_the_pose_alone(levels, found):
    roles, results = levels
    with torch.no_grad():
        for shift in (900.0, 200.0):  # nothing of the region in view
            away = RigidTransform.from_vectors(np.zeros(3), (0.0, 0.0, shift))
            assert both_directions(results[-1], away, found[2], points_mm=roles.points_mm) is None


def test_thick_slices_are_not_interpolated(noisy_pair):
    images, truth = noisy_pair
    images = {**images, "moving": thick(images["moving"], 3), "moving_mask": thick(images["moving_mask"], 3)}
    with torch.no_grad():
        roles, results = refined(images, truth)
        pose = results[-1].solutions[0].transform
        certain = precision(results[-1].objective, pose, points_mm=roles.points_mm)
        assert both_directions(results[-1], pose, certain, points_mm=roles.points_mm) is None


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

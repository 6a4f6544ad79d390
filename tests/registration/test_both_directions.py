import numpy as np
import pytest
import torch

from hepareg import register
from hepareg.optimisation.multilevel import RefinementSettings, refine
from hepareg.registration import RegisterSettings
from hepareg.registration.both_directions import _between, _other_weight, both_directions
from hepareg.registration.evidence import precision, spread
from hepareg.registration.roles import assign_roles
from hepareg.transforms import RigidTransform


def noisy(image, hu, seed):
    noise = np.random.default_rng(seed).normal(0.0, hu, image.shape)
    return image.with_data((image.data + noise).astype(np.float32))


@pytest.fixture(scope="module")
def noisy_pair(pair):
    """The small pair with so much noise that gradients flatten, and its truth."""
    images, truth = pair
    return {**images, "moving": noisy(images["moving"], 60.0, 1), "fixed": noisy(images["fixed"], 30.0, 2)}, truth


@pytest.fixture(scope="module")
def found(noisy_pair):
    """Both directions, the pose and its precision, and the points that they are judged on."""
    images, truth = noisy_pair
    cpu = torch.device("cpu")
    with torch.no_grad():
        roles = assign_roles(**images, device=cpu)
        levels = refine(roles.region, roles.moving, [truth], settings=RefinementSettings(), device=cpu)
        pose = levels[-1].solutions[0].transform
        certain = precision(levels[-1].objective, pose, points_mm=roles.points_mm)
        both = both_directions(levels[-1], pose, certain, points_mm=roles.points_mm)
    return both, pose, certain, roles.points_mm


def test_the_mean_lies_on_the_way_between_the_directions(found):
    both, pose, certain, points = found
    assert 0 < both.weight < 1
    assert float(spread([both.transform], pose, points)[0]) == pytest.approx(both.weight * both.apart_mm, rel=0.02)
    assert both.standard_error_mm <= both.apart_mm / 2
    assert both.precision_mm < certain.expected_tre_mm


def test_the_mean_is_nearer_to_the_truth_than_one_direction(found, noisy_pair):
    both, pose, _, points = found
    _, truth = noisy_pair
    alone, mean = spread([pose, both.transform], truth, points)
    assert mean < 0.8 * alone


def test_the_more_precise_direction_has_the_larger_weight():
    assert _other_weight(0.1, 0.2) == pytest.approx(0.2)
    assert _other_weight(0.3, 0.1) == pytest.approx(0.9)


def test_part_of_the_way_between_two_poses():
    a = RigidTransform.from_vectors((0.1, -0.2, 0.3), (4.0, 5.0, 6.0))
    b = RigidTransform.from_vectors((0.15, -0.1, 0.35), (1.0, 9.0, 7.0))
    centre = np.array([20.0, -30.0, 250.0])
    for share, same in ((0.0, a), (1.0, b)):
        np.testing.assert_allclose(_between(a, b, share, centre).matrix, same.matrix, atol=1e-12)
    half = _between(a, b, 0.5, centre)
    np.testing.assert_allclose(half.matrix, _between(b, a, 0.5, centre).matrix, atol=5e-3)
    np.testing.assert_allclose(half.apply(centre), (a.apply(centre) + b.apply(centre)) / 2, atol=0.05)


def test_only_poses_that_are_not_precise_are_searched_the_other_way(pair):
    images, _ = pair
    always = register(**images, settings=RegisterSettings(both_directions_mm=0.0)).verdict
    never = register(**images, settings=RegisterSettings(both_directions_mm=100.0)).verdict
    assert always.evidence["directions_error_mm"] > 0
    assert "directions_error_mm" not in never.evidence
    assert never.evidence["precision_mm"] > always.evidence["precision_mm"]


def test_a_direction_that_finds_nothing_leaves_the_pose_alone(found, noisy_pair):
    images, truth = noisy_pair
    cpu = torch.device("cpu")
    with torch.no_grad():
        roles = assign_roles(**images, device=cpu)
        levels = refine(roles.region, roles.moving, [truth], settings=RefinementSettings(), device=cpu)
        away = RigidTransform.from_vectors(np.zeros(3), (0.0, 0.0, 900.0))
        assert both_directions(levels[-1], away, found[2], points_mm=roles.points_mm) is None

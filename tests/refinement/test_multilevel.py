"""Levels: exchanged roles give the same pose, runs repeat, near-equal poses are one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.averaged_pair import AveragedPair, average_pair
from hepareg.refinement.direction import Direction
from hepareg.refinement.images.region import Region, RegionSettings, distance_to_mask
from hepareg.refinement.level import Level
from hepareg.refinement.multilevel import keep_distinct, refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

CPU = torch.device("cpu")
SETTINGS = RefinementSettings()
LEVEL = replace(RefinementSettings().levels[-1], window_hu=(-2000.0, 2000.0), spacing_mm=2.0)


@pytest.fixture(scope="module")
def thick(oblique_problem, organ_values):
    """A fixed image of 2 mm, a moving image with slices of 5 mm, and the truth between them."""
    truth, centre = oblique_problem.truth, oblique_problem.images().centre_mm

    def volume(shape, spacing, pose):
        matrix = np.diag([*spacing, 1.0])
        matrix[:3, 3] = centre - matrix[:3, :3] @ (np.array(shape) - 1) / 2
        grid = Grid(shape, matrix)
        points = grid.world_points(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1))
        # a slice averages over its thickness
        layers = [points + np.array([0, 0, shift * spacing[2]]) for shift in (-0.4, -0.2, 0, 0.2, 0.4)]
        return Volume(np.mean([organ_values(pose.inverse().apply(x)) for x in layers], axis=0), grid)

    fixed = volume((60, 54, 50), (2.0, 2.0, 2.0), RigidTransform.identity())
    moving = volume((64, 58, 24), (2.0, 2.0, 5.0), truth)
    mask = Volume(fixed.data > 100, fixed.grid)
    region = Region(fixed, distance_to_mask(mask, device=CPU, settings=RegionSettings()), centre)
    return region, moving


def test_exchanged_images_give_the_same_pose(thick, oblique_problem):
    region, moving = thick
    found = {}
    for exchanged in (True, False):
        start = [RigidTransform.identity()]
        pair = average_pair(region, moving, start, direction=Direction(exchanged), settings=LEVEL, refinement=SETTINGS)
        found[exchanged] = pair.level().minimise(start)[0].transform
    # slices of 5 mm: a tenth of one, between the two ways and from the truth
    assert all(oblique_problem.error_mm(pose) < 0.5 for pose in found.values())
    probe = region.centre_mm + 30 * np.eye(3)
    assert np.linalg.norm(found[True].apply(probe) - found[False].apply(probe), axis=1).max() < 0.5


def test_where_interpolation_biases_nothing_the_profile_of_thick_slices_is_measured(thick, monkeypatch):
    monkeypatch.setattr(AveragedPair, "is_biased_by_interpolation", False)
    measured = []
    match = Level.match_slice_profile
    monkeypatch.setattr(Level, "match_slice_profile", lambda *args: measured.append(match(*args)) or measured[-1])
    settings = RefinementSettings(levels=(LEVEL,))
    found = refine(*thick, [RigidTransform.identity()], when_alike=Direction(), settings=settings)
    assert [found.finest.level] == measured


def test_refinement_repeats_to_the_bit(thick, oblique_problem):
    settings = RefinementSettings(levels=(replace(LEVEL, spacing_mm=5.0, keep=2), LEVEL))
    starts = [RigidTransform.identity(), RigidTransform.from_vectors([0, 0, 0], [5.0, 0, 0])]
    runs = [refine(*thick, starts, when_alike=Direction(), settings=settings) for _ in range(2)]
    assert len(runs[0].results) == 2
    assert runs[0].is_complete
    assert np.array_equal(*(run.pose.matrix for run in runs))
    assert oblique_problem.error_mm(runs[0].pose) < 0.5
    histories = [s.objective_history[-1] for s in runs[0].coarsest.solutions]
    assert histories == sorted(histories)


def test_nothing_to_reach_gives_no_level(thick):
    far = RigidTransform.from_vectors([0, 0, 0], [5000.0, 0, 0])
    assert refine(*thick, [far], when_alike=Direction(), settings=SETTINGS) is None


def test_distinct_keeps_the_first_of_near_equals():
    poses = [RigidTransform.from_vectors([0, 0, 0], [x, 0, 0]) for x in (0.0, 0.5, 3.0)]
    poses.append(RigidTransform.from_vectors([0, 0, 0.1], [0, 0, 0]))  # 6 mm of arc
    assert keep_distinct(poses, np.zeros(3), 1.0) == [poses[0], poses[2], poses[3]]


def test_levels_by_name(thick):
    """One level is coarsest, compared and finest at once; of three, the second is the compared one."""
    start = [RigidTransform.identity()]
    coarse = replace(LEVEL, spacing_mm=8.0, solver=replace(LEVEL.solver, max_iterations=1))
    for count, compared in ((1, 0), (2, 1), (3, 1)):
        found = refine(*thick, start, when_alike=Direction(), settings=RefinementSettings(levels=(coarse,) * count))
        assert (found.coarsest, found.compared, found.finest) == (
            found.results[0], found.results[compared], found.results[-1]
        )  # fmt: skip
        assert found.history[-1].transform is found.pose


def test_levels_that_could_not_run_are_told(thick, monkeypatch):
    averaged = []

    def only_once(*arguments, **named):
        averaged.append(average_pair(*arguments, **named))
        return averaged[0] if len(averaged) == 1 else None

    monkeypatch.setattr("hepareg.refinement.multilevel.average_pair", only_once)
    settings = RefinementSettings(levels=(replace(LEVEL, spacing_mm=5.0), LEVEL))
    found = refine(*thick, [RigidTransform.identity()], when_alike=Direction(), settings=settings)
    assert len(found.results) == 1
    assert not found.is_complete

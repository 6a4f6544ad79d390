"""Levels: reversed roles give the same pose, runs repeat, near-equal poses are one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.refinement.images.region import FixedRegion, distance_to_mask
from hepareg.refinement.level_objective import LevelObjective
from hepareg.refinement.level_pair import LevelPair, level_pair
from hepareg.refinement.multilevel import distinct, refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

CPU = torch.device("cpu")
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
    region = FixedRegion(fixed, distance_to_mask(mask, device=CPU), centre)
    return region, moving


def test_reversal_gives_the_same_pose(thick, oblique_problem):
    region, moving = thick
    found = {}
    for allowed in (True, False):
        start = [RigidTransform.identity()]
        objective = level_pair(region, moving, start, level=LEVEL, device=CPU, allow_reversal=allowed).objective()
        assert objective.reversed is allowed
        found[allowed] = objective.minimise(start, LEVEL.solver)[0].transform
    # slices of 5 mm: a tenth of one, between the two ways and from the truth
    assert all(oblique_problem.error_mm(pose) < 0.5 for pose in found.values())
    probe = region.centre_mm + 30 * np.eye(3)
    assert np.linalg.norm(found[True].apply(probe) - found[False].apply(probe), axis=1).max() < 0.5


def test_where_nothing_pulls_the_profile_of_thick_slices_is_measured(thick, monkeypatch):
    monkeypatch.setattr(LevelPair, "is_pulled", False)
    measured = []
    profiled = LevelObjective.profiled
    monkeypatch.setattr(LevelObjective, "profiled", lambda *args: measured.append(profiled(*args)) or measured[-1])
    result = refine(*thick, [RigidTransform.identity()], settings=RefinementSettings(levels=(LEVEL,)), device=CPU)
    assert [result[-1].objective] == measured


def test_refinement_repeats_to_the_bit(thick, oblique_problem):
    settings = RefinementSettings(levels=(replace(LEVEL, spacing_mm=5.0, keep=2), LEVEL))
    starts = [RigidTransform.identity(), RigidTransform.from_vectors([0, 0, 0], [5.0, 0, 0])]
    runs = [refine(*thick, starts, settings=settings, device=CPU) for _ in range(2)]
    assert len(runs[0]) == 2
    assert np.array_equal(*(run[-1].solutions[0].transform.matrix for run in runs))
    assert oblique_problem.error_mm(runs[0][-1].solutions[0].transform) < 0.5
    histories = [s.objective_history[-1] for s in runs[0][0].solutions]
    assert histories == sorted(histories)


def test_nothing_to_reach_gives_no_level(thick):
    far = RigidTransform.from_vectors([0, 0, 0], [5000.0, 0, 0])
    assert refine(*thick, [far], settings=RefinementSettings(), device=CPU) == []


def test_distinct_keeps_the_first_of_near_equals():
    poses = [RigidTransform.from_vectors([0, 0, 0], [x, 0, 0]) for x in (0.0, 0.5, 3.0)]
    poses.append(RigidTransform.from_vectors([0, 0, 0.1], [0, 0, 0]))  # 6 mm of arc
    assert distinct(poses, np.zeros(3), 1.0) == [poses[0], poses[2], poses[3]]

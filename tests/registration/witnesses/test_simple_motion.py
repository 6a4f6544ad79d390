"""The motion that a pose leaves: none for a rigid liver, a stretch for another spacing, a shift for a step."""

from dataclasses import replace

import pytest
import torch

from hepareg.geometry import Grid
from hepareg.registration.witnesses.simple_motion import simple_motion


@pytest.fixture(scope="module")
def level(refined):
    return refined[1].compared.level


def changed(level, *, stretch=1.0, data=None):
    """Return the level with another sampled image: other voxels, or slices spaced wider about the liver's centre."""
    sampled = level.images.sampled
    matrix = sampled.grid.world_from_voxel.copy()
    middle = sampled.grid.centre_mm
    matrix[:3, 2] *= stretch
    matrix[:3, 3] += middle - Grid(sampled.grid.shape, matrix).centre_mm
    other = replace(sampled, grid=Grid(sampled.grid.shape, matrix), data=sampled.data if data is None else data)
    images = replace(level.images, sampled=other, features=level.images.features.rebuild(other))
    return replace(level, images=images)


def motion(level, pose):
    with torch.no_grad():
        return simple_motion(level, pose)


def test_a_rigid_liver_neither_stretches_nor_shifts(level, refined):
    found = motion(level, refined[2])
    assert found.stretch_share < 0.028  # the limits of the verdict
    assert found.slab_shift_mm < 1.4


@pytest.mark.parametrize("stretch", [0.94, 1.06])
def test_a_wrong_spacing_is_measured(level, refined, stretch):
    found = motion(changed(level, stretch=stretch), refined[2])
    assert found.stretch_share == pytest.approx(0.06, abs=0.025)  # voxels of 5 mm, and a liver 30 voxels long


def test_a_step_of_the_breath_shifts_slabs(level, refined):
    """The lower half of the liver is shown two voxels, 10 mm, too low."""
    data = level.images.sampled.data
    half = data.shape[2] // 2
    stepped = torch.cat([data[:, :, 2 : half + 2], data[:, :, half:]], dim=2)
    assert motion(changed(level, data=stepped), refined[2]).slab_shift_mm > 1.4


def test_the_motion_is_the_same_in_either_direction(level, refined):
    pose = refined[2]
    stretched = changed(level, stretch=1.06)
    with torch.no_grad():
        exchanged = stretched.exchange(pose)
    assert motion(exchanged, pose).stretch_share == pytest.approx(motion(stretched, pose).stretch_share, abs=0.03)

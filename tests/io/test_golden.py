"""Files that other tools wrote, read by ours (tests/golden/make_golden.py made them)."""

import json
from pathlib import Path

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.io.images import read_image
from hepareg.io.transforms import read_transform

GOLDEN = Path(__file__).parents[1] / "golden"
CONTENT = json.loads((GOLDEN / "landmarks.json").read_text())
MOVING, FIXED = (
    Grid(tuple(CONTENT[name]["shape"]), CONTENT[name]["world_from_voxel"]) for name in ("moving_grid", "fixed_grid")
)


@pytest.mark.parametrize("name", sorted(CONTENT["moved"]))
def test_landmarks_move_as_the_other_tool_moved_them(name):
    transform = read_transform(GOLDEN / name, moving=MOVING, fixed=FIXED)
    np.testing.assert_allclose(transform.apply(CONTENT["landmarks"]), CONTENT["moved"][name], atol=1e-3)


@pytest.mark.parametrize("name", ["nibabel.nii", "itk.nrrd", "itk.mha"])
def test_images_of_other_tools(name):
    volume = read_image(GOLDEN / name)
    np.testing.assert_array_equal(volume.data, np.load(GOLDEN / "voxels_hu.npy"))
    assert volume.data.dtype == np.int16
    assert volume.grid.same_as(MOVING, tolerance_vox=1e-4)

"""Masks on other grids: what is taken, what is resampled, what is refused with the distance."""

import numpy as np
import pytest
import torch

from hepareg.errors import MaskError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.preprocessing.mask_placement import place_mask
from hepareg.preprocessing.masks import prepare_mask
from hepareg.volume import Volume

SHAPE = (60, 50, 30)
MATRIX = np.array([[-0.703125, 0, 0, 21.0], [0, -0.703125, 0, 18.0], [0, 0, 2.5, -640.0], [0, 0, 0, 1]])
GRID = Grid(SHAPE, MATRIX)


def ellipsoid(grid, *, centre=(0.0, 2.0, -604.0), radii=(12.0, 10.0, 25.0)):
    """Voxels of a grid inside of an ellipsoid that stands still in the world, in mm."""
    points = grid.world_points(np.stack(np.mgrid[tuple(slice(n) for n in grid.shape)], axis=-1))
    return Volume((((points - centre) / radii) ** 2).sum(axis=-1) < 1, grid)


TRUE = ellipsoid(GRID)


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def changed(scale=1.0, shift=(0.0, 0.0, 0.0)):
    matrix = MATRIX.copy()
    matrix[:3, :3] *= scale
    matrix[:3, 3] += shift
    return Grid(SHAPE, matrix)


@pytest.mark.parametrize("grid", [changed(shift=(0.02, 0, 0)), changed(1.0005), changed(shift=(0, 0.3, -1.2))])
def test_a_rounded_header_is_taken_voxel_by_voxel(grid):
    mask = place_mask(Volume(TRUE.data, grid), onto=GRID, name="moving mask")
    np.testing.assert_array_equal(mask.data, TRUE.data)
    assert mask.grid is GRID
    assert "header of the moving mask is off by up to" in mask.provenance.notes[0]


def test_a_rounded_header_in_another_order_of_axes():
    matrix = changed(1.0003).world_from_voxel.copy()
    matrix[:3, 3] += matrix[:3, 0] * (SHAPE[0] - 1)
    matrix[:3, 0] *= -1
    mask = place_mask(Volume(TRUE.data[::-1], Grid(SHAPE, matrix)), onto=GRID)
    np.testing.assert_array_equal(mask.data, TRUE.data)


@pytest.mark.parametrize("box", [((10, 8, 4), (55, 45, 28)), ((0, 0, 3), SHAPE)])
def test_a_cropped_mask_is_exact(box):
    mask = place_mask(TRUE.crop(*box), onto=GRID)
    np.testing.assert_array_equal(mask.data, TRUE.data)
    assert "nearest neighbours" in mask.provenance.notes[0]


OTHERS = {
    "coarse": Grid((20, 20, 40), np.array([[3.0, 0, 0, -30], [0, 3, 0, -28], [0, 0, 3, -650], [0, 0, 0, 1]])),
    "fine": Grid((100, 90, 90), np.array([[-0.5, 0, 0, 25], [0, 0.5, 0, -20], [0, 0, 0.9, -640], [0, 0, 0, 1.0]])),
    "oblique": Grid((80, 80, 90), homogeneous(rotation_from_vector([0.2, 0.3, -0.2]), [-45, -30, -650])),
    "shifted by a third of a slice": changed(shift=(0, 0, 2.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_grid_of_the_same_world(name):
    mask = place_mask(ellipsoid(OTHERS[name]), onto=GRID)
    assert dice(mask.data, TRUE.data) > 0.9  # voxels of up to 3 mm on radii of 10 to 25
    assert "nearest neighbours" in mask.provenance.notes[0]


REFUSED = {
    "another place": (ellipsoid(changed(shift=(500, 0, 0)), centre=(500, 2, -604.0)), r"away from it|\d+\.\d mm off"),
    "the origin lost": (Volume(TRUE.data, Grid(SHAPE, np.diag([0.703125, 0.703125, 2.5, 1.0]))), r"\d+\.\d mm away"),
    "same size 30 mm off": (Volume(TRUE.data, changed(shift=(0, 0, 30.0))), r"30\.0 mm off"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_right_is_refused_with_the_distance(name):
    mask, message = REFUSED[name]
    with pytest.raises(MaskError, match=message) as caught:
        place_mask(mask, onto=GRID)
    assert "\n" not in str(caught.value)


def test_a_mirrored_header_is_refused():
    """Left and right exchanged in a header: the grid lies elsewhere, unless it is symmetric about the middle."""
    onto = changed(shift=(15.0, 0, 0))
    mask = Volume(
        ellipsoid(onto, centre=(10, 2, -604.0)).data, Grid(SHAPE, np.diag([-1, 1, 1, 1.0]) @ onto.world_from_voxel)
    )
    with pytest.raises(MaskError, match=r"\d+\.\d mm"):
        place_mask(mask, onto=onto)


def test_mostly_outside():
    outside = Grid((60, 50, 40), changed(shift=(0, 0, -70.0)).world_from_voxel)
    with pytest.raises(MaskError, match=r"\d+ % of it outside, up to \d+\.\d mm away"):
        place_mask(ellipsoid(outside, centre=(0, 2, -650.0)), onto=GRID)
    mask = place_mask(ellipsoid(outside, centre=(0, 2, -628.0)), onto=GRID)
    assert "% of it lie outside of the image" in mask.provenance.notes[0]


def test_a_mask_thinner_than_the_voxels_of_its_image():
    speck = np.zeros((9, 9, 9), bool)
    speck[4, 4, 4] = True
    matrix = np.diag([0.05, 0.05, 0.05, 1.0])
    matrix[:3, 3] = GRID.world_points([30.4, 25.4, 14.4])
    with pytest.raises(MaskError, match="fall between them"):
        place_mask(Volume(speck, Grid((9, 9, 9), matrix)), onto=GRID)


def test_a_tensor_stays_one():
    image = Volume(np.zeros(SHAPE, np.int16), GRID)
    cropped = TRUE.crop((10, 8, 4), (55, 45, 28))
    tensor = Volume(torch.from_numpy(np.ascontiguousarray(cropped.data)), cropped.grid)
    mask = prepare_mask(tensor, like=image)
    assert isinstance(mask.data, torch.Tensor)
    np.testing.assert_array_equal(mask.data.numpy(), TRUE.data)

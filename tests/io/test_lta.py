import re
from pathlib import Path

import numpy as np
import pytest
import surfa as sf

from hepareg.errors import FileFormatError, TransformError
from hepareg.io.lta import read_lta, write_lta

GOLDEN = Path(__file__).parents[1] / "golden"


def geometry(grid):
    return sf.ImageGeometry(grid.shape, vox2world=grid.world_from_voxel)


def test_surfa_moves_landmarks_alike(tmp_path, grid, other_grid, moving_from_fixed, landmarks):
    path = tmp_path / "fixed_from_moving.lta"
    write_lta(path, moving_from_fixed, moving=grid, fixed=other_grid)
    theirs = sf.load_affine(str(path))
    assert theirs.space.name == "world"
    np.testing.assert_allclose(theirs.source.vox2world.matrix, grid.world_from_voxel, atol=1e-6)
    np.testing.assert_allclose(theirs.target.vox2world.matrix, other_grid.world_from_voxel, atol=1e-6)
    np.testing.assert_allclose(theirs.transform(landmarks), moving_from_fixed.inverse().apply(landmarks), atol=1e-3)
    # Through voxels as well, which needs both geometries to be right.
    voxels = theirs.convert(space="vox").transform(grid.voxel_points(landmarks))
    np.testing.assert_allclose(other_grid.world_points(voxels), moving_from_fixed.inverse().apply(landmarks), atol=1e-3)


@pytest.mark.parametrize("space", ["world", "vox"])
def test_reads_what_surfa_writes(tmp_path, grid, other_grid, moving_from_fixed, landmarks, space):
    path = tmp_path / "theirs.lta"
    theirs = sf.Affine(
        moving_from_fixed.inverse().matrix, source=geometry(grid), target=geometry(other_grid), space="world"
    )
    theirs.convert(space=space).save(str(path))
    np.testing.assert_allclose(read_lta(path).apply(landmarks), moving_from_fixed.apply(landmarks), atol=1e-3)


def test_no_file_name_is_written(tmp_path, grids, moving_from_fixed):
    write_lta(tmp_path / "jane.lta", moving_from_fixed, moving=grids["ras"], fixed=grids["lps"])
    assert "jane" not in (tmp_path / "jane.lta").read_text()
    np.testing.assert_allclose(read_lta(tmp_path / "jane.lta").matrix, moving_from_fixed.matrix, atol=1e-12)


def test_text_holds_a_rotation(tmp_path, grid, other_grid, moving_from_fixed):
    write_lta(tmp_path / "a.lta", moving_from_fixed, moving=grid, fixed=other_grid)
    R = np.array([line.split() for line in (tmp_path / "a.lta").read_text().splitlines()[5:9]], float)[:3, :3]
    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
    assert abs(np.linalg.det(R) - 1) < 1e-12


def test_other_types_are_refused(tmp_path, grids, moving_from_fixed):
    path = tmp_path / "a.lta"
    write_lta(path, moving_from_fixed, moving=grids["ras"], fixed=grids["lps"])
    text = path.read_text()
    for broken, message in [
        (text.replace("type      = 1", "type      = 14"), "type 14"),
        (text.replace("nxforms   = 1", "nxforms   = 2"), "got 2 of type"),
        (text.replace("type      = 1", "type      = 0").replace("valid = 1", "valid = 0"), "both geometries"),
        (text.partition("1 4 4")[0], "without one"),
        ("hello\n", "without one"),
    ]:
        path.write_text(broken)
        with pytest.raises(FileFormatError, match=message):
            read_lta(path)


@pytest.mark.parametrize("number", ["0", "nan", "1e300"])
def test_a_geometry_without_an_inverse_is_refused(tmp_path, number):
    text = (GOLDEN / "surfa_vox.lta").read_text()
    sizes = re.search(r"voxelsize *= *([^\n]*)", text)[1]
    (tmp_path / "a.lta").write_text(text.replace(sizes, " ".join([number] * 3), 1))
    with pytest.raises(TransformError, match=r"singular|finite"):
        read_lta(tmp_path / "a.lta")

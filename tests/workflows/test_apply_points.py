"""Every kind of file with points, pushed through `apply`: the space that a file states is believed and survives."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh

from hepareg.errors import SettingsError
from hepareg.io.landmarks import read_landmarks
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.mesh import mesh_space
from hepareg.io.vtk_mesh import read_vtk_mesh
from hepareg.transforms import RigidTransform
from hepareg.workflows.apply import ApplySettings, apply_to_file

GOLDEN = Path(__file__).parents[1] / "golden" / "vtk"
POSE = RigidTransform.from_vectors([0.3, -0.2, 0.4], [14, -9, 11], centre_mm=[22, -13, 410])
LPS = np.array([-1.0, -1.0, 1.0])
VTK_FILES = ["ascii.vtp", "appended_raw.vtp", "appended_zlib.vtp", "legacy_42_text.vtk", "legacy_51_binary.vtk"]


@pytest.fixture
def folder(tmp_path):
    write_matrix_text(tmp_path / "moving_from_fixed.txt", POSE)
    return tmp_path


def push(folder, source, output, **settings):
    done = apply_to_file(
        folder / "moving_from_fixed.txt", folder / source, folder / output, settings=ApplySettings(**settings)
    )
    return done.line


def pushed_lps(points):
    return POSE.inverse().apply(points * LPS) * LPS


@pytest.mark.parametrize("name", ["text.stl", "binary.stl", "mesh.ply"])
@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj"])
def test_slicers_meshes(folder, name, suffix):
    shutil.copy(GOLDEN / name, folder)
    assert "in LPS, as the file states" in push(folder, name, f"out{suffix}")
    before, after = (
        trimesh.load(path, process=False, maintain_order=True) for path in (folder / name, folder / f"out{suffix}")
    )
    np.testing.assert_allclose(after.triangles, pushed_lps(before.triangles), atol=1e-3)
    assert mesh_space(folder / f"out{suffix}") == "lps"
    with pytest.raises(SettingsError, match="expected points in LPS"):
        push(folder, name, f"b{suffix}", space="ras")
    assert not (folder / f"b{suffix}").exists()


@pytest.mark.parametrize("name", VTK_FILES)
def test_vtk_meshes(folder, name):
    shutil.copy(GOLDEN / name, folder)
    suffix = Path(name).suffix
    assert "in LPS, as the file states" in push(folder, name, f"out{suffix}")
    before, after = read_vtk_mesh(folder / name), read_vtk_mesh(folder / f"out{suffix}")
    np.testing.assert_allclose(after.points, pushed_lps(before.points), atol=1e-3)
    assert after.stated_space == "lps"
    with pytest.raises(SettingsError, match="expected points in LPS"):
        push(folder, name, f"b{suffix}", space="ras")
    with pytest.raises(SettingsError, match="ending in"):
        push(folder, name, "b.stl")


def test_markups(folder):
    points = [{"id": "1", "position": [10.0, 20.0, 300.0], "positionStatus": "defined"}]
    content = {"markups": [{"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": points}]}
    (folder / "a.mrk.json").write_text(json.dumps(content))
    assert "1 points" in push(folder, "a.mrk.json", "b.mrk.json")
    markup = json.loads((folder / "b.mrk.json").read_text())["markups"][0]
    np.testing.assert_allclose(markup["controlPoints"][0]["position"], pushed_lps(np.array([10.0, 20, 300])), atol=1e-9)
    assert markup["coordinateSystem"] == "LPS"


@pytest.mark.parametrize("suffix", [".fcsv", ".csv", ".txt"])
def test_landmarks(folder, suffix):
    text = {
        ".fcsv": "# CoordinateSystem = LPS\n# columns = id,x,y,z,label\n1,10,20,300,F\n",
        ".csv": "label,l,p,s\nF,10,20,300\n",
        ".txt": "point\n1\n10 20 300\n",
    }[suffix]
    (folder / f"a{suffix}").write_text(text)
    assert "in LPS, as the file states" in push(folder, f"a{suffix}", f"b{suffix}")
    after = read_landmarks(folder / f"b{suffix}")
    np.testing.assert_allclose(after.points * LPS, pushed_lps(np.array([[10.0, 20, 300]])), atol=1e-9)
    assert after.stated_space == "lps"


def test_a_file_without_a_space(folder):
    mesh = trimesh.creation.icosphere(1, 10.0)
    mesh.export(folder / "a.stl")
    assert "taken as RAS: the file states no space" in push(folder, "a.stl", "b.stl")
    assert mesh_space(folder / "b.stl") is None
    push(folder, "a.stl", "c.stl", space="lps")
    assert mesh_space(folder / "c.stl") == "lps"
    after = trimesh.load(folder / "c.stl", process=False)
    wanted = pushed_lps(trimesh.load(folder / "a.stl", process=False).vertices)
    np.testing.assert_allclose(after.vertices, wanted, atol=1e-4)

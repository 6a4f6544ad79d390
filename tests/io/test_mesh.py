from pathlib import Path

import numpy as np
import pytest
import trimesh

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.mesh import mesh_space, moved_mesh, read_mesh, write_mesh

OBJ = """# liver
v 0 0 0 1 0 0
v 10 0 0 0 1 0
v 5 5 5 0 0 1
v 0 10 0 1 1 1
v 0 0 10 1 1 0
vt 0 0
vt 1 1
vn 0 0 1
vn 1 0 0
g a
f 1/1/1 2/2/1 4/1/1
g b
f 4/2/2 2/1/2 5/2/2
"""


@pytest.fixture
def sphere():
    mesh = trimesh.creation.icosphere(2, radius=30.0)
    mesh.apply_translation([-80, 20, 400])
    order = np.random.default_rng(0).permutation(len(mesh.vertices))
    back = np.argsort(order)
    colours = np.random.default_rng(1).integers(0, 255, (len(order), 4), dtype=np.uint8)
    return trimesh.Trimesh(mesh.vertices[order], back[mesh.faces], vertex_colors=colours, process=False)


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".stl"])
def test_vertices_keep_their_order(tmp_path, sphere, moving_from_fixed, suffix):
    sphere.export(tmp_path / f"a{suffix}")
    mesh = read_mesh(tmp_path / f"a{suffix}")
    wanted = sphere.triangles.reshape(-1, 3) if suffix == ".stl" else sphere.vertices
    np.testing.assert_allclose(mesh.vertices, wanted, atol=1e-4)
    moved = moved_mesh(mesh, moving_from_fixed)
    np.testing.assert_allclose(moved.vertices, moving_from_fixed.apply(wanted), atol=1e-4)
    np.testing.assert_allclose(mesh.vertices, wanted, atol=1e-4, err_msg="the mesh given is left alone")
    write_mesh(tmp_path / f"b{suffix}", moved)
    again = read_mesh(tmp_path / f"b{suffix}")
    np.testing.assert_allclose(again.vertices, moving_from_fixed.apply(wanted), atol=2e-4)
    np.testing.assert_array_equal(again.faces, mesh.faces)
    if suffix != ".stl":
        np.testing.assert_array_equal(again.visual.vertex_colors[:, :3], sphere.visual.vertex_colors[:, :3])
    write_mesh(tmp_path / f"c{suffix}", moved)
    assert (tmp_path / f"b{suffix}").read_bytes() == (tmp_path / f"c{suffix}").read_bytes()


def test_an_obj_with_groups_and_an_unused_vertex(tmp_path):
    (tmp_path / "a.obj").write_text(OBJ)
    mesh = read_mesh(tmp_path / "a.obj")
    np.testing.assert_array_equal(mesh.vertices, [[0, 0, 0], [10, 0, 0], [5, 5, 5], [0, 10, 0], [0, 0, 10]])
    assert len(mesh.faces) == 2


def test_lps(sphere, moving_from_fixed):
    lps = sphere.copy()
    lps.vertices = sphere.vertices * [-1, -1, 1]
    moved = moved_mesh(lps, moving_from_fixed, space="lps")
    np.testing.assert_allclose(moved.vertices * [-1, -1, 1], moving_from_fixed.apply(sphere.vertices), atol=1e-9)
    with pytest.raises(SettingsError, match="ras or lps"):
        moved_mesh(lps, moving_from_fixed, space="xyz")


def test_broken_files_give_one_line(tmp_path, sphere):
    sphere.export(tmp_path / "a.ply")
    raw = (tmp_path / "a.ply").read_bytes()
    (tmp_path / "half.ply").write_bytes(raw[: len(raw) // 2])
    for name in ("text.ply", "text.stl", "text.obj"):
        (tmp_path / name).write_text("hello\n")
    for name in ("half.ply", "text.ply", "text.stl", "text.obj"):
        with pytest.raises(FileFormatError, match="mesh") as caught:
            read_mesh(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_mesh(tmp_path / "absent.stl")
    with pytest.raises(FileFormatError, match="expected a mesh"):
        read_mesh(tmp_path / "a.vtk")


@pytest.mark.parametrize("name", ["text.stl", "binary.stl", "mesh.ply"])
def test_the_space_that_vtk_wrote_as_3d_slicer_does(name):
    assert mesh_space(Path(__file__).parents[1] / "golden" / "vtk" / name) == "lps"


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".stl"])
@pytest.mark.parametrize("space", ["ras", "lps", None])
def test_a_mark_is_written_and_read_again(tmp_path, sphere, suffix, space):
    write_mesh(tmp_path / f"a{suffix}", sphere, space=space)
    assert mesh_space(tmp_path / f"a{suffix}") == space
    wanted = sphere.triangles.reshape(-1, 3) if suffix == ".stl" else sphere.vertices
    np.testing.assert_allclose(read_mesh(tmp_path / f"a{suffix}").vertices, wanted, atol=1e-4)


def test_words_that_are_no_mark(tmp_path):
    (tmp_path / "a.obj").write_text("# COLORSPACE=sRGB\n" + OBJ)
    assert mesh_space(tmp_path / "a.obj") is None
    (tmp_path / "b.obj").write_text("# SPACE=scanner\n" + OBJ)
    with pytest.raises(FileFormatError, match="RAS or LPS"):
        mesh_space(tmp_path / "b.obj")


def test_a_vertex_of_two_numbers_is_refused(tmp_path):
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 10 0 0\nv 0 10 0\nf 1 2 3\nv 1 2\n")
    with pytest.raises(FileFormatError, match=r"finite vertices|damaged file"):
        read_mesh(tmp_path / "a.obj")


def test_faces_that_do_not_fit_are_refused(tmp_path):
    """One vertex more than the header says, so that the faces are read from the wrong lines."""
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    colour = "property uchar red\nelement face 4\nproperty list uchar int vertex_indices\nend_header\n"
    vertices = "0 0 0 255\n10 0 0 9\n0 10 0 8\n0 0 10 7\n0 0 10 7\n"
    (tmp_path / "a.ply").write_text(f"{head}{colour}{vertices}3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n")
    with pytest.raises(FileFormatError, match="damaged"):
        write_mesh(tmp_path / "b.ply", read_mesh(tmp_path / "a.ply"))
    assert not (tmp_path / "b.ply").exists()


def test_trimesh_logs_nothing_about_a_damaged_file(tmp_path, caplog):
    triangle = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    (tmp_path / "a.stl").write_text(
        f"solid x\n{triangle}{triangle.replace('normal 0 0 1', 'normal 0 0 x')}endsolid x\n"
    )
    read_mesh(tmp_path / "a.stl")
    assert caplog.records == []

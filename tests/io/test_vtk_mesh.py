"""VTK's own files, moved in place: points and normals follow, everything else stays."""

from pathlib import Path

import numpy as np
import pytest

from hepareg.errors import FileFormatError
from hepareg.io.point_space import matrix_in
from hepareg.io.vtk_mesh import read_vtk_mesh
from hepareg.io.vtk_xml import space_of_fields, with_space_field

GOLDEN = Path(__file__).parents[1] / "golden" / "vtk"
FILES = sorted(path for path in GOLDEN.iterdir() if path.suffix in (".vtk", ".vtp"))
TEXT_MM = 1e-3
"""VTK writes six digits into legacy text files: at 330 mm, half a unit of the last is 5e-4 mm."""


@pytest.fixture(scope="module")
def expected():
    return np.load(GOLDEN / "expected.npz")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_points_and_normals_move(tmp_path, expected, moving_from_fixed, path):
    mesh = read_vtk_mesh(path)
    assert mesh.stated_space == "lps"
    np.testing.assert_allclose(mesh.points, expected["points"], atol=TEXT_MM)
    matrix = matrix_in(moving_from_fixed, "lps")
    moved = tmp_path / f"moved{path.suffix}"
    moved.write_bytes(mesh.moved(matrix))
    again = read_vtk_mesh(moved)
    assert again.stated_space == "lps"
    np.testing.assert_allclose(again.points, expected["points"] @ matrix[:3, :3].T + matrix[:3, 3], atol=TEXT_MM)
    np.testing.assert_allclose(again.arrays[1].values, expected["normals"] @ matrix[:3, :3].T, atol=1e-5)
    assert len(again.arrays) == 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_all_else_is_kept(path):
    mesh = read_vtk_mesh(path)
    kept = mesh.raw[max(array.stop for array in mesh.arrays) :]
    assert mesh.moved(np.eye(4)).endswith(kept)
    assert len(kept) > 100 or path.suffix == ".vtk"


def test_a_space_is_marked_where_none_was(tmp_path):
    legacy = (GOLDEN / "legacy_42_text.vtk").read_bytes().replace(b"3D Slicer output. SPACE=LPS", b"vtk output")
    field = b'<Array type="String" Name="SPACE"'
    xml = (GOLDEN / "ascii.vtp").read_bytes().replace(field, field.replace(b"SPACE", b"OTHER"))
    for name, raw in (("a.vtk", legacy), ("a.vtp", xml)):
        (tmp_path / name).write_bytes(raw)
        mesh = read_vtk_mesh(tmp_path / name)
        assert mesh.stated_space is None
        (tmp_path / name).write_bytes(mesh.marked(mesh.raw, "lps"))
        again = read_vtk_mesh(tmp_path / name)
        assert again.stated_space == "lps"
        np.testing.assert_array_equal(again.points, mesh.points)
    bare = xml.replace(xml[xml.index(b"<FieldData>") : xml.index(b"</FieldData>") + 12], b"")
    (tmp_path / "bare.vtp").write_bytes(bare)
    (tmp_path / "bare.vtp").write_bytes(read_vtk_mesh(tmp_path / "bare.vtp").marked(bare, "ras"))
    assert read_vtk_mesh(tmp_path / "bare.vtp").stated_space == "ras"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_damaged_files_give_one_line(tmp_path, path):
    raw = path.read_bytes()
    broken = tmp_path / f"a{path.suffix}"
    for content in (raw[: len(raw) // 3], raw[:40], b"# vtk DataFile Version 3.0\n", b"", b"<VTKFile>"):
        broken.write_bytes(content)
        with pytest.raises(FileFormatError, match="expected") as caught:
            read_vtk_mesh(broken)
        assert "\n" not in str(caught.value)


def test_another_space_is_refused(tmp_path):
    (tmp_path / "a.vtk").write_bytes((GOLDEN / "legacy_42_text.vtk").read_bytes().replace(b"=LPS", b"=LAS"))
    with pytest.raises(FileFormatError, match="RAS or LPS"):
        read_vtk_mesh(tmp_path / "a.vtk")


def test_a_count_that_no_file_holds_takes_no_memory(tmp_path):
    raw = (GOLDEN / "legacy_42_text.vtk").read_bytes()
    start = raw.index(b"POINTS ")
    end = raw.index(b"\n", start)
    for count in (b"999999999999", b"99999999999999999999999"):
        (tmp_path / "a.vtk").write_bytes(raw[:start] + b"POINTS " + count + b" float" + raw[end:])
        with pytest.raises(FileFormatError, match="damaged"):
            read_vtk_mesh(tmp_path / "a.vtk")


def test_another_compressor_is_named(tmp_path):
    raw = (GOLDEN / "inline_zlib.vtp").read_bytes().replace(b"vtkZLibDataCompressor", b"vtkLZ4DataCompressor")
    (tmp_path / "a.vtp").write_bytes(raw)
    with pytest.raises(FileFormatError, match="vtkLZ4DataCompressor"):
        read_vtk_mesh(tmp_path / "a.vtp")


@pytest.mark.parametrize("tag", [b"<FieldData>", b'<FieldData a="b">', b"<FieldData/>", b"<FieldData />"])
def test_a_space_is_put_into_the_field_data_that_are_there(tag):
    """VTK reads one section of field data: a second one hides the first."""
    end = b"" if tag.endswith(b"/>") else b"</FieldData>"
    raw = b'<VTKFile type="PolyData"><PolyData>' + tag + end + b"<Piece></Piece></PolyData></VTKFile>"
    marked = with_space_field(raw, "lps")
    assert marked.count(b"</FieldData>") == 1
    assert space_of_fields(marked, "a.vtp") == "lps"


@pytest.mark.parametrize("codes", [b"76 300 83 0", b"-1 80 83 0", b"1e300 80 83 0", b"nan 80 83 0"])
def test_codes_of_a_space_that_are_no_characters(tmp_path, codes):
    raw = (GOLDEN / "ascii.vtp").read_bytes()
    place = raw.index(b'Name="SPACE"')
    begin = raw.index(b">", place) + 1
    (tmp_path / "a.vtp").write_bytes(raw[:begin] + codes + raw[raw.index(b"<", begin) :])
    with pytest.raises(FileFormatError, match="damaged"):
        read_vtk_mesh(tmp_path / "a.vtp")

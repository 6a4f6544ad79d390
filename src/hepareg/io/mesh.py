"""Surface meshes (STL, OBJ, PLY) through trimesh, vertices in the order of the file, and the space in their headers."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError
from hepareg.io.byte_stream import reading
from hepareg.io.foreign_warnings import trimesh_quiet
from hepareg.io.point_space import agreed_space, mark_of, matrix_in, stated_space
from hepareg.transforms import AffineTransform

__all__ = ["MESH_SUFFIXES", "mesh_space", "moved_mesh", "read_mesh", "write_mesh"]

EXPORT_OPTIONS: dict[str, dict[str, Any]] = {
    "stl": {},
    "obj": {"digits": 9, "header": None},
    "ply": {"include_attributes": True},
}
MESH_SUFFIXES = tuple(f".{kind}" for kind in EXPORT_OPTIONS)
STL_HEADER_BYTES = 80


def read_mesh(path: str | Path) -> Any:
    """Read a mesh without merging, dropping or reordering its vertices.

    Colours, and in PLY the other attributes of vertices, are kept as far as trimesh reads them;
    textures are not.

    Returns
    -------
    trimesh.Trimesh or trimesh.PointCloud
        Vertices in mm of the world that the file is in, which `mesh_space` returns.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, empty, or of another format.
    """
    import trimesh

    kind = _kind_of(path)
    mesh: Any
    with reading(path, expected="a mesh"), open(path, "rb") as file, trimesh_quiet():
        try:
            mesh = trimesh.load(
                file, file_type=kind, process=False, maintain_order=True, skip_materials=True, split_object=False
            )
        except EOFError:
            raise
        except Exception as error:  # trimesh's readers raise whatever a parser stumbles over
            raise FileFormatError(f"expected a {kind.upper()} mesh, got a damaged file: {path}") from error
    if isinstance(mesh, trimesh.Scene):
        mesh = mesh.to_mesh() if mesh.geometry else None
    vertices = np.empty((0, 3)) if mesh is None else np.asarray(mesh.vertices)
    if vertices.shape[1:] != (3,) or not len(vertices) or not np.isfinite(vertices).all():
        raise FileFormatError(f"expected a {kind.upper()} mesh with finite vertices, got none: {path}")
    return mesh


def mesh_space(path: str | Path) -> str | None:
    """Return ``ras`` or ``lps`` as the header of a mesh states it, or None if the header states nothing.

    The header is the first 80 bytes of a binary STL, the first line of a text STL, the comments of an OBJ
    file, and the lines before ``end_header`` of a PLY file.

    Raises
    ------
    FileFormatError
        If the file cannot be read or its header names another space.
    """
    with reading(path, expected="a mesh"), open(path, "rb") as file:
        kind = _kind_of(path)
        if kind == "stl":
            start = file.read(4096)
            is_text = start.lstrip().startswith(b"solid") and b"facet" in start
            header = start.split(b"\n", 1)[0] if is_text else start[:STL_HEADER_BYTES]
        elif kind == "ply":
            header = file.read(1 << 16).split(b"end_header", 1)[0]
        else:
            header = b"\n".join(line for line in file if line.startswith(b"#"))
    return stated_space(header, path)


def moved_mesh(mesh: Any, transform: AffineTransform, *, space: str = "ras") -> Any:
    """Return the mesh with every vertex mapped by ``transform``, normals turned along.

    A mesh is pushed: to bring one that was drawn on the moving image onto the fixed one, give
    ``moving_from_fixed.inverse()``.

    Parameters
    ----------
    mesh
        From `read_mesh`.
    transform
        World RAS mm to world RAS mm.
    space
        World that the mesh is in: ``ras``, or ``lps`` as 3D Slicer writes by default.
    """
    matrix = matrix_in(transform, agreed_space(None, space, "mesh"))
    moved = mesh.copy(include_cache=True) if hasattr(mesh, "faces") else mesh.copy()
    moved.apply_transform(matrix)
    return moved


def write_mesh(path: str | Path, mesh: Any, *, space: str | None = None) -> None:
    """Write a mesh in the format that the suffix names; PLY and STL in binary, OBJ with nine decimals.

    Parameters
    ----------
    path
        Name ending in one of `MESH_SUFFIXES`.
    mesh
        From `read_mesh` or `moved_mesh`.
    space
        ``ras`` or ``lps`` to mark the header with it, as 3D Slicer does; None for a header without a mark.

    Raises
    ------
    FileFormatError
        If the attributes of the mesh are not those of its vertices, as in a damaged file.
    """
    kind = _kind_of(path)
    options = EXPORT_OPTIONS[kind] if hasattr(mesh, "faces") else {}
    try:
        with trimesh_quiet():
            content = mesh.export(file_type=kind, **options)
    except Exception as error:  # trimesh reads attributes without a check, and its writers stumble over them
        raise FileFormatError("expected a mesh with as many attributes as vertices, got a damaged one") from error
    raw = content.encode() if isinstance(content, str) else content
    Path(path).write_bytes(raw if space is None else _marked(raw, kind, mark_of(space).encode()))


def _marked(raw: bytes, kind: str, mark: bytes) -> bytes:
    """Return the content of a mesh file with a mark in its header."""
    if kind == "obj":
        return b"# hepareg. " + mark + b"\n" + raw
    if kind == "ply":
        return re.sub(rb"(\nformat [^\n]*\n)", rb"\1comment hepareg. " + mark + rb"\n", raw, count=1)
    return (b"hepareg. " + mark).ljust(STL_HEADER_BYTES, b"\0") + raw[STL_HEADER_BYTES:]


def _kind_of(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise FileFormatError(f"expected a mesh (.stl, .obj or .ply), got {path}")
    return suffix[1:]

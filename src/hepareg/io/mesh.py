"""Surface meshes (STL, OBJ, PLY) through trimesh, vertices in the order of the file."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.byte_stream import reading
from hepareg.io.matrix_text import LPS_FROM_RAS, SPACES
from hepareg.transforms import AffineTransform

__all__ = ["MESH_SUFFIXES", "moved_mesh", "read_mesh", "write_mesh"]

EXPORT_OPTIONS: dict[str, dict[str, Any]] = {
    "stl": {},
    "obj": {"digits": 9, "header": None},
    "ply": {"include_attributes": True},
}
MESH_SUFFIXES = tuple(f".{kind}" for kind in EXPORT_OPTIONS)


def read_mesh(path: str | Path) -> Any:
    """Read a mesh without merging, dropping or reordering its vertices.

    Colours, and in PLY the other attributes of vertices, are kept as far as trimesh reads them;
    textures are not.

    Returns
    -------
    trimesh.Trimesh or trimesh.PointCloud
        Vertices in mm of whatever world the file is in.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, empty, or of another format.
    """
    import trimesh

    kind = _kind_of(path)
    mesh: Any
    with reading(path, expected="a mesh"), open(path, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # vertices without texture coordinates are no news
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
    if mesh is None or not len(mesh.vertices) or not np.isfinite(mesh.vertices).all():
        raise FileFormatError(f"expected a {kind.upper()} mesh with finite vertices, got none: {path}")
    return mesh


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
    if space not in SPACES:
        raise SettingsError(f"expected ras or lps as the space of a mesh, got {space!r}")
    matrix = transform.matrix if space == "ras" else LPS_FROM_RAS @ transform.matrix @ LPS_FROM_RAS
    moved = mesh.copy(include_cache=True) if hasattr(mesh, "faces") else mesh.copy()
    moved.apply_transform(matrix)
    return moved


def write_mesh(path: str | Path, mesh: Any) -> None:
    """Write a mesh in the format that the suffix names; PLY and STL in binary, OBJ with nine decimals."""
    kind = _kind_of(path)
    options = EXPORT_OPTIONS[kind] if hasattr(mesh, "faces") else {}
    content = mesh.export(file_type=kind, **options)
    Path(path).write_bytes(content.encode() if isinstance(content, str) else content)


def _kind_of(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise FileFormatError(f"expected a mesh (.stl, .obj or .ply), got {path}")
    return suffix[1:]

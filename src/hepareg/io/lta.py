"""FreeSurfer's linear transform arrays (.lta): RAS to RAS with both geometries, mapping moving to fixed.

The format's source is our moving image and its destination our fixed one: the inverse is taken
here, at the edge.

References
----------
Reuter, M. et al. Highly accurate inverse consistent registration. NeuroImage 53, 2010.
doi:10.1016/j.neuroimage.2010.07.020
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.arrays import Matrix
from hepareg.errors import FileFormatError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous
from hepareg.io.byte_stream import decoded, reading
from hepareg.io.matrix_text import format_matrix
from hepareg.transforms import AffineTransform

__all__ = ["is_lta", "read_lta", "write_lta"]

VOXEL_TO_VOXEL = 0
RAS_TO_RAS = 1


def is_lta(text: str) -> bool:
    """Return whether a text is an LTA: one with a line ``type =``."""
    return re.search(r"^\s*type\s*=\s*\d", text, re.MULTILINE) is not None


def read_lta(path: str | Path) -> AffineTransform:
    """Read an LTA of type 0 (voxel to voxel) or 1 (RAS to RAS) as moving_from_fixed in world RAS mm.

    Raises
    ------
    FileFormatError
        If the file is no LTA, holds several transforms, is of another type, or (type 0) lacks a geometry.
    """
    with reading(path, expected="an LTA transform"):
        text = decoded(Path(path).read_bytes())
    lines = [line.partition("#")[0].replace("=", " = ").split() for line in text.splitlines()]
    lines = [words for words in lines if words]
    try:
        kind, number = int(_value(lines, "type")[0]), int(_value(lines, "nxforms")[0])
        start = lines.index(["1", "4", "4"]) + 1
        matrix = np.array(lines[start : start + 4], dtype=np.float64).reshape(4, 4)
        geometries = [_matrix_after(lines, name) for name in ("src", "dst")]
    except (ValueError, IndexError) as error:
        raise FileFormatError(f"expected an LTA transform, got a file without one: {path}") from error
    if number != 1 or kind not in (VOXEL_TO_VOXEL, RAS_TO_RAS):
        raise FileFormatError(
            f"expected one transform of type 0 or 1 in the LTA, got {number} of type {kind}: convert it "
            "with FreeSurfer's lta_convert --ltavox2vox"
        )
    if kind == VOXEL_TO_VOXEL:
        source, destination = geometries
        if source is None or destination is None:
            raise FileFormatError(f"expected both geometries in an LTA of type 0, got an invalid one: {path}")
        return AffineTransform(source) @ AffineTransform(matrix).inverse() @ AffineTransform(destination).inverse()
    return AffineTransform(matrix).inverse()


def write_lta(path: str | Path, transform: AffineTransform, *, moving: Grid, fixed: Grid) -> None:
    """Write moving_from_fixed as an LTA of type 1, which maps moving RAS mm to fixed RAS mm.

    No file names are written into the geometries.
    """
    Path(path).write_text(
        f"type      = {RAS_TO_RAS} # LINEAR_RAS_TO_RAS\n"
        "nxforms   = 1\n"
        "mean      = 0.0000 0.0000 0.0000\n"
        "sigma     = 1.0000\n"
        "1 4 4\n"
        f"{format_matrix(transform.inverse().matrix)}"
        f"src volume info\n{_geometry_text(moving)}"
        f"dst volume info\n{_geometry_text(fixed)}"
    )


def _geometry_text(grid: Grid) -> str:
    cosines = grid.world_from_voxel[:3, :3] / grid.spacing_mm
    # FreeSurfer's centre is voxel n/2, not (n-1)/2.
    centre = grid.world_points(np.array(grid.shape) / 2)
    rows: dict[str, Any] = {
        "volume": grid.shape,
        "voxelsize": grid.spacing_mm,
        "xras  ": cosines[:, 0],
        "yras  ": cosines[:, 1],
        "zras  ": cosines[:, 2],
        "cras  ": centre,
    }
    body = "".join(f"{name} = {' '.join(f'{x + 0.0:.17g}' for x in values)}\n" for name, values in rows.items())
    return f"valid = 1  # volume info valid\nfilename = none\n{body}"


def _value(lines: list[list[str]], name: str) -> list[str]:
    """Return the words after ``name =``."""
    return next((words[2:] for words in lines if words[:2] == [name, "="]), [])


def _matrix_after(lines: list[list[str]], name: str) -> Matrix | None:
    """Return world_from_voxel of the geometry under ``name volume info``, or None if it is not valid."""
    block = lines[lines.index([name, "volume", "info"]) :][:9]
    if _value(block, "valid") != ["1"]:
        return None
    shape, spacing, *axes, centre = (
        np.array(_value(block, key), dtype=np.float64)
        for key in ("volume", "voxelsize", "xras", "yras", "zras", "cras")
    )
    A = np.stack(axes, axis=1) * spacing
    return homogeneous(A, centre - A @ (shape / 2))

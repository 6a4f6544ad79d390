"""FSL FLIRT matrices: 4x4 text in FSL's scaled voxel coordinates, mapping the moving image to the fixed one.

FSL's coordinates are voxel indices times the voxel size, with the first axis reversed if
``world_from_voxel`` has a positive determinant. They mean nothing without the two grids, and they
point the other way than our transforms: the inverse is taken here, at the edge.

References
----------
Jenkinson, M. et al. FSL. NeuroImage 62, 2012. doi:10.1016/j.neuroimage.2011.09.015
"""

from pathlib import Path

import numpy as np

from hepareg.arrays import Matrix
from hepareg.errors import SettingsError
from hepareg.geometry import Grid, apply_matrix
from hepareg.geometry.rotations import homogeneous, nearest_rotation
from hepareg.io.byte_stream import decoded, reading
from hepareg.io.matrix_text import format_matrix, parse_matrix
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume

__all__ = ["flirt_grid", "fsl_from_voxel", "is_nifti_volume", "read_flirt", "transform_of_flirt", "write_flirt"]

SQUARE_TO = 1e-6
"""How far from orthogonal a header in float32 may make the axes of an image."""


def fsl_from_voxel(grid: Grid) -> Matrix:
    """Return the (4, 4) matrix from voxel indices to FSL's scaled voxel coordinates in mm."""
    matrix = np.diag([*grid.spacing_mm, 1.0])
    if not grid.is_left_handed:
        matrix[0, 0] *= -1
        matrix[0, 3] = (grid.shape[0] - 1) * grid.spacing_mm[0]
    return matrix


def is_nifti_volume(image: Volume) -> bool:
    """Return whether an image was read from a NIfTI file, in whose voxel order alone FLIRT's matrices hold."""
    return image.provenance.file_format == "nifti"


def flirt_grid(image: Grid | Volume) -> Grid:
    """Return the grid of an image that FLIRT knows; a Grid is taken for that of a NIfTI file.

    Raises
    ------
    SettingsError
        If the image was read from a file of another format: its voxels may be in another order than those of the
        NIfTI file that FLIRT was given.
    """
    if isinstance(image, Grid):
        return image
    if not is_nifti_volume(image):
        raise SettingsError(
            "expected two NIfTI images for a FLIRT matrix, whose coordinates are those of NIfTI files, got an image of "
            "another format: give the files that FLIRT was given, or use another format of transform"
        )
    return image.grid


def read_flirt(path: str | Path, *, moving: Grid, fixed: Grid) -> AffineTransform:
    """Read a FLIRT matrix (``-omat``) as moving_from_fixed in world RAS mm.

    Parameters
    ----------
    path
        Text file with four lines of four numbers.
    moving, fixed
        Grids of the images that FLIRT was given as ``-in`` and ``-ref``.
    """
    with reading(path, expected="a FLIRT matrix"):
        flirt = parse_matrix(decoded(Path(path).read_bytes()), path)
    return transform_of_flirt(flirt, moving=moving, fixed=fixed)


def transform_of_flirt(matrix: Matrix, *, moving: Grid, fixed: Grid) -> AffineTransform:
    """Return moving_from_fixed in world RAS mm of a (4, 4) FLIRT matrix from the moving to the fixed image."""
    flirt = AffineTransform(matrix).matrix
    return AffineTransform(_world_from_fsl(fixed) @ flirt @ np.linalg.inv(_world_from_fsl(moving))).inverse()


def write_flirt(path: str | Path, transform: AffineTransform, *, moving: Grid, fixed: Grid) -> None:
    """Write moving_from_fixed as a FLIRT matrix, which maps the moving image to the fixed one.

    Both grids have to be those of NIfTI files: FSL reads no other images. A rigid transform is
    written as a rotation to rounding, though the axes of a float32 header are square to 1e-7 only;
    the difference, some 1e-5 mm, is nought at the moving image's centre.
    """
    fixed_from_moving = transform.inverse().matrix
    flirt: Matrix = np.linalg.inv(_world_from_fsl(fixed)) @ fixed_from_moving @ _world_from_fsl(moving)
    A = flirt[:3, :3]
    if isinstance(transform, RigidTransform) and np.abs(A.T @ A - np.eye(3)).max() < SQUARE_TO:
        centre = apply_matrix(fsl_from_voxel(moving), (np.array(moving.shape) - 1) / 2)
        R = nearest_rotation(A)
        flirt = homogeneous(R, apply_matrix(flirt, centre) - R @ centre)
    flirt[3] = [0, 0, 0, 1]
    Path(path).write_text(format_matrix(flirt))


def _world_from_fsl(grid: Grid) -> Matrix:
    return grid.world_from_voxel @ np.linalg.inv(fsl_from_voxel(grid))

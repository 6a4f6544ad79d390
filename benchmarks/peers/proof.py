"""Prove an adapter's convention on a pair with a known answer before it is scored.

The same textured body is sampled analytically on two grids that share nothing: the fixed one oblique,
anisotropic and left-handed, the moving one LPS-ordered with other spacing, shifted origin and another
size. No voxel is resampled and there is no noise: a mean TRE above `TOLERANCE_MM` is a wrong convention.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.io.matrix_text import write_matrix_text
from hepareg.io.nifti import write_nifti
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["TOLERANCE_MM", "write_known_pair"]

TOLERANCE_MM = 0.5
CENTRE_MM = np.array([35.0, -20.0, 60.0])
RADII_MM = np.array([58.0, 47.0, 40.0])
TRUTH = RigidTransform.from_vectors(np.radians([4.0, -6.0, 9.0]), [12.0, -7.0, 9.0], centre_mm=CENTRE_MM)
NUM_BLOBS = 150


def write_known_pair(folder: Path) -> None:
    """Write ``moving``, ``fixed``, their masks and ``truth.txt`` to a new folder."""
    folder.mkdir(parents=True)
    write_matrix_text(folder / "truth.txt", TRUTH)
    for name, grid, transform in (("fixed", fixed_grid(), None), ("moving", moving_grid(), TRUTH.inverse())):
        points = grid.world_points(np.stack(np.indices(grid.shape), axis=-1))
        body = transform.apply(points) if transform else points
        inside = (((body - CENTRE_MM) / RADII_MM) ** 2).sum(axis=-1)
        hu = np.where(inside < 1.6, 40.0, -80.0)
        hu[inside < 1.0] = 60.0 + texture(body[inside < 1.0])
        write_nifti(folder / f"{name}.nii.gz", Volume(hu.round().astype(np.int16), grid))
        write_nifti(folder / f"{name}_liver.nii.gz", Volume((inside < 1.0).astype(np.uint8), grid))


def texture(points: NDArray) -> NDArray:
    """Return smooth HU blobs of vessel size at (..., 3) points of the body."""
    rng = np.random.default_rng(7)
    hu = np.zeros(points.shape[:-1])
    for _ in range(NUM_BLOBS):
        centre = CENTRE_MM + rng.uniform(-0.75, 0.75, 3) * RADII_MM
        sigma = rng.uniform(2.0, 6.0)
        hu += rng.choice([-90.0, 110.0]) * np.exp(-((points - centre) ** 2).sum(axis=-1) / (2 * sigma**2))
    return hu


def fixed_grid() -> Grid:
    """Return an oblique, anisotropic, left-handed grid around the body."""
    axes = rotation_from_vector(np.radians([6.0, -10.0, 14.0])) @ np.diag([-1.2, 1.1, 1.6])
    return _around(axes, (128, 112, 80), CENTRE_MM)


def moving_grid() -> Grid:
    """Return an LPS-ordered grid of other spacing around the moved body, off its centre."""
    return _around(np.diag([-1.1, -1.1, 1.9]), (144, 124, 72), TRUTH.apply(CENTRE_MM) + np.array([5.0, -4.0, 6.0]))


def _around(axes: NDArray, shape: tuple[int, int, int], centre: NDArray) -> Grid:
    return Grid(shape, homogeneous(axes, centre - axes @ (np.array(shape) - 1) / 2))

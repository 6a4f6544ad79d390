"""The rigidity certificate: checks that a transform has to pass, in memory and as written to files, to be given out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Matrix, Points
from hepareg.errors import RigidityError
from hepareg.geometry import Grid, apply_matrix
from hepareg.geometry.masked import spread_points_mm
from hepareg.io.itk_transforms import read_versor_text
from hepareg.io.lta import read_lta
from hepareg.io.matrix_text import parse_matrix, read_matrix_text
from hepareg.io.nifti import read_forms
from hepareg.transforms.linear import RIGIDITY_TOLERANCE, RigidTransform
from hepareg.volume import Volume

__all__ = ["HeaderErrors", "certify_distances", "certify_files", "header_errors", "liver_points"]

NUM_POINTS = 1000
ROWS = 50
"""Number of points whose distances to all others are compared at a time, so that they fit the processor's cache."""
DISTANCE_TOLERANCE_MM = 1e-9
FILE_TOLERANCE_MM = 1e-4
"""Largest distance between the images of a corner under a file's transform and under the result. Rounding gives 1e-12;
ITK's versor gives 1e-5 near a rotation by 180 degrees, because its fourth component is not stored."""
HEADER_TOLERANCE = 1e-6
"""Largest entry of R'R - I for the rotation R of an image whose header alone was changed."""
HEADER_TOLERANCE_MM = 1e-4
"""Largest error of the sform at a corner of such an image."""
QFORM_NOTED_MM = 0.01
"""Error of the qform, a quaternion of single precision, above which the user is told."""


def liver_points(fixed: Grid, mask: Volume | None) -> Points:
    """Return at most 1,000 world points in mm, spread over a mask, or over the grid where there is no mask."""
    if mask is None:
        steps = [np.linspace(0, n - 1, 10) for n in fixed.shape]
        return fixed.world_points(np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3))
    points = spread_points_mm(mask.data, mask.grid, count=NUM_POINTS, profile=mask.profile)
    return points[np.linspace(0, len(points) - 1, min(NUM_POINTS, len(points))).astype(int)]


def certify_distances(transform: RigidTransform, points: Points) -> None:
    """Check that no distance between two of the points changes by more than 1e-9 mm.

    Raises
    ------
    RigidityError
        If a distance changes by more.
    """
    moved = transform.apply(points)
    rows = (slice(first, first + ROWS) for first in range(0, len(points), ROWS))
    change = max(float(np.abs(_distances(moved, part) - _distances(points, part)).max()) for part in rows)
    if not change <= DISTANCE_TOLERANCE_MM:
        raise RigidityError(
            f"expected distances kept to {DISTANCE_TOLERANCE_MM:g} mm, got one changed by {change:.2g} mm; "
            "nothing was written, please report this"
        )


def certify_files(folder: Path, transform: RigidTransform, *, fixed: Grid) -> None:
    """Check that every transform file of a result, read back, holds the transform, and a rotation to 1e-12.

    FLIRT's matrix, if written, is checked to be a rotation in FSL's coordinates, in which the file holds it.

    Raises
    ------
    RigidityError
        If a file holds another transform, or its matrix is not a rotation to 1e-12.
    """
    for name, read in MATRIX_READERS.items():
        matrix = read(folder / name)
        _certify_matrix(matrix, name)
        error = float(np.abs(apply_matrix(matrix, fixed.corners_mm) - transform.apply(fixed.corners_mm)).max())
        if not error <= FILE_TOLERANCE_MM:
            raise RigidityError(
                f"expected {name} to hold the result, got one that differs by {error:.2g} mm; "
                "nothing was written, please report this"
            )
    flirt = folder / "fixed_from_moving_flirt.mat"
    if flirt.exists():
        _certify_matrix(parse_matrix(flirt.read_text("utf-8"), flirt.name), flirt.name)


@dataclass(frozen=True)
class HeaderErrors:
    """Errors of an image's placement in the world that the single precision of its NIfTI header causes.

    Parameters
    ----------
    sform_mm, qform_mm
        Largest distance by which each form misplaces a corner of the image. Programs read the sform first. The
        qform, a quaternion, is less exact near a rotation by 180 degrees (see `hepareg.io.nifti_header.place`).
    orthogonality
        Largest entry of R'R - I, with R the rotation from the old placement to the stored sform. For the qform it
        says nothing, for a quaternion is orthonormal even where the scanner's direction cosines are rounded.
    """

    sform_mm: float
    qform_mm: float
    orthogonality: float

    @property
    def problem(self) -> str | None:
        """Reason for which the image may not be given out, or None."""
        if self.sform_mm > HEADER_TOLERANCE_MM:
            return (
                f"its header's single precision would move a corner by {self.sform_mm:.2g} mm "
                f"(at most {HEADER_TOLERANCE_MM:g} allowed)"
            )
        if self.orthogonality > HEADER_TOLERANCE:
            return (
                f"its header's single precision would turn it by a matrix {self.orthogonality:.2g} from a rotation "
                f"(at most {HEADER_TOLERANCE:g} allowed)"
            )
        return None

    @property
    def note(self) -> str | None:
        """Remark for users whose programs read the qform before the sform, or None if the qform is exact enough."""
        if self.qform_mm <= QFORM_NOTED_MM:
            return None
        return (
            f"the qform of the image moved by its header alone is off by up to {self.qform_mm:.2g} mm, as far as "
            "NIfTI-1 can hold it; its sform, which programs read first, is exact"
        )


def header_errors(path: Path, *, old: Matrix, new: Matrix, shape: tuple[int, int, int]) -> HeaderErrors:
    """Return the errors of the placement of an image that was moved by a change of its header alone.

    Parameters
    ----------
    path
        The written image.
    old, new
        (4, 4) world_from_voxel before the change, and as intended.
    shape
        (I, J, K) of the image.
    """
    expected = Grid(shape, new).corners_mm
    voxels = Grid(shape, np.eye(4)).corners_mm
    forms = read_forms(path)
    sform_mm, qform_mm = (float(np.linalg.norm(apply_matrix(form, voxels) - expected, axis=1).max()) for form in forms)
    R = forms[0][:3, :3] @ np.linalg.inv(old[:3, :3])
    return HeaderErrors(sform_mm, qform_mm, float(np.abs(R.T @ R - np.eye(3)).max()))


def _certify_matrix(matrix: Matrix, name: str) -> None:
    """Check that the 3x3 block of a file's matrix is a rotation to `RIGIDITY_TOLERANCE`."""
    R = matrix[:3, :3]
    error = max(float(np.abs(R.T @ R - np.eye(3)).max()), float(abs(np.linalg.det(R) - 1)))
    if not error <= RIGIDITY_TOLERANCE:
        raise RigidityError(
            f"expected a rotation to {RIGIDITY_TOLERANCE:g} in {name}, got one to {error:.2g}; "
            "nothing was written, please report this"
        )


def _distances(points: Points, part: slice) -> NDArray[np.floating]:
    """Return the distances of a part of the points to each other and to all later points."""
    # From differences: the expanded square |a|^2 - 2 a b + |b|^2 would lose more digits than the tolerance allows.
    return np.sqrt(sum(np.square(points[part, None, axis] - points[None, part.start :, axis]) for axis in range(3)))


MATRIX_READERS: Mapping[str, Callable[[Path], Matrix]] = {
    "moving_from_fixed.txt": lambda path: read_matrix_text(path).matrix,
    "fixed_from_moving.txt": lambda path: _inverse_kept(read_matrix_text(path).matrix),
    "moving_from_fixed.tfm": lambda path: read_versor_text(path).matrix,
    "fixed_from_moving.lta": lambda path: read_lta(path).matrix,
}
"""Functions that read moving_from_fixed in world RAS mm from a result's files, by file name."""


def _inverse_kept(matrix: Matrix) -> Matrix:
    """Return the inverse of a rigid matrix by transposition, which adds no rounding error to the rotation."""
    inverse = np.eye(4)
    inverse[:3, :3] = matrix[:3, :3].T
    inverse[:3, 3] = -matrix[:3, :3].T @ matrix[:3, 3]
    return inverse

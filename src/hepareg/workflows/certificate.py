"""The rigidity certificate: what has to hold before a transform is given to anybody, in memory and in the files."""

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
"""Points whose distances are compared at a time: these many rows fit the processor's cache."""
DISTANCE_TOLERANCE_MM = 1e-9
FILE_TOLERANCE_MM = 1e-4
"""How far a file's transform may move a corner of the image away from where the result moves it. Rounding gives
1e-12, but for ITK's versor near a half turn, whose fourth component is not stored (1e-5)."""
HEADER_TOLERANCE = 1e-6
HEADER_TOLERANCE_MM = 1e-4
"""For the sform. The qform is held to it where a quaternion of single precision can, and measured everywhere."""
QFORM_NOTED_MM = 0.01


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
        If one does.
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
    """Read the text files of a result back and check that each holds this transform, as a rotation to 1e-12.

    FLIRT's matrix is checked as a rotation of FSL's own coordinates, which it is in the file.

    Raises
    ------
    RigidityError
        If one does not.
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
    """What a NIfTI header's single precision left of a placement that was to be exact.

    Parameters
    ----------
    sform_mm, qform_mm
        Largest distance by which each form misplaces a corner of the image. Readers take the sform first;
        a quaternion of NIfTI-1 cannot do as well near a half turn (see `hepareg.io.nifti_header.place`).
    orthogonality
        Largest entry of R'R - I, R the rotation from the old placement to the stored sform. The qform cannot be
        held to it: a quaternion is orthonormal, and the direction cosines of many scanners are rounded.
    """

    sform_mm: float
    qform_mm: float
    orthogonality: float

    @property
    def problem(self) -> str | None:
        """Why the image may not be given to anybody, or None."""
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
        """What to tell a user whose programs read the qform before the sform, or None where it is as good."""
        if self.qform_mm <= QFORM_NOTED_MM:
            return None
        return (
            f"the qform of the image moved by its header alone is off by up to {self.qform_mm:.2g} mm, as far as "
            "NIfTI-1 can hold it; its sform, which programs read first, is exact"
        )


def header_errors(path: Path, *, old: Matrix, new: Matrix, shape: tuple[int, int, int]) -> HeaderErrors:
    """Measure how well the header of an image moved by its header alone holds the new placement.

    Parameters
    ----------
    path
        The image as written.
    old, new
        (4, 4) world_from_voxel before, and as it should be now.
    shape
        Voxels of the image.
    """
    expected = Grid(shape, new).corners_mm
    voxels = Grid(shape, np.eye(4)).corners_mm
    forms = read_forms(path)
    sform_mm, qform_mm = (float(np.linalg.norm(apply_matrix(form, voxels) - expected, axis=1).max()) for form in forms)
    R = forms[0][:3, :3] @ np.linalg.inv(old[:3, :3])
    return HeaderErrors(sform_mm, qform_mm, float(np.abs(R.T @ R - np.eye(3)).max()))


def _certify_matrix(matrix: Matrix, name: str) -> None:
    R = matrix[:3, :3]
    error = max(float(np.abs(R.T @ R - np.eye(3)).max()), float(abs(np.linalg.det(R) - 1)))
    if not error <= RIGIDITY_TOLERANCE:
        raise RigidityError(
            f"expected a rotation to {RIGIDITY_TOLERANCE:g} in {name}, got one to {error:.2g}; "
            "nothing was written, please report this"
        )


def _distances(points: Points, part: slice) -> NDArray[np.floating]:
    """Return the distances of a part of the points to all that do not come before it."""
    # Differences, not the expanded square: its cancellation alone would exceed the tolerance.
    return np.sqrt(sum(np.square(points[part, None, axis] - points[None, part.start :, axis]) for axis in range(3)))


MATRIX_READERS: Mapping[str, Callable[[Path], Matrix]] = {
    "moving_from_fixed.txt": lambda path: read_matrix_text(path).matrix,
    "fixed_from_moving.txt": lambda path: _inverse_kept(read_matrix_text(path).matrix),
    "moving_from_fixed.tfm": lambda path: read_versor_text(path).matrix,
    "fixed_from_moving.lta": lambda path: read_lta(path).matrix,
}
"""Readers of moving_from_fixed in world RAS mm, by file name."""


def _inverse_kept(matrix: Matrix) -> Matrix:
    """Return the inverse of a rotation and translation without adding an error of its own."""
    inverse = np.eye(4)
    inverse[:3, :3] = matrix[:3, :3].T
    inverse[:3, 3] = -matrix[:3, :3].T @ matrix[:3, 3]
    return inverse

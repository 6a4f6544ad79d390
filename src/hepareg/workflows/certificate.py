"""The rigidity certificate: checks that a transform has to pass, in memory and as written to files, to be given out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepareg.arrays import Matrix, Points
from hepareg.errors import RigidityError
from hepareg.geometry import Grid, apply_matrix
from hepareg.geometry.masked import spread_points_mm
from hepareg.io.elastix import read_elastix
from hepareg.io.fsl import read_flirt
from hepareg.io.itk_transforms import read_versor_text
from hepareg.io.lta import read_lta
from hepareg.io.matrix_text import parse_matrix, read_matrix_text
from hepareg.io.nifti import read_forms
from hepareg.transforms.linear import RIGIDITY_TOLERANCE, AffineTransform, RigidTransform
from hepareg.volume import Volume

__all__ = ["HeaderErrors", "certify_distances", "certify_file", "header_errors", "liver_points"]

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
    """Return at most 1,000 world points in mm, spread over a mask, or over the grid if there is no mask."""
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


def certify_file(path: Path, transform: RigidTransform, *, moving: Grid, fixed: Grid) -> str | None:
    """Read a written transform back and return why it may not be given to anybody, or None.

    A file has to hold the transform as a rotation to 1e-12. FLIRT's matrix is checked as a rotation of FSL's own
    coordinates, which it cannot be if the axes of an image are not quite orthogonal.

    Parameters
    ----------
    path
        File under one of the names of `hepareg.workflows.register_outputs`.
    transform
        The result, moving_from_fixed.
    moving, fixed
        Grids of the two images.
    """
    is_flirt = path.name.endswith("_flirt.mat")
    held = read_flirt(path, moving=moving, fixed=fixed).matrix if is_flirt else _reader_of(path)(path).matrix
    rotation = parse_matrix(path.read_text("utf-8"), path.name) if is_flirt else held
    off = _distance_from_rotation(rotation)
    if not off <= RIGIDITY_TOLERANCE:
        why = "the axes of an image's header are not orthogonal enough" if is_flirt else "its digits do not suffice"
        return f"it would hold a rotation to {off:.2g} only ({RIGIDITY_TOLERANCE:g} allowed): {why}"
    error = float(np.abs(apply_matrix(held, fixed.corners_mm) - transform.apply(fixed.corners_mm)).max())
    if not error <= FILE_TOLERANCE_MM:
        return f"it would differ from the result by {error:.2g} mm ({FILE_TOLERANCE_MM:g} allowed)"
    return None


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
        says nothing, for a quaternion is orthonormal even if the scanner's direction cosines are rounded.
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


def _distance_from_rotation(matrix: Matrix) -> float:
    """Return the largest of |R'R - I| and |det R - 1|, R the 3x3 block of a matrix."""
    R = matrix[:3, :3]
    return max(float(np.abs(R.T @ R - np.eye(3)).max()), float(abs(np.linalg.det(R) - 1)))


def _distances(points: Points, part: slice) -> NDArray[np.floating]:
    """Return the distances of a part of the points to each other and to all later points."""
    # From differences: the expanded square |a|^2 - 2 a b + |b|^2 would lose more digits than the tolerance allows.
    return np.sqrt(sum(np.square(points[part, None, axis] - points[None, part.start :, axis]) for axis in range(3)))


def _reader_of(path: Path) -> Callable[[Path], AffineTransform]:
    """Return the reader of moving_from_fixed in world RAS mm for a file of a result."""
    if path.suffix in (".tfm", ".lta"):
        return {".tfm": read_versor_text, ".lta": read_lta}[path.suffix]
    if "elastix" in path.name:
        return read_elastix
    return _read_inverse if path.name.startswith("fixed_from_moving") else read_matrix_text


def _read_inverse(path: Path) -> AffineTransform:
    """Return the inverse of a file's rotation and translation without adding an error of its own."""
    matrix, inverse = read_matrix_text(path).matrix, np.eye(4)
    inverse[:3, :3] = matrix[:3, :3].T
    inverse[:3, 3] = -matrix[:3, :3].T @ matrix[:3, 3]
    return AffineTransform(inverse)

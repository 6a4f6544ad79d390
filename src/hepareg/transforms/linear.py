"""Affine and rigid transforms of world RAS mm."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.arrays import Matrix, Points
from hepareg.errors import RigidityError, TransformError
from hepareg.geometry.grid import FARTHEST_MM, apply_matrix
from hepareg.geometry.rotations import (
    IDENTITY,
    about_centre,
    polished_rotation,
    rotation_angle,
    rotation_from_vector,
)

__all__ = ["LPS_FROM_RAS", "RIGIDITY_TOLERANCE", "AffineTransform", "RigidTransform"]

RIGIDITY_TOLERANCE = 1e-12
"""Largest |R'R - I| and |det R - 1| that a transform may have to be written to a file."""

LAST_ROW, LAST_ROW_TOLERANCE = np.array([0.0, 0.0, 0.0, 1.0]), np.array([1e-9, 1e-9, 1e-9, 1e-5])

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Homogeneous map between the world conventions RAS and LPS; its own inverse."""


@dataclass(frozen=True, eq=False)
class AffineTransform:
    """Affine map of world points: twelve degrees of freedom.

    By convention a registration's transform is ``moving_from_fixed``: it maps points of the fixed world to points of
    the moving world.

    Parameters
    ----------
    matrix
        (4, 4) float64, acts on column vectors, world RAS mm to world RAS mm.

    Raises
    ------
    TransformError
        If the matrix is not finite, is singular, or has another last row than 0 0 0 1.
    """

    matrix: Matrix

    def __post_init__(self) -> None:
        matrix = _checked(self.matrix, ndim=2)
        if abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
            raise TransformError("expected an invertible matrix, got a singular one")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def from_lps(cls, matrix: ArrayLike) -> "AffineTransform":
        """Return the transform of a (4, 4) matrix of LPS coordinates, which DICOM and ITK use."""
        return cls(LPS_FROM_RAS @ _checked(matrix, ndim=2) @ LPS_FROM_RAS)

    @property
    def linear(self) -> NDArray[np.floating]:
        """(3, 3) block of the matrix."""
        return self.matrix[:3, :3]

    @property
    def translation_mm(self) -> NDArray[np.floating]:
        """(3,) image of the world's origin in mm: the last column."""
        return self.matrix[:3, 3]

    @property
    def matrix_lps(self) -> Matrix:
        """(4, 4) matrix of the same map in LPS coordinates, which DICOM and ITK use."""
        return LPS_FROM_RAS @ self.matrix @ LPS_FROM_RAS

    def apply(self, points: ArrayLike) -> Points:
        """Map (..., 3) world points."""
        return apply_matrix(self.matrix, points)

    def inverse(self) -> "AffineTransform":
        """Return the inverse map."""
        return AffineTransform(np.linalg.inv(self.matrix))

    def __matmul__(self, other: "AffineTransform") -> "AffineTransform":
        """Return the composed map: ``other`` is applied first, ``self`` afterwards."""
        return AffineTransform(self.matrix @ other.matrix)

    def translation_at(self, point: ArrayLike) -> NDArray[np.floating]:
        """Return the (3,) displacement in mm of one world point, a translation that does not depend on the origin."""
        return self.apply(point) - np.asarray(point, dtype=np.float64)


def _is_mirrored(linear: Matrix) -> bool:
    """Return whether a (3, 3) matrix has a negative determinant."""
    (a, b, c), (d, e, f), (g, h, i) = linear.tolist()
    return bool(a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g) < 0)


def _checked(matrices: ArrayLike, *, ndim: int) -> Matrix:
    """Return a checked copy of (..., 4, 4) homogeneous matrices with exact last rows."""
    matrices = np.array(matrices, dtype=np.float64, order="C")
    if matrices.ndim != ndim or matrices.shape[-2:] != (4, 4) or not (np.abs(matrices) < FARTHEST_MM).all():
        square = matrices.shape[-2:] == (4, 4)
        got = "NaN, infinity or a larger number in it" if square else f"the shape {matrices.shape}"
        raise TransformError(
            f"expected a finite 4x4 matrix, its numbers below {FARTHEST_MM:g}, got {got}; check the numbers"
        )
    last = matrices[..., 3, :]
    wrong = (np.abs(last - LAST_ROW) > LAST_ROW_TOLERANCE).any(axis=-1)
    if wrong.any():
        raise TransformError(f"expected 0 0 0 1 as the matrix's last row, got {last[wrong][0].tolist()}")
    last[...] = LAST_ROW
    return matrices


def _rigid(matrices: ArrayLike, *, ndim: int) -> Matrix:
    """Return a checked copy of (..., 4, 4) matrices, each 3x3 block replaced by the nearest rotation."""
    matrices = _checked(matrices, ndim=ndim)
    R = matrices[..., :3, :3]
    off = np.abs(np.swapaxes(R, -1, -2) @ R - IDENTITY).max(initial=0.0)
    if not off <= 1e-6 or any(_is_mirrored(block) for block in R.reshape(-1, 3, 3)):
        raise TransformError(
            "expected a rigid matrix (orthonormal to 1e-6, determinant +1), got scale, shear or a mirror image; "
            "`hepareg rigidify` extracts the rigid part of an affine"
        )
    R[...] = polished_rotation(R)
    matrices.setflags(write=False)
    return matrices


@dataclass(frozen=True, eq=False)
class RigidTransform(AffineTransform):
    """Rigid map of world points: a rotation and a translation, determinant +1, six degrees of freedom.

    On construction the 3x3 block is replaced by the nearest rotation, so that `certify` holds to rounding. A block
    that is farther than 1e-6 from a rotation is an error; `hepareg.transforms.rigidify.rigid_part` extracts a
    rotation from such a block on purpose.

    Raises
    ------
    TransformError
        If the 3x3 block is not a rotation to 1e-6.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", _rigid(self.matrix, ndim=2))

    @classmethod
    def identity(cls) -> "RigidTransform":
        """Return the identity map."""
        return cls(np.eye(4))

    @classmethod
    def from_vectors(
        cls, rotation_vector: ArrayLike, translation_mm: ArrayLike, *, centre_mm: ArrayLike = (0.0, 0.0, 0.0)
    ) -> "RigidTransform":
        """Return x -> R (x - centre) + centre + translation, R from a rotation vector in radians."""
        return cls(about_centre(rotation_from_vector(rotation_vector), translation_mm, centre_mm))

    @classmethod
    def from_matrices(cls, matrices: ArrayLike) -> "list[RigidTransform]":
        """Return the rigid maps of (B, 4, 4) matrices, checked and made exact in one vectorised pass.

        Raises
        ------
        TransformError
            If the 3x3 block of one of them is not a rotation to 1e-6.
        """
        transforms = []
        for matrix in _rigid(matrices, ndim=3):
            transform = object.__new__(cls)  # without the constructor, which would check each matrix again
            object.__setattr__(transform, "matrix", matrix)
            transforms.append(transform)
        return transforms

    @property
    def rotation(self) -> NDArray[np.floating]:
        """(3, 3) rotation matrix."""
        return self.linear

    @property
    def rotation_deg(self) -> float:
        """Geodesic angle of the rotation in degrees, in [0, 180]."""
        return math.degrees(rotation_angle(self.linear))

    def inverse(self) -> "RigidTransform":
        """Return the inverse map, which is rigid."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.linear.T
        matrix[:3, 3] = -self.linear.T @ self.translation_mm
        return RigidTransform(matrix)

    def __matmul__(self, other: AffineTransform) -> AffineTransform:
        """Return the composed map, ``other`` applied first; it is rigid if ``other`` is."""
        product = self.matrix @ other.matrix
        return RigidTransform(product) if isinstance(other, RigidTransform) else AffineTransform(product)

    def certify(self) -> None:
        """Check that the transform keeps all distances.

        Raises
        ------
        RigidityError
            If R'R differs from I, or det R from 1, by more than `RIGIDITY_TOLERANCE`.
        """
        R = self.linear
        orthogonality = float(np.abs(R.T @ R - np.eye(3)).max())
        determinant = float(abs(np.linalg.det(R) - 1))
        if max(orthogonality, determinant) > RIGIDITY_TOLERANCE:
            raise RigidityError(
                f"expected a rotation to {RIGIDITY_TOLERANCE:g}, got |R'R - I| = {orthogonality:.2g} and "
                f"|det R - 1| = {determinant:.2g}; nothing was written, please report this"
            )

"""Tables of corresponding points, and the rigid transform that fits them: a start for a registration."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hepareg.arrays import Points
from hepareg.errors import FileFormatError, TransformError
from hepareg.geometry.grid import FARTHEST_MM
from hepareg.io.landmarks import columns_of_points, read_landmarks
from hepareg.io.point_space import LPS_SIGNS
from hepareg.transforms import RigidTransform
from hepareg.transforms.fit import fit_rigid

__all__ = ["LandmarkPairs", "read_landmark_pairs"]

MIN_PAIRS = 3
MIN_SPREAD_MM = 3.0
"""Least root mean square distance of the points from their best line; landmarks are a few mm off themselves, and
nearer to a line they say nothing about the rotation about it."""
MAX_RESIDUAL_MM = 30.0
MAX_ROTATION_DEG = 120.0
"""No patient turns so far between two phases; points of which one set is in LPS look turned by 180 degrees."""


@dataclass(frozen=True, eq=False)
class LandmarkPairs:
    """Corresponding (N, 3) points of the fixed and of the moving image, world RAS mm."""

    fixed: Points
    moving: Points

    def fit(self) -> tuple[RigidTransform, str]:
        """Return the rigid moving_from_fixed with the least sum of squared distances, and a note on its errors.

        Raises
        ------
        TransformError
            If there are fewer than three pairs, the points lie on a line, or they do not correspond.
        """
        count = len(self.fixed)
        if count < MIN_PAIRS:
            raise TransformError(f"expected at least {MIN_PAIRS} pairs of points as a start, got {count}")
        for name, points in (("fixed", self.fixed), ("moving", self.moving)):
            spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] / np.sqrt(count)
            if not spread >= MIN_SPREAD_MM:
                raise TransformError(
                    f"expected points away from one line in the {name} image, got points within {spread:.2g} mm "
                    f"of one ({MIN_SPREAD_MM:g} needed): add points beside it"
                )
        transform = fit_rigid(self.fixed, self.moving)
        distances = np.linalg.norm(transform.apply(self.fixed) - self.moving, axis=1)
        residual = float(np.sqrt(np.mean(distances**2)))
        if residual > MAX_RESIDUAL_MM or transform.rotation_deg > MAX_ROTATION_DEG:
            raise TransformError(
                f"expected pairs of corresponding points, got pairs that a turn of {transform.rotation_deg:.0f} deg "
                f"fits to {residual:.1f} mm: check their order, and that both are in one space",
                options=("convention",),
            )
        return transform, (
            f"the start fits {count} pairs of points with a residual of {residual:.2f} mm "
            f"(worst {distances.max():.2f} mm)"
        )


def read_landmark_pairs(path: str | Path, *, space: str | None = None) -> LandmarkPairs:
    """Read a table with a pair of points in each row.

    Parameters
    ----------
    path
        Table with the columns x, y, z (or fixed_x, fixed_y, fixed_z) of the fixed image and moving_x, moving_y,
        moving_z of the moving image, as ``landmarks.csv`` of `hepareg simulate` has them; a space may be stated as
        `hepareg.io.landmarks.read_landmarks` says.
    space
        World of a table that states none: ``ras`` or ``lps``; None is ``ras``.

    Raises
    ------
    FileFormatError
        If a column or a number is missing.
    SettingsError
        If ``space`` contradicts the file.
    """
    table = read_landmarks(path, space=space, prefix="fixed_")
    where, signs = columns_of_points(table.columns, path, prefix="moving_")
    if signs is None:
        signs = LPS_SIGNS if (table.stated_space or space) == "lps" else np.ones(3)
    try:
        moving = np.array([[float(row[n]) for n in where] for row in table.rows])
    except (ValueError, IndexError) as error:
        raise FileFormatError(
            f"expected three numbers of the moving image in every row, got another: {path}"
        ) from error
    if not (np.abs(moving) < FARTHEST_MM).all():
        raise FileFormatError(f"expected finite points of the moving image, got NaN or infinity: {path}")
    return LandmarkPairs(table.points, moving * signs)

"""Target registration error: distance between the images of points under two transforms."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hepareg.arrays import Points
from hepareg.errors import InputError
from hepareg.geometry.masked import iterate_points_mm
from hepareg.transforms import AffineTransform
from hepareg.volume import Volume

__all__ = ["TargetRegistrationError", "tre_of_points", "tre_over_mask"]


@dataclass(frozen=True)
class TargetRegistrationError:
    """Distances between the images of the same points under two transforms.

    Parameters
    ----------
    mean_mm, rms_mm, worst_mm
        Mean, root mean square and largest distance; 0 is perfect.
    num_points
        Number of points.
    """

    mean_mm: float
    rms_mm: float
    worst_mm: float
    num_points: int


def tre_of_points(
    estimate: AffineTransform, truth: AffineTransform, *, points_mm: ArrayLike
) -> TargetRegistrationError:
    """Return the target registration error |estimate(x) - truth(x)| in mm over (N, 3) world points x.

    Both transforms are ``moving_from_fixed`` and the points lie in the fixed world, so the distances are
    measured in the moving world. For rigid transforms the distances in the fixed world are the same.

    Raises
    ------
    InputError
        If there is no point, or if a point is not finite.

    References
    ----------
    Fitzpatrick JM, West JB, Maurer CR. Predicting error in rigid-body point-based registration. IEEE Trans
    Med Imaging 17(5), 1998. doi:10.1109/42.736021

    Examples
    --------
    >>> moved = AffineTransform([[1, 0, 0, 3], [0, 1, 0, 4], [0, 0, 1, 0], [0, 0, 0, 1]])
    >>> tre_of_points(moved, AffineTransform(np.eye(4)), points_mm=[[0, 0, 0], [9, 9, 9]]).worst_mm
    5.0
    """
    points = np.asarray(points_mm, dtype=np.float64).reshape(-1, 3)
    return _over_portions(estimate, truth, [points])


def tre_over_mask(estimate: AffineTransform, truth: AffineTransform, *, mask: Volume) -> TargetRegistrationError:
    """Return the target registration error in mm over all voxel centres of a mask of the fixed image.

    Every voxel is used, in portions that limit the memory.

    Raises
    ------
    MaskError
        If the mask is empty.
    """
    return _over_portions(estimate, truth, iterate_points_mm(mask.data, mask.grid))


def _over_portions(
    estimate: AffineTransform, truth: AffineTransform, portions: Iterable[Points]
) -> TargetRegistrationError:
    # The difference of two affine maps is affine, so one matrix is enough.
    difference = estimate.matrix - truth.matrix
    total, squares, worst, count = 0.0, 0.0, 0.0, 0
    for points in portions:
        gap = points @ difference[:3, :3].T + difference[:3, 3]
        squared = np.einsum("nd,nd->n", gap, gap)
        distances = np.sqrt(squared)
        total += float(distances.sum())
        squares += float(squared.sum())
        worst = max(worst, float(distances.max(initial=0.0)))
        count += len(points)
    if count == 0:
        raise InputError("expected at least one point for the registration error, got none")
    if not np.isfinite(squares):
        raise InputError("expected finite points for the registration error, got NaN or infinite ones")
    return TargetRegistrationError(total / count, (squares / count) ** 0.5, worst, count)

"""How thick a thick slice really is: the slice profile, measured on the pair itself.

`matched_blur` assumes that a slice averages over its spacing. Scanners overlap slices, widen them by
reconstruction, or reformat them with an interpolation of their own; an edge is then wider in the
thick image than in the matched thin one. As long as an edge's whole profile is inside the region the
error is symmetric; where the region ends within the profile it pulls the pose, by tenths of a
millimetre along thick slices. So the thin image is blurred along the thick slices until it explains
the thick image best.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.blur import VOXEL, blur, voxel_cosines
from hepareg.refinement.local_affine import LocalAffine
from hepareg.transforms import RigidTransform

__all__ = ["best_share", "is_thick", "widened"]

THICK = 1.5
"""How much thicker the template's slices are than the other image's for their profile to be measured."""
SHARES = np.linspace(-0.25, 1.0, 11)
"""Variances that are tried, as shares of the slice's own box."""


def is_thick(template: GridImage, sampled: GridImage) -> bool:
    """Return whether the template's slices are thick enough, against the other image, to be measured."""
    return bool(template.grid.spacing_mm.max() > THICK * sampled.grid.spacing_mm.max())


def widened(template: GridImage, sampled: GridImage, *, sampled_from_template: NDArray[np.floating]) -> Tensor:
    """Return the sampled image blurred by one more box of the template's slice, along that slice's normal."""
    t, s = template.grid.spacing_mm, sampled.grid.spacing_mm
    slice_mm2 = np.where(t == t.max(), VOXEL * t**2, 0.0)
    cosines = voxel_cosines(template, sampled, sampled_from_template=sampled_from_template)
    return blur(sampled.data, cosines**2 @ slice_mm2 / s**2)


def best_share(residual: LocalAffine, change: Tensor, sampled: GridImage, pose: RigidTransform) -> float:
    """Return which share of a change of the sampled image explains the template best at a pose.

    Parameters
    ----------
    residual
        The residual with the unchanged image.
    change
        (I, J, K) HU on the sampled image's grid, as `widened` less the image.
    pose
        sampled_from_template.

    Returns
    -------
    float
        Within `SHARES`, by a parabola through the best value and its neighbours.
    """
    samples, matrices = residual.samples, pose.matrix[None]
    image, valid = residual.moving.values(matrices, samples)
    changes, _ = residual.moving.of(replace(sampled, data=change)).values(matrices, samples)
    inside = samples.weights * valid[0]
    tried = (image[0, 0] + float(share) * changes[0, 0] for share in SHARES)
    return _parabola_minimum(np.array([residual.unexplained_hu2(moving, inside) for moving in tried]))


def _parabola_minimum(values: NDArray[np.floating]) -> float:
    best = int(np.argmin(values))
    if best in (0, len(values) - 1):
        return float(SHARES[best])
    left, middle, right = values[best - 1 : best + 2]
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(SHARES[best] + offset * (SHARES[1] - SHARES[0]))

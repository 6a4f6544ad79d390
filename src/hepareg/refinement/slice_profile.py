"""The true slice thickness, measured on the pair itself.

`match_blur` assumes that a slice averages over its spacing. Scanners overlap slices, widen them by
reconstruction, or reformat them with an interpolation of their own; an edge is then wider in the
image with thick slices than in the blurred thin one. As long as an edge's whole profile is inside the region the
error is symmetric; if the region ends within the profile the error biases the pose, by tenths of a
millimetre along thick slices. So the thin image is blurred along the thick slices until it explains
the thick image best.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.blur import VOXEL, blur, voxel_cosines
from hepareg.refinement.local_affine import LocalAffine
from hepareg.transforms import RigidTransform

__all__ = ["SliceProfileSettings", "best_share", "has_thicker_slices", "widen_slices"]


@dataclass(frozen=True)
class SliceProfileSettings:
    """Limit for measuring the template's slice profile, and widths of the profile that are tried.

    Parameters
    ----------
    thicker_ratio
        The profile is measured if the template's slices are thicker than the sampled image's by this factor; below
        it, both images are interpolated or averaged alike.
    shares
        Smallest and largest share s that is tried. The variance s T^2 / 12, in mm^2, with T the thickness of the
        template's slices, is added to the blur that `match_blur` gave the sampled image along the template's slice
        normal. T^2 / 12 is the variance of a box as wide as a slice; a negative share sharpens.
    num_shares
        Number of equidistant shares that are tried, both ends included.
    """

    thicker_ratio: float = 1.5
    shares: tuple[float, float] = (-0.25, 1.0)
    num_shares: int = 11


def has_thicker_slices(template: GridImage, sampled: GridImage, *, settings: SliceProfileSettings) -> bool:
    """Return whether the template's slices are much thicker than the sampled image's."""
    return bool(template.grid.spacing_mm.max() > settings.thicker_ratio * sampled.grid.spacing_mm.max())


def widen_slices(template: GridImage, sampled: GridImage, *, sampled_from_template: NDArray[np.floating]) -> Tensor:
    """Return the sampled image's (I, J, K) data in HU, blurred once more by the width of the template's slices.

    `match_blur` has blurred it once, as if a slice averaged over its spacing T. This adds the variance T^2 / 12, in
    mm^2, of a box of the width T along the normal of the template's slices: along each voxel axis of the sampled image
    T^2 / 12 times the squared cosine between that axis and the normal. If several of the template's axes have the
    largest spacing, each adds its own box.

    Parameters
    ----------
    template, sampled
        The images of the level.
    sampled_from_template
        (3, 3) rotation from the template's world to the sampled image's world.
    """
    t, s = template.grid.spacing_mm, sampled.grid.spacing_mm
    slice_mm2 = np.where(t == t.max(), VOXEL * t**2, 0.0)
    cosines = voxel_cosines(template, sampled, sampled_from_template=sampled_from_template)
    return blur(sampled.data, cosines**2 @ slice_mm2 / s**2)


def best_share(
    residual: LocalAffine,
    change: Tensor,
    sampled: GridImage,
    *,
    pose: RigidTransform,
    settings: SliceProfileSettings,
) -> float:
    """Return the factor s with which the sampled image plus s times a change explains the template best at a pose.

    The number that is smallest for the best s is `LocalAffine.squares_hu2`: the weighted sum of the squared residuals,
    in HU^2, over the voxels that the pose takes into the sampled image. s times the change of one more box stands for a
    blur of s times the box's variance (`SliceProfileSettings.shares`), and sharpens if s is negative.

    Parameters
    ----------
    residual
        The residual with the unchanged image.
    change
        (I, J, K) HU on the sampled image's grid: the result of `widen_slices` minus the image.
    sampled
        The unchanged image.
    pose
        Pose at which the images are compared, sampled_from_template.
    settings
        The shares that are tried.

    Returns
    -------
    float
        The best of ``settings.num_shares`` equidistant shares from ``settings.shares[0]`` to ``settings.shares[1]``,
        refined by a parabola through it and its two neighbours; not refined if it is the first or the last.
    """
    matrices, cells = pose.matrix[None], residual.cells
    image, valid = residual.sampled.values(matrices, cells)
    changes, _ = residual.sampled.rebuild(replace(sampled, data=change)).values(matrices, cells)
    inside = cells.weights * valid[0]
    shares = np.linspace(*settings.shares, settings.num_shares)
    tried = (image[0] + float(share) * changes[0] for share in shares)
    return _parabola_minimum(shares, np.array([residual.squares_hu2(values, inside) for values in tried]))


def _parabola_minimum(places: NDArray[np.floating], values: NDArray[np.floating]) -> float:
    """Return the position of the smallest value, refined by a parabola through that value and its two neighbours.

    ``places`` are the equidistant positions of ``values``. At an end the position itself is returned.
    """
    best = int(np.argmin(values))
    if best in (0, len(values) - 1):
        return float(places[best])
    left, middle, right = values[best - 1 : best + 2]
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(places[best] + offset * (places[1] - places[0]))

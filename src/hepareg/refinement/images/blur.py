"""Two images brought to one sharpness, so that the same edge looks alike in both.

A voxel averages over its own size: a thick slice shows an edge wider than a thin one does. Without a correction, the
difference of the two profiles biases the pose as soon as the region of interest cuts an edge's profile on one side.
Variances of the point spread add up, so each image is blurred by the variance that it lacks against the other.

Linear interpolation blurs the sampled image once more, by an amount that depends on the position; the template is
blurred by the average amount.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hepareg.refinement.images.block_average import GridImage

__all__ = ["VOXEL", "blur", "match_blur", "voxel_cosines"]

VOXEL = 1 / 12
"""Variance of a box, in squares of its width."""
INTERPOLATION = 1 / 6
"""Variance that linear interpolation adds, averaged over all positions between two voxels, in squares of a voxel."""
LEAST_VARIANCE_VOX2, LARGEST_VARIANCE_VOX2 = 1e-2, 0.5
"""A smaller variance is not worth a pass; a three-point kernel of a larger one would have a negative weight."""


def match_blur(
    template: GridImage, sampled: GridImage, *, sampled_from_template: NDArray[np.floating], interpolation_share: float
) -> tuple[Tensor, Tensor]:
    """Return the data of both images, blurred to a common point spread.

    An image of the spacing t along an axis has the variance t^2 / 12 there, in mm^2, by the average over its voxels.
    The sampled image, of the spacing s, will have ``interpolation_share`` s^2 / 6 more by interpolation. Along each
    voxel axis, an image is blurred by the other image's variance minus its own, if that is positive. The other image's
    variance along this axis is the sum, over its three axes, of its variances times the squared cosines between axes.

    Parameters
    ----------
    template
        Image read at its own voxel centres.
    sampled
        Image that is interpolated between its voxels.
    sampled_from_template
        (3, 3) rotation from the template's world to the sampled image's world, to within a few degrees.
    interpolation_share
        Share, 0 to 1, of linear interpolation's blur that is not undone afterwards (1 - ``deblur`` of
        `SampledFeatures`). That blur depends on the position between two voxels; its average, `INTERPOLATION`, is used.

    Returns
    -------
    tuple of Tensor
        (I, J, K) data of the template and of the sampled image, HU, each on its own grid.
    """
    t, s = template.grid.spacing_mm, sampled.grid.spacing_mm
    weights = voxel_cosines(template, sampled, sampled_from_template=sampled_from_template) ** 2
    template_mm2, sampled_mm2 = VOXEL * t**2, (VOXEL + INTERPOLATION * interpolation_share) * s**2
    lacking_template = np.maximum(weights.T @ sampled_mm2 - template_mm2, 0) / t**2
    lacking_sampled = np.maximum(weights @ template_mm2 - sampled_mm2, 0) / s**2
    return blur(template.data, lacking_template), blur(sampled.data, lacking_sampled)


def voxel_cosines(
    template: GridImage, sampled: GridImage, *, sampled_from_template: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return (3, 3) cosines between the sampled image's voxel axes (rows) and the template's (columns)."""
    directions = [image.grid.world_from_voxel[:3, :3] / image.grid.spacing_mm for image in (sampled, template)]
    return directions[0].T @ sampled_from_template @ directions[1]


def blur(image: Tensor, variance_vox2: NDArray[np.floating]) -> Tensor:
    """Convolve an image with symmetric three-point kernels until each axis has the variance asked for, in voxel^2."""
    for axis, variance in enumerate(variance_vox2):
        while variance > LEAST_VARIANCE_VOX2 and image.shape[axis] > 1:
            part = min(float(variance), LARGEST_VARIANCE_VOX2)
            image = _smooth_axis(image, axis, part)
            variance -= part
    return image


def _smooth_axis(image: Tensor, axis: int, part: float) -> Tensor:
    """Return (part/2, 1 - part, part/2) along an axis; a border voxel stands in for its missing neighbour."""
    size = image.shape[axis]
    smoothed = image * (1 - part)
    for shift in (0, 1):
        smoothed.narrow(axis, 1 - shift, size - 1).add_(image.narrow(axis, shift, size - 1), alpha=part / 2)
        border = (size - 1) * shift
        smoothed.narrow(axis, border, 1).add_(image.narrow(axis, border, 1), alpha=part / 2)
    return smoothed

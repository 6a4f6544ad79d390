"""The contrast phase of an image: how much brighter its largest vessel is than the liver."""

import numpy as np
from scipy import ndimage

from hepareg.arrays import Points
from hepareg.geometry.boxes import box_around_points
from hepareg.refinement.images.block_average import block_average, block_factors
from hepareg.registration.outlines import OutlineSettings, body_centre_mm
from hepareg.volume import Volume
from hepareg.voxel_tensor import voxel_tensor

__all__ = ["vessel_contrast_hu"]

SPACING_MM = 4.0
WINDOW_HU = (-200.0, 600.0)
ASIDE_MM = (-40.0, 25.0)
BEHIND_MM = (-35.0, 45.0)
"""From the body's centre the aorta is looked for so far to the left and right, and so far behind and in front."""
HEIGHT_MM = 60.0
"""Height of the part of the body in which the aorta is looked for, about the middle of the liver."""
WIDTH_MM = 12.0
"""A vessel at least this wide counts; an aorta has 18 mm and more."""
LOW_SHARE = 0.2
"""A vessel is bright in all but this share of the slices. A vertebra is not: a quarter of the spine is discs."""
NUM_POINTS = 400


def vessel_contrast_hu(image: Volume, liver_points_mm: Points) -> float | None:
    """Return how many HU the brightest upright vessel near the spine is brighter than the liver's median.

    It is 200 and more in an arterial phase, about 50 in the portal venous phase, and near 0 without contrast medium.

    Parameters
    ----------
    image
        CT in HU.
    liver_points_mm
        (N, 3) points spread over the liver, world mm of the image.

    Returns
    -------
    float or None
        None if the image does not show the place of the aorta beside the liver.
    """
    centre = body_centre_mm(image, settings=OutlineSettings())
    height = np.median(liver_points_mm[:, 2])
    low = [centre[0] + ASIDE_MM[0], centre[1] + BEHIND_MM[0], height - HEIGHT_MM / 2]
    high = [centre[0] + ASIDE_MM[1], centre[1] + BEHIND_MM[1], height + HEIGHT_MM / 2]
    box = box_around_points(image.grid, np.array([low, high]))
    if box is None:
        return None
    part = image.crop(*box)
    device = voxel_tensor(part.data[:1, :1, :1]).device
    factors = block_factors(part.grid, SPACING_MM)
    coarse = block_average(part, factors, window=WINDOW_HU, device=device)
    axis, _ = coarse.grid.superior_axis
    size = np.maximum(np.rint(WIDTH_MM / coarse.grid.spacing_mm).astype(int), 1)
    size[axis] = 1
    if (np.array(coarse.data.shape) < size).any():
        return None
    filled = ndimage.minimum_filter(coarse.data.cpu().numpy(), size=size, mode="nearest")
    brightest = filled.max(axis=tuple(a for a in range(3) if a != axis))
    voxels = np.rint(image.grid.voxel_points(liver_points_mm[:: max(1, len(liver_points_mm) // NUM_POINTS)])).astype(
        int
    )
    voxels = voxels[((voxels >= 0) & (voxels < image.shape)).all(axis=1)]
    if not len(voxels):
        return None
    liver = np.median([float(image.data[tuple(voxel)]) for voxel in voxels])
    return float(np.quantile(brightest, LOW_SHARE) - liver)

"""What costs nothing: leaving the liver where it is, and laying the masks' centroids on each other."""

from types import SimpleNamespace

import numpy as np

from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["centroid", "identity"]


def identity(
    *, moving: Volume, fixed: Volume, moving_mask: Volume | None, fixed_mask: Volume | None
) -> SimpleNamespace:
    """Return the transform that moves nothing."""
    return SimpleNamespace(transform=RigidTransform.identity())


def centroid(
    *, moving: Volume, fixed: Volume, moving_mask: Volume | None, fixed_mask: Volume | None
) -> SimpleNamespace:
    """Return the shift between the masks' centroids, or between the images' middles without masks."""
    shift = _middle(moving, moving_mask) - _middle(fixed, fixed_mask)
    return SimpleNamespace(transform=RigidTransform.from_vectors(np.zeros(3), shift))


def _middle(image: Volume, mask: Volume | None) -> np.ndarray:
    return image.grid.centre_mm if mask is None else mask.grid.world_points(np.argwhere(mask.data)).mean(axis=0)

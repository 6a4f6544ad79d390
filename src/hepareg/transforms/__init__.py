"""Transforms of world points, fits of transforms to points, and all resampling of images.

`warp.warp` samples tensors on a device, differentiably; `resample.resample` samples volumes for files.
"""

from hepareg.transforms.linear import AffineTransform, RigidTransform

__all__ = ["AffineTransform", "RigidTransform"]

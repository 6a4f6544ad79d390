"""Transforms of world points, and the one place where images are resampled."""

from hepareg.transforms.linear import AffineTransform, RigidTransform

__all__ = ["AffineTransform", "RigidTransform"]

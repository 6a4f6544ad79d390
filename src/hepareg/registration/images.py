"""The images of one registration: from any form that a user gives to checked volumes on a device, and back."""

from typing import Any

import torch

from hepareg.io.in_memory import as_volume
from hepareg.pair import ImagePair
from hepareg.preprocessing.ct_check import check_finite
from hepareg.preprocessing.masks import prepare_mask
from hepareg.volume import Volume
from hepareg.voxel_tensor import on_device

__all__ = ["move_to_host", "prepare_images"]


def prepare_images(moving: Any, fixed: Any, moving_mask: Any, fixed_mask: Any, *, device: torch.device) -> ImagePair:
    """Return checked volumes on a device from images in any of the forms that `register` takes.

    Raises
    ------
    ImageError, MaskError
        If an image or a mask cannot be used.
    """
    moving, fixed = as_volume(moving), as_volume(fixed)
    check_finite(moving, name="moving image")
    check_finite(fixed, name="fixed image")
    moving, fixed = on_device(moving, device), on_device(fixed, device)
    masks = ((moving_mask, moving, "moving mask"), (fixed_mask, fixed, "fixed mask"))
    return ImagePair(moving, fixed, *(_prepare_mask(*mask, device) for mask in masks))


def move_to_host(images: ImagePair) -> ImagePair:
    """Return the same images with the voxels as NumPy arrays."""
    host = torch.device("cpu")
    masks = (None if mask is None else on_device(mask, host) for mask in (images.moving_mask, images.fixed_mask))
    return ImagePair(on_device(images.moving, host), on_device(images.fixed, host), *masks)


def _prepare_mask(mask: Any, image: Volume, name: str, device: torch.device) -> Volume | None:
    return None if mask is None else prepare_mask(on_device(as_volume(mask), device), like=image, name=name)

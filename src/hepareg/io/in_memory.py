"""Images that are in memory already: nibabel's, SimpleITK's, and arrays with a matrix."""

import sys
from typing import Any

import numpy as np

from hepareg.errors import ImageError
from hepareg.geometry import Grid
from hepareg.io.image_limits import check_placement
from hepareg.io.itk_images import volume_of_itk_image
from hepareg.volume import Volume

__all__ = ["as_volume", "is_image"]


def is_image(value: Any) -> bool:
    """Return whether a value is of a kind that `as_volume` takes; whether its content can be used is not checked."""
    return isinstance(value, Volume) or _is_array_with_matrix(value) or _is_nibabel(value) or _is_simpleitk(value)


def as_volume(image: Any) -> Volume:
    """Return an image of any kind that the library takes as a Volume.

    Parameters
    ----------
    image
        Volume (returned as it is); nibabel image; SimpleITK image; or a pair of an (I, J, K) array, or
        tensor on any device, and its (4, 4) world_from_voxel in RAS mm.

    Raises
    ------
    ImageError
        If it is none of these, not three-dimensional, or has voxels of a size that no CT in mm has.
    """
    if isinstance(image, Volume):
        return image
    volume = _as_volume(image)
    check_placement(volume.grid)
    return volume


def _as_volume(image: Any) -> Volume:
    """Return a Volume of an image of another kind."""
    if _is_array_with_matrix(image):
        return _tensor_with_matrix(*image) if _is_tensor(image[0]) else _with_matrix(np.asarray(image[0]), image[1])
    if _is_nibabel(image):
        if image.affine is None:
            raise ImageError("expected a nibabel image with an affine, got one without")
        return _with_matrix(_values_of(image.dataobj), image.affine)
    if _is_simpleitk(image):
        return volume_of_itk_image(image)
    raise ImageError(
        "expected a Volume, a nibabel or SimpleITK image, or a pair of an array and its world_from_voxel matrix, "
        f"got {type(image).__name__}"
    )


def _is_array_with_matrix(image: Any) -> bool:
    return isinstance(image, tuple) and len(image) == 2


def _is_nibabel(image: Any) -> bool:
    return hasattr(image, "dataobj") and hasattr(image, "affine")


def _is_simpleitk(image: Any) -> bool:
    return hasattr(image, "TransformIndexToPhysicalPoint")


def _is_tensor(image: Any) -> bool:
    """Return whether an object is a torch tensor: False as long as torch has not been imported."""
    return "torch" in sys.modules and isinstance(image, sys.modules["torch"].Tensor)


def _tensor_with_matrix(data: Any, world_from_voxel: Any) -> Volume:
    """Return a volume of a tensor on the tensor's device, in a dtype that torch can calculate with."""
    import torch

    data = data.detach()
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3 or data.is_complex() or data.is_quantized or data.layout is not torch.strided:
        raise ImageError(f"expected real numbers on three axes, got {data.dtype} of shape {tuple(data.shape)}")
    if data.dtype in (torch.uint16, torch.uint32, torch.uint64):
        data = data.to(torch.int32)
    elif data.dtype in (torch.float64, torch.bfloat16):
        data = data.float()
    matrix = world_from_voxel.cpu() if _is_tensor(world_from_voxel) else world_from_voxel
    return Volume(data, Grid(tuple(data.shape), _numbers(matrix)))


def _numbers(matrix: Any) -> np.ndarray:
    """Return a matrix as float64.

    Raises
    ------
    ImageError
        If it holds anything but numbers.
    """
    try:
        return np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ImageError(
            f"expected a 4x4 world_from_voxel matrix beside an array, got {type(matrix).__name__}; give sixteen numbers"
        ) from error


def _values_of(dataobj: Any) -> np.ndarray:
    """Return the voxels of a nibabel image: as stored if they are not scaled, else in float32."""
    if (getattr(dataobj, "slope", 1), getattr(dataobj, "inter", 0)) != (1, 0):
        return np.asarray(dataobj, dtype=np.float32)
    return np.asarray(dataobj)


def _with_matrix(data: np.ndarray, world_from_voxel: Any) -> Volume:
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    if data.ndim != 3 or data.dtype.kind not in "biuf":
        raise ImageError(f"expected real numbers on three axes, got {data.dtype} of shape {data.shape}")
    return Volume(
        data.astype(np.float32) if data.dtype == np.float64 else data, Grid(data.shape, _numbers(world_from_voxel))
    )

"""Liver masks: one label of a label map as bool on the grid of its CT, and a check against the CT."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hepareg.arrays import VoxelArray, is_bool, slowest_first
from hepareg.errors import MaskError
from hepareg.preprocessing.axis_order import reorder
from hepareg.preprocessing.mask_placement import place_mask
from hepareg.volume import Volume

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_liver_mask", "holds_probabilities", "labels_present", "only_label", "prepare_mask"]

MAX_LABELS = 200
"""Largest number of distinct values in a label map. Label maps of organs have up to about 120; a CT has thousands, and
256 if it was windowed to a picture."""
LISTED_LABELS = 20
"""Number of labels that a message lists."""
LABEL_OPTIONS = ("mask_label", "moving_mask_label", "fixed_mask_label")
MIN_SOFT_VALUES = 30
"""More distinct values than this, with 255 in most voxels above 0, are the soft edges of a mask of 0 and 255."""
LIVER_HU = (-100.0, 400.0)
"""Accepted median of a liver. Fatty livers without contrast medium have down to -40 HU, livers with contrast medium or
iron up to 200. Lung, air and compact bone lie outside: often the sign of a wrong label or of another image's mask."""


def prepare_mask(volume: Volume, *, like: Volume, label: int | None = None, name: str = "mask") -> Volume:
    """Return one label of a mask or label map as a bool mask on the grid of its image.

    A mask whose voxel centres are those of the image, in another order or sense of the axes, is
    reordered. On any other grid of the same world it is sampled with nearest neighbours, and probabilities are
    cut at one half; the provenance has a note of each.

    Parameters
    ----------
    volume
        Mask or label map (whole numbers, 0 is the background), or probabilities: fractions from 0 to 1, or
        whole numbers up to 255 most of which are 0 or 255.
    like
        The image that the mask belongs to.
    label
        Value of the liver; None if the mask has a single value.
    name
        Name of the mask in a message.

    Returns
    -------
    Volume
        bool on ``like.grid``, in the memory order of the mask if it was not resampled; the same array if it is one
        already.

    Raises
    ------
    MaskError
        If the mask is empty, holds several labels and ``label`` is None, lacks ``label``, looks like a CT, or
        cannot belong to the image: see `hepareg.preprocessing.mask_placement.place_mask`.
    """
    if is_bool(volume.data) and volume.grid.equals(like.grid) and label in (None, 1):
        same = Volume(volume.data, like.grid, like.phase, volume.provenance)  # with a profile of its own
        if same.profile.total:
            return same
    volume = _cut_at_half(volume, name)
    labels = labels_present(volume.data, name=name)
    chosen = only_label(labels, name=name) if label is None or not labels else label
    if label is not None and label not in labels:
        raise MaskError(
            f"expected label {label} in the {name}, got {_listed(labels)}; choose one of these", options=LABEL_OPTIONS
        )
    alone = labels == [1]
    placed = reorder(volume, onto=like.grid)
    if placed is not None:
        return Volume(_selected(placed.data, chosen, alone=alone), like.grid, like.phase, volume.provenance)
    data = _selected(volume.data, chosen, alone=alone)
    if isinstance(data, np.ndarray):
        return place_mask(Volume(data, volume.grid, like.phase, volume.provenance), onto=like.grid, name=name)
    return _place_tensor(Volume(data, volume.grid, like.phase, volume.provenance), like, name)


def only_label(labels: list[int], *, name: str = "mask") -> int:
    """Return the one label of a mask.

    Raises
    ------
    MaskError
        If there is none, or more than one.
    """
    if not labels:
        raise MaskError(f"expected a {name} with voxels in it, got an empty one; check the file")
    if len(labels) > 1:
        raise MaskError(
            f"expected a {name} with one label, got {_listed(labels)}: choose the label of the liver",
            options=LABEL_OPTIONS,
        )
    return labels[0]


def _place_tensor(mask: Volume, like: Volume, name: str) -> Volume:
    """Place a mask whose voxels are a tensor (`place_mask`, on the CPU), and return it on the tensor's device."""
    import torch  # imported already, since the caller has a tensor

    tensor: Any = mask.data
    placed = place_mask(replace(mask, data=tensor.cpu().numpy()), onto=like.grid, name=name)
    on_device: Any = torch.from_numpy(placed.data).to(tensor.device)
    return replace(placed, data=on_device)


def _cut_at_half(volume: Volume, name: str) -> Volume:
    """Return probabilities as a mask of the voxels of at least one half, with a note; any other volume unchanged."""
    data = volume.data
    if not isinstance(data, np.ndarray) or not holds_probabilities(data):
        return volume
    threshold = 0.5 if data.dtype.kind == "f" else 127.5
    return Volume(data >= threshold, volume.grid, volume.phase, volume.provenance).with_notes(
        f"the {name} holds probabilities: voxels of at least one half were taken"
    )


def holds_probabilities(data: np.ndarray) -> bool:
    """Return whether voxels are probabilities: fractions from 0 to 1, or whole numbers from 0 to 255 of a soft mask."""
    if data.dtype.kind == "f":
        return 0 < float(data.max()) <= 1 and float(data.min()) >= 0 and bool(((data > 0) & (data < 1)).any())
    return data.dtype.kind in "iu" and _is_soft_byte_mask(data)


def _is_soft_byte_mask(data: VoxelArray) -> bool:
    """Return whether whole numbers from 0 to 255 are a mask with soft edges: many values, but nearly all 0 or 255."""
    if data.max() != 255 or data.min() < 0:
        return False
    counts = np.bincount(np.ascontiguousarray(data).ravel(order="K").astype(np.uint8), minlength=256)
    inside = counts[1:].sum()
    return bool((counts > 0).sum() > MIN_SOFT_VALUES and counts[255] > 0.5 * inside)


def check_liver_mask(mask: Volume, *, like: Volume, name: str = "mask") -> None:
    """Check that the median HU of the image inside a mask is possible for a liver, from every third voxel per axis.

    Raises
    ------
    MaskError
        If the median is outside `LIVER_HU`, as in lung, air or bone.
    """
    box = mask.profile.box
    thin = tuple(slice(min(1, (n - 1) // 2), None, 3) for n in box[1] - box[0])
    values = like.crop(*box).data[thin][mask.crop(*box).data[thin] != 0]
    if not values.size:  # too few voxels for a median
        return
    median = float(np.median(values))
    if not LIVER_HU[0] <= median <= LIVER_HU[1]:
        raise MaskError(
            f"expected a liver under the {name}, got a median of {median:.0f} HU there; "
            "check the label, and that mask and image belong together"
        )


def labels_present(data: VoxelArray, *, name: str = "mask") -> list[int]:
    """Return the labels in an array, its values other than 0, in ascending order.

    Raises
    ------
    MaskError
        If the values cannot be labels: negative, fractional, above 65535, or more than `MAX_LABELS`.
    """
    if not isinstance(data, np.ndarray):
        return _labels_on_device(data, name)
    if data.dtype == np.bool_:
        return [1] if data.any() else []
    highest = data.max()
    _check_range(0 if data.dtype.kind == "u" else data.min(), highest, name)
    if data.dtype.kind in "iu" and highest <= 1:  # a plain mask, which needs no counting
        return [1] if highest else []
    counts = np.zeros(int(highest) + 1, np.int64)
    for k in range(data.shape[2]):  # by slices, for bincount converts every voxel to 8 bytes
        values = data[:, :, k].ravel(order="K")
        whole = values.astype(np.uint16)
        if data.dtype.kind == "f" and (whole != values).any():
            raise _not_labels(name, "fractions")
        counts += np.bincount(whole, minlength=counts.size)
    return _few([int(n) for n in np.flatnonzero(counts) if n], name)


def _labels_on_device(data: "Tensor", name: str) -> list[int]:
    """Return the labels in a tensor, as `labels_present` does for an array."""
    if is_bool(data):
        return [1] if bool(data.any()) else []
    in_memory = data.permute(slowest_first(data.stride()))  # other orders are copied by torch
    lowest, highest = (bound.item() for bound in in_memory.aminmax())
    _check_range(lowest, highest, name)
    if data.is_floating_point():
        if bool((data != data.round()).any()):
            raise _not_labels(name, "fractions")
    elif highest <= 1:
        return [1] if highest else []
    return _few([int(n) for n in data.unique().tolist() if n], name)


def _check_range(lowest: float, highest: float, name: str) -> None:
    if not (lowest >= 0 and highest <= 65535):  # NaN fails both
        raise _not_labels(name, f"values from {lowest} to {highest}")


def _few(labels: list[int], name: str) -> list[int]:
    if len(labels) > MAX_LABELS:
        raise _not_labels(name, f"{len(labels)} different values")
    return labels


def _selected(data: VoxelArray, label: int, *, alone: bool) -> VoxelArray:
    """Return the mask of a label, bool in the memory order of ``data``.

    ``alone`` says that ``data`` holds 0 and 1 alone; the mask is a view of the bytes then.
    """
    if not isinstance(data, np.ndarray):
        return _selected_on_device(data, label, alone=alone)
    if alone and data.dtype in (np.bool_, np.uint8, np.int8):
        return data.view(np.bool_)
    return data == label


def _selected_on_device(data: "Tensor", label: int, *, alone: bool) -> "Tensor":
    """Return the mask of a label in a tensor, as `_selected` does for an array."""
    import torch  # imported already, since there is a tensor

    if alone and data.dtype in (torch.bool, torch.uint8, torch.int8):
        return data.view(torch.bool)
    return data == label


def _not_labels(name: str, got: str) -> MaskError:
    return MaskError(f"expected a mask or label map as the {name}, got {got}: was an image given in its place?")


def _listed(labels: list[int]) -> str:
    listed = ", ".join(map(str, labels[:LISTED_LABELS]))
    more = f" and {len(labels) - LISTED_LABELS} more" if len(labels) > LISTED_LABELS else ""
    return f"label{'s' if len(labels) > 1 else ''} {listed}{more}"

"""Images in any form become checked volumes on the device, and arrays again."""

import numpy as np
import pytest
import torch

from hepareg.errors import ImageError
from hepareg.registration.images import move_to_host, prepare_images
from hepareg.voxel_tensor import voxel_array, voxel_tensor

CPU = torch.device("cpu")


def test_arrays_and_tensors_become_volumes(pair):
    images = pair[0]
    moving, fixed, mask = images["moving"], images["fixed"], images["fixed_mask"]
    as_array = moving.data, moving.grid.world_from_voxel
    as_tensor = voxel_tensor(fixed.data), fixed.grid.world_from_voxel
    found = prepare_images(as_array, as_tensor, None, mask, device=CPU)
    assert found.moving_mask is None
    assert np.array_equal(found.moving.data, moving.data)
    assert found.fixed.grid.same_as(fixed.grid, tolerance_vox=1e-9)
    host = move_to_host(found)
    assert all(isinstance(volume.data, np.ndarray) for volume in (host.moving, host.fixed, host.fixed_mask))
    assert np.array_equal(host.fixed_mask.data > 0, mask.data)


@pytest.mark.parametrize("side", ["moving", "fixed"])
def test_the_message_names_the_image_that_is_not_finite(pair, side):
    images = {name: pair[0][name] for name in ("moving", "fixed")}
    data = images[side].data.astype(np.float32)
    data[1, 2, 3] = np.nan
    images[side] = images[side].with_data(data)
    with pytest.raises(ImageError, match=f"{side} image"):
        prepare_images(**images, moving_mask=None, fixed_mask=None, device=CPU)


def test_notes_on_images_and_masks_reach_the_images_of_the_run(pair):
    """A cropped mask, probabilities and a reader's remark, as they come from memory."""
    images = pair[0]
    mask = images["fixed_mask"]
    moving = images["moving"].with_notes("sform and qform are up to 0.5 mm apart")
    cropped = images["moving_mask"].crop([1, 2, 3], images["moving_mask"].shape)
    soft = np.where(mask.data, np.float32(0.75), np.float32(0.25))
    found = prepare_images(moving, images["fixed"], cropped, mask.with_data(soft), device=CPU)
    assert [note.split(":")[0] for note in found.reader_notes] == [
        "moving image",
        "the moving mask lies on another grid than its image",
        "the fixed mask holds probabilities",
    ]
    assert np.array_equal(voxel_array(found.fixed_mask.data) > 0, mask.data)
    assert prepare_images(**images, device=CPU).reader_notes == ()

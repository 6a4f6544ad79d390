"""Registering (a, b) and (b, a) with the mask of one image goes through the same code and gives inverse poses."""

from dataclasses import replace

import numpy as np
import pytest

from hepareg import RigidTransform, Volume
from hepareg.geometry import Grid
from hepareg.registration import register

THICK = 3
"""Slices averaged to one: the image with these is the template of every level, whichever role it has."""


def average_slices(volume):
    """Return a volume with `THICK` slices averaged to one; a mask's voxel is the majority of the voxels averaged."""
    count = volume.shape[2] // THICK
    data = volume.data[..., : count * THICK].reshape(*volume.shape[:2], count, THICK).mean(axis=-1)
    matrix = volume.grid.world_from_voxel @ np.diag([1.0, 1.0, THICK, 1.0])
    matrix[:3, 3] = volume.grid.world_points(np.array([0.0, 0.0, (THICK - 1) / 2]))
    data = data > 0.5 if volume.data.dtype == bool else data.astype(np.float32)
    return Volume(data, Grid(data.shape, matrix))


def both_ways(a, b, *, a_mask=None, b_mask=None, start=None):
    """Return the results for b onto a and for a onto b; the mask and the start belong to the images in both."""
    forward = register(moving=b, fixed=a, moving_mask=b_mask, fixed_mask=a_mask, start=start)
    inverse = None if start is None else start.inverse()
    backward = register(moving=a, fixed=b, moving_mask=a_mask, fixed_mask=b_mask, start=inverse)
    return forward, backward


@pytest.mark.parametrize("masked", ["a", "b"])
@pytest.mark.parametrize("thick", ["a", "b"])
def test_the_images_decide_and_not_their_roles(pair, masked, thick):
    """One image has thick slices and is the template both times, so that the two runs compute the same numbers."""
    images, truth = pair
    a, b, a_mask, b_mask = (images[name] for name in ("fixed", "moving", "fixed_mask", "moving_mask"))
    if thick == "a":
        a, a_mask = average_slices(a), average_slices(a_mask)
    else:
        b, b_mask = average_slices(b), average_slices(b_mask)
    mask = {"a_mask": a_mask} if masked == "a" else {"b_mask": b_mask}
    start = RigidTransform.from_vectors([0.0, 0.02, 0.0], [3.0, 0.0, -4.0]) @ truth
    forward, backward = both_ways(a, b, **mask, start=RigidTransform(start.matrix))
    # inverses of float64 matrices with translations of a few hundred mm
    np.testing.assert_allclose((forward.transform @ backward.transform).matrix, np.eye(4), atol=1e-10)
    np.testing.assert_allclose((forward.start @ backward.start).matrix, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(forward.transform.apply(forward.centre_mm), backward.centre_mm, atol=1e-9)
    assert forward.start_name == backward.start_name
    ours, theirs = forward.verdict.left_by_rigid, backward.verdict.left_by_rigid
    assert (ours.mean_mm, ours.p95_mm, ours.max_mm) == (theirs.mean_mm, theirs.p95_mm, theirs.max_mm)
    # The place is a point of the user's fixed world, and the offset is in the moving world: both have changed.
    assert replace(forward.verdict, left_by_rigid=None) == replace(backward.verdict, left_by_rigid=None)


@pytest.mark.parametrize("masked", ["a_mask", "b_mask"])
def test_images_alike(pair, liver_tre, masked):
    """With slices alike, the user's fixed image is the template: the two runs interpolate different images."""
    images, _ = pair
    mask = {masked: images["fixed_mask" if masked == "a_mask" else "moving_mask"]}
    forward, backward = both_ways(images["fixed"], images["moving"], **mask)
    assert forward.start_name == backward.start_name
    # each is within a tenth of its 4 mm voxels of the truth
    for transform in (forward.transform, backward.transform.inverse()):
        assert liver_tre(transform) < 0.6
    apart = forward.transform @ backward.transform
    corners = images["fixed_mask"].grid.corners_mm
    assert np.abs(apart.apply(corners) - corners).max() < 1.0

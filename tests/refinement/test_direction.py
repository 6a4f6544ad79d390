"""A direction inverts poses, exchanges images and carries points, or does nothing at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepareg.refinement.direction import Direction
from hepareg.transforms import RigidTransform

VECTORS = st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3)
POINTS = np.array([[10.0, -20.0, 30.0], [0.0, 5.0, -60.0]])


@given(exchanged=st.booleans(), rotation=VECTORS, shift=VECTORS)
def test_there_and_back(exchanged, rotation, shift):
    direction, pose = Direction(exchanged), RigidTransform.from_vectors(rotation, shift)
    inside = direction.to_solver(pose)
    assert np.allclose(direction.to_user(inside).matrix, pose.matrix, atol=1e-12)
    assert direction.reverse().reverse() == direction
    carried = direction.carry(POINTS, pose)
    # on the other side, the pose in that side's roles takes the points back
    assert np.allclose(direction.carry(carried, inside), POINTS, atol=1e-9)


def test_nothing_exchanged_changes_nothing():
    pose = RigidTransform.from_vectors([0.1, 0.2, 0.3], [1.0, 2.0, 3.0])
    direction = Direction()
    assert direction.to_solver(pose) is direction.to_user(pose) is pose
    assert direction.order("fixed", "moving") == ("fixed", "moving")
    assert direction.carry(POINTS, pose) is POINTS


def test_exchanged_images_have_the_inverse_pose():
    pose = RigidTransform.from_vectors([0.1, 0.2, 0.3], [1.0, 2.0, 3.0])
    direction = Direction(exchanged=True)
    assert direction.to_solver(pose).matrix == pytest.approx(np.linalg.inv(pose.matrix))
    assert direction.order("fixed", "moving") == ("moving", "fixed")
    assert direction.carry(POINTS, pose) == pytest.approx(pose.apply(POINTS))

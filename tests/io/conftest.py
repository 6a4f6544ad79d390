"""Grids of every kind that a file may have, and a shared rigid transform."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.geometry.rotations import homogeneous, rotation_from_vector
from hepareg.transforms import RigidTransform

OBLIQUE = rotation_from_vector([0.3, -0.2, 0.4])


def oblique(signs, spacing, origin=(-150.3, 120.7, -410.2)):
    return homogeneous(OBLIQUE @ np.diag(np.array(signs) * spacing), origin)


MATRICES = {
    "ras": np.array([[0.8, 0, 0, -160.5], [0, 0.8, 0, -180.25], [0, 0, 2.5, -640.0], [0, 0, 0, 1]]),
    "lps": np.array([[-0.8, 0, 0, 160.5], [0, -0.8, 0, 180.25], [0, 0, 2.5, -640.0], [0, 0, 0, 1]]),
    "las": np.array([[-0.7, 0, 0, 160.5], [0, 0.7, 0, -180.25], [0, 0, 5.0, -640.0], [0, 0, 0, 1]]),
    "permuted": np.array([[0, 0, 2.0, -50], [0.9, 0, 0, -180.25], [0, -1.1, 0, 70.0], [0, 0, 0, 1]]),
    "oblique": oblique([1, 1, 1], [0.7, 0.9, 3.0]),
    "oblique_left": oblique([1, -1, 1], [0.7, 0.9, 3.0]),
    "oblique_lps": oblique([-1, -1, 1], [0.7, 0.9, 3.0]),
}
SHAPE = (9, 7, 5)


@pytest.fixture(params=MATRICES, ids=str)
def grid(request):
    return Grid(SHAPE, MATRICES[request.param])


@pytest.fixture
def grids():
    return {name: Grid(SHAPE, matrix) for name, matrix in MATRICES.items()}


@pytest.fixture
def moving_from_fixed():
    return RigidTransform.from_vectors([0.1, -0.2, 0.15], [12.0, -7.5, 30.0], centre_mm=[40.0, -20.0, -500.0])


@pytest.fixture
def landmarks():
    """Five (5, 3) world points in the liver's neighbourhood, RAS mm."""
    return np.array([[10.0, 20, -500], [80, -30, -550], [-20, 60, -470], [120, 5, -620], [55, 44, -530]])


@pytest.fixture(params=MATRICES, ids=str)
def other_grid(request):
    """A grid for the other image: moved, larger, of every kind as well."""
    matrix = MATRICES[request.param].copy()
    matrix[:3, :3] *= 1.3
    matrix[:3, 3] += [20, -35, 12]
    return Grid((11, 6, 8), matrix)

"""Every measure on every problem of the shared list that it is made for, and in `register` on a phantom pair."""

import numpy as np
import pytest

from hepareg.refinement.measures import MEASURES
from hepareg.refinement.settings import RefinementSettings
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.solution import Status
from hepareg.registration import RegisterSettings, register
from hepareg.simulation import (
    AcquisitionSettings,
    MotionSettings,
    PairSettings,
    PhantomSettings,
    simulate_pair,
)
from hepareg.transforms import RigidTransform

SETTINGS = GaussNewtonSettings(max_iterations=15, tolerance_mm=0.01, max_step_mm=8.0)

LEVELS = RefinementSettings().levels[::2]
"""The default levels but the middle one, which is the finest once more on voxels of 4 mm."""

NEEDS_ONE_CONTRAST = {"mse", "ncc"}
"""Both want bright on bright; an inverted image is their worst case, by definition."""

PHANTOM_TOLERANCE_MM = {
    # Voxels of 3 mm or so, and 12 HU of noise: a tenth of a voxel is what an edge-based residual reaches.
    "local_affine": 0.4,
    # One intensity for each tissue is what contrast changes most: half a voxel of pull is allowed.
    "mse": 1.5,
    # Descriptors over +-6 mm on voxels of 3 mm are blurred themselves.
    "mind": 0.6,
    # Gradients over two voxels, noise in every direction.
    "ngf": 0.6,
    # One linear map for all tissues does not hold between the phases.
    "ncc": 1.0,
    "local_ncc": 0.6,
    # The joint histogram of one liver is sparse: kinks of the order of a tenth of a voxel.
    "nmi": 0.6,
    "mi": 0.6,
}


@pytest.mark.parametrize("name", MEASURES)
def test_shared_problems(name, problem):
    if problem.contrast < 0 and name in NEEDS_ONE_CONTRAST:
        pytest.skip("wants equal contrast by definition")
    images = problem.images()
    # the smooth organ's range is wider than tissue's: see `organ`
    settings = {} if name == "local_affine" else {"window_hu": (-2000.0, 2000.0)}
    if name == "ngf" and problem.contrast < 0:
        settings["edge"] = 0.1  # edges below it in strength have to agree in sign as well
    measure = MEASURES[name](**settings)
    start = RigidTransform.identity()
    (found,) = measure.minimise(images, [start], settings=SETTINGS)
    assert found.status in (Status.CONVERGED, Status.ITERATION_LIMIT, Status.STALLED)
    # robust weights and the ridge shift the optimum a little off that of the plain objective
    assert found.objective_history[-1] <= found.objective_history[0] + 0.02 * abs(found.objective_history[0])
    # Voxels are 3 to 4 mm: a fifth of a voxel, for descriptors over three voxels that are interpolated twice.
    assert problem.error_mm(found.transform) < 0.8


@pytest.mark.parametrize("name", MEASURES)
def test_no_overlap_is_a_status(name, oblique_problem):
    start = RigidTransform.from_vectors([0, 0, 0], [900, 0, 0])
    (found,) = MEASURES[name]().minimise(oblique_problem.images(), [start], settings=SETTINGS)
    assert found.status is Status.NO_OVERLAP
    assert np.array_equal(found.transform.matrix, start.matrix)


def test_names_are_those_of_the_classes():
    assert all(MEASURES[name]().name == name for name in MEASURES)


@pytest.fixture(scope="module")
def pair():
    return simulate_pair(
        settings=PairSettings(
            phantom=PhantomSettings(shape=(88, 76, 56), spacing_mm=(4.2, 4.2, 4.2)),
            motion=MotionSettings(translation_mm=(10, 10), rotation_deg=(4, 4)),
            moving=AcquisitionSettings(spacing_mm=(3.5, 3.5, 4.0), oblique_deg=5, flips=(True, False, False)),
        ),
        seed=1,
    )


@pytest.mark.parametrize("name", MEASURES)
def test_register_with_each_measure(name, pair):
    result = register(
        moving=pair.moving,
        fixed=pair.fixed,
        moving_mask=pair.moving_liver,
        fixed_mask=pair.fixed_liver,
        settings=RegisterSettings(refinement=RefinementSettings(levels=LEVELS, measure=MEASURES[name]())),
    )
    points = pair.fixed_liver.grid.world_points(np.argwhere(pair.fixed_liver.data)[::20])
    error = np.linalg.norm(result.transform.apply(points) - pair.truth.apply(points), axis=1).mean()
    assert error < PHANTOM_TOLERANCE_MM[name]
    assert result.settings["refinement"]["measure"]["name"] == name

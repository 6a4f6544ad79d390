import numpy as np
import pytest

from hepareg.data.case_pair import CasePair, prepare_pair
from hepareg.data.sources import Sources
from hepareg.geometry import Grid
from hepareg.networks.input_region import RegionSettings
from hepareg.training.settings import TrainingSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

SHAPE, SPACING_MM = (20, 20, 20), 6.0
CENTRE = np.array([70.0, 70.0, 70.0])


def ellipsoid_pair(seed):
    """An ellipsoid with a bright ball inside, moved by up to some mm and degrees."""
    rng = np.random.default_rng(seed)
    grid = Grid((28, 28, 28), np.diag([5.0, 5.0, 5.0, 1.0]))
    truth = RigidTransform.from_vectors(rng.normal(size=3) * 0.12, rng.normal(size=3) * 4, centre_mm=CENTRE)
    points = grid.world_points(np.moveaxis(np.indices(grid.shape), 0, -1))

    def draw(points):
        liver = np.linalg.norm((points - CENTRE) / [1.2, 1.0, 0.8], axis=-1) < 40
        vessel = np.linalg.norm(points - CENTRE - [15, 5, -5], axis=-1) < 12
        return liver, np.where(vessel, 200, np.where(liver, 80, -80)).astype(np.int16)

    moving_liver, moving = draw(truth.inverse().apply(points))
    fixed_liver, fixed = draw(points)
    pair = CasePair(
        case=f"case{seed}",
        moving=Volume(moving, grid),
        fixed=Volume(fixed, grid),
        moving_mask=Volume(moving_liver, grid),
        fixed_mask=Volume(fixed_liver, grid),
        moving_from_fixed=truth,
    )
    return prepare_pair(pair, region=RegionSettings(SHAPE, SPACING_MM), margin_mm=16.0)


@pytest.fixture(scope="session")
def sources():
    """Six training and two validation pairs in memory."""
    pairs = [ellipsoid_pair(seed) for seed in range(8)]
    return Sources(pairs.__getitem__, 6, lambda index: pairs[6 + index], 2)


@pytest.fixture
def settings_with():
    """Return settings of a run of seconds, changed by nested dictionaries."""

    def make(**changes):
        tree = {
            "data": {"region": {"shape_vox": SHAPE, "spacing_mm": SPACING_MM}, "batch_size": 2},
            "network": SMALL_NETWORK,
            "loss": {"similarity": {"mse": 1.0}},
            "optimiser": {"learning_rate": 1e-3},
            "run": {"epochs": 2, "device": "cpu", "threads": 1},
            "tracking": {"overlays": 0},
        }
        for section, values in changes.items():
            tree[section] = {**tree.get(section, {}), **values} if isinstance(values, dict) else values
        return TrainingSettings.model_validate(tree)

    return make


SMALL_NETWORK = {"efficient": {"channels": [4, 8]}, "rigid": {"width": 8, "hidden": 16}}

import numpy as np
import pytest

from hepareg.data.case_pair import CasePair
from hepareg.geometry import Grid
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume


def ellipsoid(points, centre):
    return np.linalg.norm((points - centre) / [1.3, 1.0, 0.8], axis=-1) < 40


@pytest.fixture
def oblique_pair():
    """A pair whose fixed grid is LPS-ordered and anisotropic and whose moving grid is oblique, with its truth."""
    centre = np.array([-60.0, -150.0, 900.0])
    fixed_grid = Grid((70, 60, 30), [[-2.5, 0, 0, 30], [0, -2.5, 0, -70], [0, 0, 5.0, 830], [0, 0, 0, 1]])
    tilt = RigidTransform.from_vectors([0.0, 0.2, 0.1], [0.0, 0.0, 0.0], centre_mm=centre).matrix
    moving_grid = Grid((60, 60, 60), tilt @ [[3, 0, 0, -150], [0, 3, 0, -240], [0, 0, 3, 812], [0, 0, 0, 1]])
    truth = RigidTransform.from_vectors([0.05, -0.02, 0.04], [6.0, -3.0, 9.0], centre_mm=centre)
    voxels = [np.moveaxis(np.indices(grid.shape), 0, -1) for grid in (moving_grid, fixed_grid)]
    moving_liver = ellipsoid(truth.inverse().apply(moving_grid.world_points(voxels[0])), centre)
    fixed_liver = ellipsoid(fixed_grid.world_points(voxels[1]), centre)
    return CasePair(
        case="case1",
        moving=Volume(np.where(moving_liver, 60, -90).astype(np.int16), moving_grid),
        fixed=Volume(np.where(fixed_liver, 110, -90).astype(np.int16), fixed_grid),
        moving_mask=Volume(moving_liver, moving_grid),
        fixed_mask=Volume(fixed_liver, fixed_grid),
        moving_from_fixed=truth,
    )

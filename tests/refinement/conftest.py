"""The shared problem list: every solver and measure is run on each of these problems."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.geometry.rotations import about_centre, rotation_from_vector
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import CellSettings, cut_cells
from hepareg.transforms import RigidTransform

CENTRE_MM = np.array([20.0, -35.0, 12.0])


def grid_about(shape, spacing_mm, turn_rad=(0.0, 0.0, 0.0), *, mirrored=False):
    """Return a grid whose middle voxel lies at `CENTRE_MM`."""
    linear = rotation_from_vector(turn_rad) @ np.diag(spacing_mm)
    if mirrored:
        linear = linear * [-1, 1, 1]
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = CENTRE_MM - linear @ ((np.array(shape) - 1) / 2)
    return Grid(shape, matrix)


def organ(points_mm, *, contrast=1.0):
    """Intensities of a smooth organ with blobs: an analytic function of the world, so poses have an exact answer.

    Smooth over several voxels, so that sampling loses nothing; in return its range is wider than
    tissue's, so that cells of a few voxels vary as much as they do across a real, sharp edge.
    """
    rng = np.random.default_rng(4)
    x = points_mm - CENTRE_MM
    value = 400.0 * np.exp(-0.5 * ((x / [45.0, 38.0, 33.0]) ** 2).sum(-1) ** 2)
    for centre, size, height in zip(
        rng.uniform(-32, 32, (28, 3)), rng.uniform(7, 12, 28), rng.choice([-240.0, 320.0], 28), strict=True
    ):
        value = value + height * np.exp(-0.5 * ((x - centre) ** 2).sum(-1) / size**2)
    return contrast * value


def voxel_points(grid):
    return grid.world_points(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))


def image_on(grid, pose=None, *, contrast=1.0):
    """Return the organ on a grid; a pose moving_from_fixed moves it."""
    points = voxel_points(grid)
    if pose is not None:
        points = pose.inverse().apply(points)
    return GridImage(torch.from_numpy(organ(points, contrast=contrast).astype(np.float32)), grid)


@dataclass(frozen=True)
class Problem:
    """A pair on two grids with a known pose."""

    name: str
    fixed: Grid
    moving: Grid
    truth: RigidTransform
    contrast: float = 1.0

    def images(self):
        """Return the `LevelImages` of the problem."""
        template, sampled = image_on(self.fixed), image_on(self.moving, self.truth, contrast=self.contrast)
        cells = cut_cells(
            template, distance=self.distance(), margin_mm=4.0, centre_mm=CENTRE_MM, settings=CellSettings(3, 30_000)
        )
        return LevelImages(template, sampled, sampled_features(sampled), cells, 4.0)

    def distance(self):
        """Return the distance in mm to the organ's outline, on the fixed grid."""
        radius = np.linalg.norm((voxel_points(self.fixed) - CENTRE_MM) / [48.0, 42.0, 36.0], axis=-1)
        return GridImage(torch.from_numpy(np.maximum(radius - 1, 0).astype(np.float32) * 40), self.fixed)

    def error_mm(self, transform):
        """Return the mean error over the organ."""
        points = CENTRE_MM + 30 * np.vstack([np.eye(3), -np.eye(3), np.zeros(3)])
        return float(np.linalg.norm(transform.apply(points) - self.truth.apply(points), axis=1).mean())


def pose(turn_rad, shift_mm):
    return RigidTransform(about_centre(rotation_from_vector(turn_rad), shift_mm, CENTRE_MM))


ISOTROPIC = grid_about((40, 36, 32), (3.0, 3.0, 3.0))
OBLIQUE = grid_about((46, 40, 26), (2.6, 2.9, 4.0), (0.2, -0.15, 0.3))
LEFT_HANDED = grid_about((44, 42, 28), (3.1, 2.7, 3.7), (-0.1, 0.25, 0.1), mirrored=True)

PROBLEMS = [
    Problem("aligned", ISOTROPIC, ISOTROPIC, RigidTransform.identity()),
    Problem("shift", ISOTROPIC, OBLIQUE, pose((0, 0, 0), (3.0, -2.0, 2.5))),
    Problem("oblique_anisotropic", OBLIQUE, LEFT_HANDED, pose((0.05, -0.04, 0.06), (2.0, 3.0, -2.0))),
    Problem("left_handed", LEFT_HANDED, OBLIQUE, pose((-0.06, 0.03, 0.02), (-3.0, 1.0, 3.0))),
    Problem("contrast_changes_sign", OBLIQUE, LEFT_HANDED, pose((0.03, 0.03, -0.05), (2.0, -2.0, 2.0)), contrast=-0.7),
]


@pytest.fixture(params=PROBLEMS, ids=lambda problem: problem.name)
def problem(request):
    """Each problem of the shared list in turn."""
    return request.param


@pytest.fixture(scope="session")
def oblique_problem():
    """The problem with unlike, oblique, anisotropic grids, one of them left-handed."""
    return PROBLEMS[2]


@pytest.fixture(scope="session")
def organ_values():
    """Maps (N, 3) points of the fixed world to the organ's intensities."""
    return organ


@pytest.fixture(scope="session")
def on_device():
    """Return what moves the tensors of a dataclass to the CUDA device, where there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def moved(data):
        return replace(data, **{k: v.to(device) for k, v in vars(data).items() if isinstance(v, torch.Tensor)})

    return moved

"""Cysts in a moving image lie where the scan's truth says, for every deformation and every fault."""

import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.simulation import DEFORMATIONS, FAULTS, AcquisitionSettings, ContrastPhase, FaultSettings, MotionSettings
from hepareg.simulation.acquisition.faults import draw_scan
from hepareg.simulation.acquisition.scanner import acquisition_grid
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.motion.motion import draw_motion
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.pairs.imaging import FLUID_HU, Imaging

GRID = Grid((84, 70, 72), np.array([[2.5, 0, 0, -100], [0, 2.5, 0, -80], [0, 0, 2.5, 10], [0, 0, 0, 1]]))
CYSTS = GRID.world_points(
    [[20, 35, 36], [29, 42, 26], [29, 28, 47], [38, 35, 54], [42, 48, 36], [48, 30, 20], [56, 35, 45], [62, 40, 34]]
)
CYST_MM = 7.0
QUIET = AcquisitionSettings(shape=(100, 84, 88), spacing_mm=(2.4, 2.4, 2.4), flips=(True, False, True), noise_hu=0.0)


@pytest.fixture(scope="module")
def anatomy():
    """A lying egg with eight cysts, in a body with a wall on all sides."""
    i, j, k = np.indices(GRID.shape)
    points = GRID.world_points(np.stack([i, j, k], -1))
    liver = ((i - 41) / 28) ** 2 + ((j - 35) / 22) ** 2 + ((k - 36) / 27) ** 2 < 1
    body = ((i - 42) / 40) ** 2 + ((j - 35) / 33) ** 2 < 1
    labels = np.where(liver, Label.LIVER, np.where(body, Label.FAT, Label.OUTSIDE)).astype(np.uint8)
    for centre in CYSTS:
        labels[np.linalg.norm(points - centre, axis=-1) < CYST_MM] = Label.CYST
    return Anatomy(GRID, labels, liver, ~body, (), ())


@pytest.fixture(scope="module")
def space(anatomy):
    return OrganSpace(anatomy.liver, GRID)


def moved(anatomy, space, settings, fault):
    """Return the scan, the moving image and its mask."""
    rng = np.random.default_rng(4)
    motion = draw_motion(settings, space=space, in_the_way=anatomy.fraction_static, rng=rng)
    points = motion.forward(space.points)
    grid = acquisition_grid(QUIET, anatomy=GRID, pose=motion.body, liver_points=points, rng=rng)
    scan = draw_scan(fault, motion=motion, grid=grid, liver_points=points, rng=rng)
    phase = ContrastPhase.PORTAL_VENOUS
    imaging = Imaging(anatomy, motion, space, source_phase=phase, shared_noise=False, rng=rng)
    return scan, *imaging.moving(scan, QUIET, phase, rng=np.random.default_rng(5))


def centre_of_cyst(image, near):
    """Return the centre of the dark voxels around a place, world mm."""
    points = image.grid.world_points(np.moveaxis(np.indices(image.shape), 0, -1))
    close = np.linalg.norm(points - near, axis=-1) < CYST_MM + 4
    dark = np.clip(np.median(image.data[close]).clip(80) - image.data[close] - 20.0, 0, None)
    return (points[close] * dark[:, None]).sum(0) / dark.sum()


def check(scan, image, mask, *, tolerance_mm):
    # A cyst is looked for if the image shows the whole of it exactly once.
    shell = np.concatenate([np.zeros((1, 3)), 1.2 * CYST_MM * np.vstack([np.eye(3), -np.eye(3)])])
    places, once = scan.forward((CYSTS[:, None] + shell).reshape(-1, 3))
    places, once = places.reshape(len(CYSTS), len(shell), 3), once.reshape(len(CYSTS), len(shell))
    whole = once.all(1) & (np.linalg.norm(places - places[:, :1], axis=-1).max(1) < 1.5 * CYST_MM)
    assert whole.sum() >= 3
    errors = [np.linalg.norm(centre_of_cyst(image, place) - place) for place in places[whole, 0]]
    assert max(errors) < tolerance_mm
    inside = mask.data[tuple(mask.grid.nearest_voxels(places[whole].reshape(-1, 3)).T)]
    assert inside.mean() > 0.97  # the mask follows the same truth


BREATH = {"translation_mm": (8.0, 8.0), "rotation_deg": (3.0, 3.0), "body_translation_mm": (6.0, 6.0)}


@pytest.mark.parametrize("kind", DEFORMATIONS)
def test_deformations(anatomy, space, kind):
    settings = MotionSettings(**BREATH, deformation=kind, bend_mm=2.0 if kind == "smooth" else 8.0)
    scan, image, mask = moved(anatomy, space, settings, FaultSettings())
    # A third of a voxel: a cyst of 7 mm becomes a little oval, and the grid of the field is as coarse as the voxels.
    check(scan, image, mask, tolerance_mm=0.8)
    shares = np.linalg.norm(scan.motions[0].bend.at(CYSTS), axis=1)
    assert shares.max() > 1  # some cysts do move


@pytest.mark.parametrize("kind", FAULTS)
def test_faults(anatomy, space, kind):
    amount = {"shuffled": 20.0, "spacing": 6.0}.get(kind, 8.0)
    scan, image, mask = moved(anatomy, space, MotionSettings(**BREATH), FaultSettings(kind, amount))
    check(scan, image, mask, tolerance_mm=0.8)
    assert image.grid.equals(scan.image_grid)
    assert image.grid.equals(mask.grid)


def test_fluid_fills_the_space_beside_the_right_lobe(anatomy, space):
    def image_of(deformation):
        settings = MotionSettings(kind="still", bend_mm=10.0, deformation=deformation)
        return moved(anatomy, space, settings, FaultSettings())

    scan, image, mask = image_of("ascites")
    right = space.points[:, 0].max()
    beside = np.array([[right - 4.0, *GRID.centre_mm[1:]]])
    assert mask.data[tuple(mask.grid.nearest_voxels(beside)[0])] == 0
    assert abs(image.data[tuple(image.grid.nearest_voxels(beside)[0])] - FLUID_HU) < 15
    left = space.points[:, 0].min() + 6.0
    assert mask.data[tuple(mask.grid.nearest_voxels(np.array([[left, *GRID.centre_mm[1:]]]))[0])] == 1
    assert not scan.motions[0].body.matrix[:3, 3].any()

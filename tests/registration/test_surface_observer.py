"""Surfaces as observations of a displacement."""

import numpy as np

from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.registration.mask_surface import MaskSurfaceSettings, mask_surface
from hepareg.registration.surface_observer import SurfaceObserver, SurfaceObserverSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

SETTINGS = SurfaceObserverSettings()
RADII_MM = np.array([60.0, 50.0, 42.0])


def ellipsoid(centre_mm, *, spacing_mm=(1.7, 2.0, 3.0), turn_rad=(0.2, -0.1, 0.3), shape=(100, 90, 50)):
    """Return a mask of an ellipsoid on an oblique, anisotropic grid about the origin."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector(np.array(turn_rad)) * spacing_mm
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array(shape) - 1) / 2)
    grid = Grid(shape, matrix)
    points = grid.world_points(np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3))
    inside = np.linalg.norm((points - centre_mm) / RADII_MM, axis=1) <= 1
    return Volume(inside.reshape(shape), grid)


def observer(reference, searched, pose):
    surfaces = (mask_surface(mask, settings=MaskSurfaceSettings()) for mask in (reference, searched))
    return SurfaceObserver(*surfaces, pose, settings=SETTINGS)


def test_a_shift_between_the_masks_is_seen():
    shift = np.array([5.0, -3.0, 4.0])
    turn = RigidTransform.from_vectors([0.1, 0.0, -0.2], [3.0, 2.0, 1.0])
    moved = ellipsoid(np.zeros(3), turn_rad=(0, 0, 0), spacing_mm=(2.0, 2.0, 2.5), shape=(90, 80, 60))
    placed = Volume(moved.data, Grid(moved.grid.shape, turn.matrix @ moved.grid.world_from_voxel))
    surfaces = observer(ellipsoid(-shift), placed, turn)
    assert 2 < surfaces.rms_mm() < 6
    found = np.zeros(3)
    for _ in range(8):
        H, g = surfaces.observe(np.tile(found, (len(surfaces.points_mm), 1)))
        found = found - np.linalg.solve(H.sum(axis=0), g.sum(axis=0))
    assert np.linalg.norm(found - shift) < 1.0


def test_a_surface_at_the_border_of_an_image_is_no_observation():
    whole = ellipsoid(np.zeros(3))
    cut = whole.crop(np.array([0, 0, 15]), np.array(whole.shape))
    surfaces = observer(cut, whole, RigidTransform.identity())
    # The plane at which the image ends would lie up to 20 mm from the whole liver's surface.
    assert surfaces.rms_mm() < 2.0
    H, _ = surfaces.observe(np.zeros_like(surfaces.points_mm))
    assert len(H) == len(surfaces.points_mm) <= 2 * SETTINGS.num_points


def test_surfaces_that_do_not_meet_say_nothing():
    apart = RigidTransform.from_vectors(np.zeros(3), [300.0, 0.0, 0.0])
    surfaces = observer(ellipsoid(np.zeros(3)), ellipsoid(np.zeros(3)), apart)
    H, g = surfaces.observe(np.zeros_like(surfaces.points_mm))
    assert not H.any()
    assert not g.any()
    assert np.isnan(surfaces.rms_mm())

"""Acquisition settings, the grid of an image, and its noise, streaks and padding."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.arrays import Points
from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.simulation.acquisition.noise import correlated_noise
from hepareg.simulation.acquisition.streaks import metal_rays, starvation_streaks
from hepareg.transforms import RigidTransform

__all__ = ["AcquisitionSettings", "acquisition_grid", "add_noise", "finish"]

DEFAULT_NOISE_HU = 12.0
RANGES = {
    "slice_thickness_mm": (0.1, 50.0),
    "offset_mm": (0.0, 200.0),
    "oblique_deg": (0.0, 180.0),
    "noise_hu": (0.0, 200.0),
    "streaks_hu": (0.0, 500.0),
    "mask_error_mm": (0.0, 20.0),
}
"""Accepted ranges of settings; outside them nothing of the liver or of its mask would be left."""


@dataclass(frozen=True)
class AcquisitionSettings:
    """Grid, noise and artefacts of one image, and the error of its liver mask.

    Parameters
    ----------
    shape
        Number of voxels (I, J, K); None covers the anatomy.
    spacing_mm
        Voxel spacing (i, j, k), slices along k; None is the anatomy's spacing.
    slice_thickness_mm
        Thickness over which a slice averages; None is the spacing along k.
    offset_mm
        Largest random shift of the grid along each axis.
    oblique_deg
        Angle between the grid's axes and the anatomy's, about a random axis.
    flips
        Voxel axes (i, j, k) whose direction is reversed.
    cut_top, cut_bottom
        Fraction of the liver's height outside the field of view at the upper and the lower end.
    noise_hu
        Standard deviation of the noise in soft tissue; None is the level of the real CT, 12 for the phantom.
    noise_fall_per_mm
        Spatial frequency in 1/mm over which the power of the noise falls by a factor e; larger for a sharper kernel.
    streaks_hu
        Standard deviation of streaks across the body, as photon starvation causes them.
    padding_hu
        Value outside the scanned circle, usually -1024 or -2048; None pads nothing.
    mask_error_mm
        Root mean square of the mask's smooth boundary error.

    Raises
    ------
    SettingsError
        If a size, fraction or level is out of range.
    """

    shape: tuple[int, int, int] | None = None
    spacing_mm: tuple[float, float, float] | None = None
    slice_thickness_mm: float | None = None
    offset_mm: float = 0.0
    oblique_deg: float = 0.0
    flips: tuple[bool, bool, bool] = (False, False, False)
    cut_top: float = 0.0
    cut_bottom: float = 0.0
    noise_hu: float | None = None
    noise_fall_per_mm: float = 0.22
    streaks_hu: float = 0.0
    padding_hu: int | None = None
    mask_error_mm: float = 0.0

    def __post_init__(self) -> None:
        if self.shape is not None and (len(self.shape) != 3 or min(self.shape) < 8):
            raise SettingsError(f"expected three sizes of at least 8 voxels, got {self.shape}")
        if self.spacing_mm is not None and not all(0.1 <= s <= 20 for s in self.spacing_mm):
            raise SettingsError(f"expected a spacing from 0.1 to 20 mm, got {self.spacing_mm}")
        if self.cut_top < 0 or self.cut_bottom < 0 or self.cut_top + self.cut_bottom > 0.8:
            raise SettingsError(
                f"expected at least a fifth of the liver in view, got {self.cut_top:g} cut off at the top "
                f"and {self.cut_bottom:g} at the bottom"
            )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SettingsError(f"expected {name} from {low:g} to {high:g}, got {value:g}")


def acquisition_grid(
    settings: AcquisitionSettings, *, anatomy: Grid, pose: RigidTransform, liver_points: Points, rng: Generator
) -> Grid:
    """Return an image's grid: it covers the moved body, and is then cut at the liver as the settings say.

    Parameters
    ----------
    anatomy
        Grid of the anatomy, in the fixed world.
    pose
        Motion of the body from the fixed world to the world of this image.
    liver_points
        (N, 3) world mm of the liver in this image.
    """
    spacing = np.array(settings.spacing_mm or anatomy.spacing_mm)
    extent = np.array(anatomy.shape) * anatomy.spacing_mm
    shape = np.array(settings.shape or np.maximum(np.round(extent / spacing), 1).astype(int))
    shift = rng.uniform(-1, 1, 3) * settings.offset_mm
    axis = rng.standard_normal(3)
    rotation = rotation_from_vector(axis / np.linalg.norm(axis) * math.radians(settings.oblique_deg))
    directions = rotation @ (anatomy.world_from_voxel[:3, :3] / anatomy.spacing_mm)
    directions = directions * np.where(settings.flips, -1.0, 1.0)
    centre = pose.apply(anatomy.centre_mm) + directions @ shift
    if settings.shape is not None:
        middle = (liver_points.min(0) + liver_points.max(0)) / 2
        centre = centre + directions[:, 2] * (directions[:, 2] @ (middle - centre))
    matrix = np.eye(4)
    matrix[:3, :3] = directions * spacing
    matrix[:3, 3] = centre - matrix[:3, :3] @ ((shape - 1) / 2)
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), matrix)
    return _cut(grid, liver_points, top=settings.cut_top, bottom=settings.cut_bottom)


def _cut(grid: Grid, liver_points: Points, *, top: float, bottom: float) -> Grid:
    """Return the grid without fractions of the liver's height at its top and bottom, at least 8 slices of it."""
    if top == 0 and bottom == 0:
        return grid
    axis, sense = grid.superior_axis
    along = grid.voxel_points(liver_points)[:, axis]
    low, high = along.min(), along.max()
    first, last = (bottom, top) if sense > 0 else (top, bottom)
    start, stop = np.zeros(3, dtype=int), np.array(grid.shape)
    if first > 0:
        start[axis] = np.clip(round(low + first * (high - low)), 0, grid.shape[axis] - 8)
    if last > 0:
        stop[axis] = np.clip(round(high - last * (high - low)), start[axis] + 8, grid.shape[axis])
    return grid.crop(start, stop)


def add_noise(
    image_hu: NDArray[np.float32], grid: Grid, *, level_hu: float, settings: AcquisitionSettings, rng: Generator
) -> None:
    """Add noise, streaks and rays from metal to an image in HU, in place; lung and air get less noise, no streaks."""
    if level_hu > 0:
        noise = correlated_noise(grid.shape, grid.spacing_mm, rng=rng, fall_per_mm=settings.noise_fall_per_mm)
        noise *= np.float32(level_hu)
        noise[image_hu < -500] *= np.float32(0.6)
        image_hu += noise
    if settings.streaks_hu > 0:
        streaks = starvation_streaks(grid.shape, grid.spacing_mm, level_hu=settings.streaks_hu, rng=rng)
        streaks[image_hu < -500] = 0
        image_hu += streaks
    metal_rays(image_hu, grid.spacing_mm, rng=rng)


def finish(image_hu: NDArray[np.float32], settings: AcquisitionSettings) -> NDArray[np.int16]:
    """Return the image as int16 HU, clipped to the range of a CT and padded outside the scanned circle."""
    out = np.clip(np.rint(image_hu), -1024, 3071).astype(np.int16)
    if settings.padding_hu is not None:
        i, j = (np.linspace(-1, 1, n) for n in out.shape[:2])
        out[i[:, None] ** 2 + j[None] ** 2 > 1.0] = settings.padding_hu
    return out

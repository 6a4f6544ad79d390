"""Input of a network: a box of fixed size around the fixed liver, both phases sampled on its grid and scaled."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from hepareg.errors import MaskError, SettingsError
from hepareg.geometry import Grid
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.transforms.block_average import average_blocks
from hepareg.transforms.resample import resample
from hepareg.volume import Volume

__all__ = [
    "AIR_HU",
    "RegionSettings",
    "centroid_start",
    "network_input",
    "region_grid",
    "sample_on",
    "scale_hu",
]

AIR_HU = -1024.0
"""Value in HU outside the field of view of an image."""


@dataclass(frozen=True)
class RegionSettings:
    """Size, spacing and intensity range of a network's input; saved with the weights of the network.

    Parameters
    ----------
    shape_vox
        Number of voxels (I, J, K) of the region; I counts to the right, J anterior, K superior.
    spacing_mm
        Isotropic voxel size in mm, or None for the spacing of the fixed image.
    window_hu
        Lower and upper end of the intensity window in HU, mapped to -1 and 1.
    liver_margin_mm
        Each image is shown inside its liver mask and up to this distance from it, and replaced by the
        lower end of the window beyond, so that tissue that does not move with the liver is hidden.
        None shows the whole region. A network that was trained with a margin needs both masks.
    """

    shape_vox: tuple[int, int, int] = (96, 80, 80)
    spacing_mm: float | None = 3.0
    window_hu: tuple[float, float] = (-150.0, 350.0)
    liver_margin_mm: float | None = None

    def __post_init__(self) -> None:
        if min(self.shape_vox) < 8:
            raise SettingsError(f"expected a region of at least 8 voxels along each axis, got {self.shape_vox}")
        if self.spacing_mm is not None and not self.spacing_mm > 0:
            raise SettingsError(f"expected a positive spacing_mm or none, got {self.spacing_mm}")
        if not self.window_hu[0] < self.window_hu[1]:
            raise SettingsError(f"expected window_hu as lower, upper; got {self.window_hu}")


def centroid_start(*, moving_mask: Volume | None, fixed_mask: Volume | None) -> RigidTransform:
    """Return the translation of the fixed mask's centroid onto the moving mask's; the identity if a mask is missing."""
    if moving_mask is None or fixed_mask is None:
        return RigidTransform.identity()
    return RigidTransform.from_vectors(np.zeros(3), moving_mask.centroid_mm - fixed_mask.centroid_mm)


def region_grid(settings: RegionSettings, *, fixed: Volume, fixed_mask: Volume | None) -> Grid:
    """Return the grid of the region: axes along world RAS, centred on the bounding box of the fixed mask.

    Without a mask the grid is centred on the fixed image.
    """
    if settings.spacing_mm is not None:
        spacing = np.full(3, settings.spacing_mm)
    else:
        along_world = np.abs(fixed.grid.world_from_voxel[:3, :3]).argmax(axis=1)
        spacing = fixed.grid.spacing_mm[along_world]
    centre = fixed.grid.centre_mm if fixed_mask is None else _box_centre_mm(fixed_mask)
    return grid_around(centre, shape=settings.shape_vox, spacing_mm=spacing)


def grid_around(centre_mm: ArrayLike, *, shape: tuple[int, int, int], spacing_mm: ArrayLike) -> Grid:
    """Return an axis-aligned RAS grid whose middle lies at ``centre_mm``."""
    spacing = np.broadcast_to(np.asarray(spacing_mm, dtype=np.float64), 3)
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = np.asarray(centre_mm) - spacing * (np.array(shape) - 1) / 2
    return Grid(shape, matrix)


def sample_on(
    grid: Grid, volume: Volume, *, transform: AffineTransform | None = None, outside: float = AIR_HU
) -> NDArray[np.float32]:
    """Return the values of a volume at ``transform(grid points)``, trilinear, as (I, J, K) float32.

    Parameters
    ----------
    grid
        Grid of the result.
    volume
        Volume on any grid. Along axes with spacing at most half of ``grid``'s smallest, blocks of voxels
        are averaged first, so that noise and thin structures do not alias.
    transform
        Map from world points of ``grid`` to world points of ``volume``; None is the identity.
    outside
        Value beyond the outermost voxel centres of the volume.

    Notes
    -----
    Only the part of the volume under the grid is converted to floating point.
    """
    matrix = np.eye(4) if transform is None else transform.matrix
    volume_vox_from_grid_vox = volume.grid.voxel_from_world @ matrix @ grid.world_from_voxel
    factor = np.maximum((grid.spacing_mm.min() / volume.grid.spacing_mm + 1e-6).astype(int), 1)
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    reached = corners @ volume_vox_from_grid_vox[:3, :3].T + volume_vox_from_grid_vox[:3, 3]
    start = np.clip(np.floor(reached.min(axis=0)).astype(int) - factor, 0, np.array(volume.shape))
    stop = np.clip(np.ceil(reached.max(axis=0)).astype(int) + factor + 1, 0, np.array(volume.shape))
    if (stop <= start).any():
        return np.full(grid.shape, outside, dtype=np.float32)
    averaged = _averaged(volume.crop(start, stop), np.minimum(factor, stop - start))
    sampled = resample(averaged, grid, moving_from_fixed=transform, padding=outside, dtype=np.float32)
    return np.ascontiguousarray(sampled.data)


def network_input(
    values_hu: NDArray[np.floating],
    *,
    liver: NDArray[np.floating] | None,
    grid: Grid,
    settings: RegionSettings,
) -> NDArray[np.float32]:
    """Convert an image in HU to the input of a network: intensities in [-1, 1], and -1 far from the liver if set.

    ``settings.window_hu`` is mapped linearly to [-1, 1], and values beyond it are clamped. If
    ``settings.liver_margin_mm`` is not None, voxels farther than that from the liver are then set to -1.

    Parameters
    ----------
    values_hu
        (I, J, K) image in HU on ``grid``.
    liver
        (I, J, K) weights in [0, 1] on ``grid``, of which 0.5 or more is liver; None without a mask.
    grid
        Grid of both arrays; its spacing turns voxels into mm.
    settings
        Window and margin.

    Returns
    -------
    ndarray
        (I, J, K) float32 in [-1, 1].

    Raises
    ------
    MaskError
        If ``settings.liver_margin_mm`` is set and ``liver`` is None.
    """
    scaled = scale_hu(values_hu, settings.window_hu)
    if settings.liver_margin_mm is None:
        return scaled
    if liver is None:
        raise MaskError(
            "expected liver masks of both images, because this network was trained with them; got an image without"
        )
    distance = ndimage.distance_transform_edt(liver < 0.5, sampling=grid.spacing_mm)
    return np.where(distance <= settings.liver_margin_mm, scaled, np.float32(-1))


def scale_hu(values: NDArray[np.floating], window_hu: tuple[float, float]) -> NDArray[np.float32]:
    """Return intensities with the window mapped linearly to [-1, 1] and values beyond it clamped."""
    lower, upper = window_hu
    return np.clip((values - lower) * (2 / (upper - lower)) - 1, -1, 1).astype(np.float32)


def _averaged(volume: Volume, factors: NDArray[np.integer]) -> Volume:
    """Return the float32 means of blocks of voxels; incomplete blocks at the far ends repeat the border."""
    if (factors == 1).all():
        return volume.with_data(volume.data.astype(np.float32))
    missing = -np.array(volume.shape) % factors
    padded = np.pad(volume.data, [(0, int(n)) for n in missing], mode="edge")
    whole = Volume(padded, Grid(padded.shape, volume.grid.world_from_voxel))
    means, grid = average_blocks(whole, factors, window=(-np.inf, np.inf), device=torch.device("cpu"))
    return Volume(means.numpy(), grid)


def _box_centre_mm(mask: Volume) -> NDArray[np.floating]:
    voxels = np.argwhere(mask.data)
    if not len(voxels):
        raise MaskError("expected a mask of the liver, got an empty one; check its label")
    return mask.grid.world_points((voxels.min(axis=0) + voxels.max(axis=0)) / 2)

"""Images of a moved body on another grid, slab by slab: one interpolation, thick slices by averaging."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.arrays import Matrix
from hepareg.geometry import Grid
from hepareg.simulation.organ_space import coarse_grid_around
from hepareg.simulation.sliding import SlidingField

__all__ = ["Scene", "sample_liver", "sample_scene", "subsample_offsets"]

AIR_HU = np.float32(-1024)
BACKGROUND_SPACING_MM = 3.0
SLAB_VOXELS = 2_000_000
THREADS = min(4, os.cpu_count() or 1)

Image32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scene:
    """A body at the fixed pose, and the way back to it from the moving world.

    Parameters
    ----------
    grid
        Grid of the arrays.
    image_hu
        (I, J, K) float32.
    liver
        (I, J, K) uint8, 1 inside.
    body_inverse
        (4, 4) moving world to the body's frame.
    field
        Backward displacement in the body's frame, or None.
    """

    grid: Grid
    image_hu: Image32
    liver: NDArray[np.uint8]
    body_inverse: Matrix
    field: SlidingField | None


def subsample_offsets(target: Grid, source: Grid, thickness_mm: float | None) -> NDArray[np.floating]:
    """Return (n, 3) offsets in target voxels whose mean stands for the voxel's extent, or the slice's thickness."""
    extent = target.spacing_mm.copy()
    if thickness_mm is not None:
        extent[2] = thickness_mm
    rotation = source.world_from_voxel[:3, :3] / source.spacing_mm
    directions = target.world_from_voxel[:3, :3] / target.spacing_mm
    source_step = 1 / np.linalg.norm((rotation.T @ directions) / source.spacing_mm[:, None], axis=0)
    counts = np.maximum(np.round(extent / source_step - 0.15), 1).astype(int)
    steps = [
        ((np.arange(n) - (n - 1) / 2) / n) * (e / s) for n, e, s in zip(counts, extent, target.spacing_mm, strict=True)
    ]
    return np.array(list(product(*steps)))


def sample_scene(scene: Scene, target: Grid, *, offsets: NDArray[np.floating]) -> Image32:
    """Return the scene on the target grid, float32 HU, averaged over the sub-samples."""
    background = _background(scene) if scene.field is not None else None

    def slab(start: int, stop: int) -> Image32:
        total: Image32 | None = None
        for offset in offsets:
            part = _sample_slab(scene, target, background, start, stop, offset)
            total = part if total is None else total + part
        assert_total = total if total is not None else np.zeros(0, dtype=np.float32)
        return assert_total / np.float32(len(offsets))

    return _in_slabs(target, slab)


def sample_liver(scene: Scene, target: Grid) -> Image32:
    """Return the moved liver on the target grid, float32 in [0, 1]."""

    def slab(start: int, stop: int) -> Image32:
        return _liver_slab(scene, target, start, stop, np.zeros(3))

    return _in_slabs(target, slab)


def _in_slabs(target: Grid, slab) -> Image32:  # type: ignore[no-untyped-def]
    out = np.empty(target.shape, dtype=np.float32)
    step = max(1, SLAB_VOXELS // (target.shape[1] * target.shape[2]))
    starts = range(0, target.shape[0], step)

    def fill(start: int) -> None:
        stop = min(start + step, target.shape[0])
        out[start:stop] = slab(start, stop)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, starts))
    return out


def _slab_matrix(target: Grid, start: int, offset: NDArray[np.floating], to: Matrix) -> Matrix:
    """Return the matrix from the slab's voxels, shifted by ``offset``, through the world into ``to``'s frame."""
    shift = np.eye(4)
    shift[:3, 3] = offset
    shift[0, 3] += start
    return to @ target.world_from_voxel @ shift


def _sample_slab(
    scene: Scene,
    target: Grid,
    background: tuple[Grid, Image32] | None,
    start: int,
    stop: int,
    offset: NDArray[np.floating],
) -> Image32:  # type: ignore[no-untyped-def]
    shape = (stop - start, target.shape[1], target.shape[2])
    to_source = _slab_matrix(target, start, offset, scene.grid.voxel_from_world @ scene.body_inverse)
    if scene.field is None:
        return ndimage.affine_transform(
            scene.image_hu, to_source[:3, :3], to_source[:3, 3], output_shape=shape, order=1, cval=AIR_HU
        )
    displacement = _field_slab(scene.field, scene.field.weighted_mm, target, start, shape, offset, scene.body_inverse)
    places = _places(to_source, scene.grid, displacement, shape)
    image = ndimage.map_coordinates(scene.image_hu, places, order=1, cval=AIR_HU, output=np.float32)
    if background is not None:
        _hide_second_liver(image, scene, target, background, start, stop, offset, places)
    return image


def _hide_second_liver(image, scene, target, background, start, stop, offset, places) -> None:  # type: ignore[no-untyped-def]
    """Fill with neighbouring tissue what the stretched zone shows of the liver beside the moved liver itself."""
    shown = ndimage.map_coordinates(scene.liver, places, order=1, cval=0.0, output=np.float32)
    extra = shown > 0.05
    if not extra.any():
        return
    true = _liver_slab(scene, target, start, stop, offset)
    extra &= true < 0.02
    if not extra.any():
        return
    grid, filled = background
    world = scene.grid.world_points(np.stack([p[extra] for p in places], axis=-1))
    values = ndimage.map_coordinates(filled, grid.voxel_points(world).T, order=1, mode="nearest", output=np.float32)
    share = shown[extra]
    image[extra] = (1 - share) * image[extra] + share * values


def _liver_slab(scene: Scene, target: Grid, start: int, stop: int, offset) -> Image32:  # type: ignore[no-untyped-def]
    shape = (stop - start, target.shape[1], target.shape[2])
    to_source = _slab_matrix(target, start, offset, scene.grid.voxel_from_world @ scene.body_inverse)
    if scene.field is None:
        return ndimage.affine_transform(
            scene.liver, to_source[:3, :3], to_source[:3, 3], output_shape=shape, output=np.float32, order=1, cval=0.0
        )
    displacement = _field_slab(scene.field, scene.field.liver_mm, target, start, shape, offset, scene.body_inverse)
    known = _field_slab(
        scene.field, np.ones_like(scene.field.liver_mm[:1]), target, start, shape, offset, scene.body_inverse
    )[0]
    places = _places(to_source, scene.grid, displacement, shape)
    liver = ndimage.map_coordinates(scene.liver, places, order=1, cval=0.0, output=np.float32)
    return np.where(known > 0.999, liver, np.float32(0))


def _field_slab(field: SlidingField, parts, target: Grid, start: int, shape, offset, body_inverse) -> Sequence[Image32]:  # type: ignore[no-untyped-def]
    matrix = _slab_matrix(target, start, offset, field.grid.voxel_from_world @ body_inverse)
    return [
        ndimage.affine_transform(part, matrix[:3, :3], matrix[:3, 3], output_shape=shape, order=1, cval=0.0)
        for part in parts
    ]


def _places(to_source: Matrix, source: Grid, displacement: Sequence[Image32], shape: tuple[int, int, int]) -> Image32:
    """Return (3, ...) float32 source voxels: the straight way plus the displacement."""
    places = np.empty((3, *shape), dtype=np.float32)
    scale = source.voxel_from_world[:3, :3].astype(np.float32)
    i, j, k = (np.arange(n, dtype=np.float64) for n in shape)
    for c in range(3):
        row = to_source[c]
        places[c] = (row[0] * i + row[3])[:, None, None] + (row[1] * j)[:, None] + row[2] * k
        for d in range(3):
            if scale[c, d] != 0:
                places[c] += scale[c, d] * displacement[d]
    return places


def _background(scene: Scene) -> tuple[Grid, Image32]:
    """Return a coarse image in which the liver has been filled with the nearest other tissue."""
    where = np.argwhere(scene.liver)
    corners = scene.grid.crop(where.min(0), where.max(0) + 1).corners_mm
    grid = coarse_grid_around(corners, spacing_mm=BACKGROUND_SPACING_MM, margin_mm=15.0)
    matrix = scene.grid.voxel_from_world @ grid.world_from_voxel
    image, liver = (
        ndimage.affine_transform(
            a, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, output=np.float32, order=1, cval=c
        )
        for a, c in ((scene.image_hu, AIR_HU), (scene.liver, 0.0))
    )
    hidden = ndimage.binary_dilation(liver > 0.02, iterations=1)
    _, nearest = ndimage.distance_transform_edt(hidden, return_indices=True)
    filled = image[tuple(nearest)]
    smooth = ndimage.gaussian_filter(filled, 1.0, mode="nearest")
    return grid, np.where(hidden, smooth, filled).astype(np.float32)

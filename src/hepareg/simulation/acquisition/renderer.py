"""Images of a moved body on another grid: one interpolation, thick slices by averaging, slab by slab in threads."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hepareg.arrays import Matrix
from hepareg.geometry import Grid
from hepareg.geometry.boxes import VoxelBox, box_around_points
from hepareg.geometry.grid import apply_matrix
from hepareg.simulation.interpolation import sample_affine, sample_weight
from hepareg.simulation.motion.sliding import SlidingField
from hepareg.simulation.organ_space import coarse_grid_around
from hepareg.transforms.resample import PADDING_HU

__all__ = ["Scene", "sample_liver", "sample_scene", "subsample_offsets"]

BACKGROUND_SPACING_MM = 3.0
LIVER_MARGIN_MM = 6.0
SLAB_VOXELS = 1_500_000
THREADS = min(4, os.cpu_count() or 1)

Image32 = NDArray[np.float32]
Floats = NDArray[np.floating]
Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Scene:
    """An image of the fixed body, and the backward map from the world of the moving image to it.

    Parameters
    ----------
    grid
        Grid of the arrays.
    image_hu
        (I, J, K) float32 image of the body in the fixed world, HU.
    liver
        (I, J, K) uint8, 1 inside.
    body_inverse
        (4, 4) map from the moving world to the body's frame.
    field
        Backward map within the body's frame, or None if the liver does not move within the body.
    """

    grid: Grid
    image_hu: Image32
    liver: NDArray[np.uint8]
    body_inverse: Matrix
    field: SlidingField | None


def subsample_offsets(target: Grid, source: Grid, thickness_mm: float | None) -> Floats:
    """Return (n, 3) offsets in target voxels whose samples are averaged over the voxel, or over the slice thickness.

    There are about as many along each axis as source voxels in the extent.
    """
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


def sample_scene(scene: Scene, target: Grid, *, offsets: Floats) -> Image32:
    """Return the image of the scene on the target grid in HU, averaged over the sub-samples: (I, J, K) float32."""
    background = _Background(scene) if scene.field is not None else None

    def slab(start: int, shape: Shape) -> Image32:
        total = _Slab(scene, target, start, shape, offsets[0]).image(background)
        for offset in offsets[1:]:
            total += _Slab(scene, target, start, shape, offset).image(background)
        return total / np.float32(len(offsets)) if len(offsets) > 1 else total

    return _in_slabs(target.shape, slab)


def sample_liver(scene: Scene, target: Grid) -> Image32:
    """Return the moved liver on the target grid: (I, J, K) float32 in [0, 1]."""
    out = np.zeros(target.shape, dtype=np.float32)
    box = _liver_box(scene, target)
    if box is None:
        return out
    start, stop = box
    near = target.crop(start, stop)

    def slab(first: int, shape: Shape) -> Image32:
        return _Slab(scene, near, first, shape, np.zeros(3)).liver()

    out[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = _in_slabs(near.shape, slab)
    return out


def _liver_box(scene: Scene, target: Grid) -> VoxelBox | None:
    """Return the box of target voxels that contains the moved liver, or None if it is out of view."""
    where = ndimage.find_objects(scene.liver, max_label=1)[0]
    if where is None:
        return None
    corners = scene.grid.crop([s.start for s in where], [s.stop for s in where]).corners_mm
    back = scene.body_inverse if scene.field is None else scene.field.liver_inverse @ scene.body_inverse
    margin_mm = LIVER_MARGIN_MM
    if scene.field is not None and scene.field.bend_mm is not None:
        margin_mm += float(np.abs(scene.field.bend_mm).max())
    return box_around_points(target, apply_matrix(np.linalg.inv(back), corners), margin_mm=margin_mm, margin_vox=1)


def _in_slabs(shape: Shape, slab: Callable[[int, Shape], Image32]) -> Image32:
    """Return the array that ``slab(first, shape)`` computes in parts along the first axis, several in parallel."""
    out = np.empty(shape, dtype=np.float32)
    step = max(1, SLAB_VOXELS // (shape[1] * shape[2]))

    def fill(start: int) -> None:
        stop = min(start + step, shape[0])
        out[start:stop] = slab(start, (stop - start, shape[1], shape[2]))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, range(0, shape[0], step)))
    return out


class _Slab:
    """A slab of the target grid, along its first axis, and the source positions of its voxels."""

    def __init__(self, scene: Scene, target: Grid, start: int, shape: Shape, offset: Floats) -> None:
        self.scene, self.shape = scene, shape
        shift = np.eye(4)
        shift[:3, 3] = offset
        shift[0, 3] += start
        self.to_body = scene.body_inverse @ target.world_from_voxel @ shift
        self.to_source = scene.grid.voxel_from_world @ self.to_body

    def image(self, background: "_Background | None") -> Image32:
        field, scene = self.scene.field, self.scene
        if field is None or background is None:
            return sample_affine(scene.image_hu, self.to_source, self.shape, outside=PADDING_HU)
        weight = self._weight(field)
        if not weight.any():
            return sample_affine(scene.image_hu, self.to_source, self.shape, outside=PADDING_HU)
        places = self._places(field, weight)
        image = ndimage.map_coordinates(scene.image_hu, places, order=1, cval=PADDING_HU, output=np.float32)
        self._hide_second_liver(image, background, places, weight)
        return image

    def liver(self) -> Image32:
        field = self.scene.field
        if field is None:
            return sample_affine(self.scene.liver, self.to_source, self.shape, outside=0.0)
        if field.bend_mm is None:
            back = self.scene.grid.voxel_from_world @ field.liver_inverse @ self.to_body
            return sample_affine(self.scene.liver, back, self.shape, outside=0.0)
        near = self._weight(field) >= 1
        places = self._places(field, np.float32(1))
        liver = ndimage.map_coordinates(self.scene.liver, places, order=1, cval=0.0, output=np.float32)
        return np.where(near, liver, np.float32(0))

    def _weight(self, field: SlidingField) -> Floats:
        weight = sample_weight(field.weight, field.grid.voxel_from_world @ self.to_body, self.shape)
        return np.clip(weight, 0, 1, out=weight)

    def _places(self, field: SlidingField, weight: Floats | np.float32) -> Image32:
        """Return the positions in the source image, in voxels, of the tissue that each voxel of the slab shows.

        For a target voxel, z is its world position moved back by the body's motion, in mm. The tissue was at
        z + weight (``field.liver_inverse`` z + c(z) - z), with c the field's bend, or 0 without one. The body's motion
        is undone everywhere, the liver's by ``weight``.

        Parameters
        ----------
        field
            Backward map of the liver (`SlidingField`).
        weight
            Share of the liver's motion, 0 in static tissue to 1 in the moved liver: of the slab's shape, or one number
            for all voxels.

        Returns
        -------
        Image32
            (3, ...) float32, the slab's shape after the first axis: fractional voxel indices of the source image.
        """
        to_source = self.scene.grid.voxel_from_world
        extra = to_source @ (field.liver_inverse - np.eye(4)) @ self.to_body
        bends = None if field.bend_mm is None else self._bend(field, field.bend_mm)
        places = np.empty((3, *self.shape), dtype=np.float32)
        for c in range(3):
            way = self._affine(extra[c])
            if bends is not None:
                way += sum(np.float32(to_source[c, d]) * bends[d] for d in range(3))
            way *= weight
            way += self._affine(self.to_source[c])
            places[c] = way
        return places

    def _bend(self, field: SlidingField, bend_mm: NDArray[np.float32]) -> list[Floats]:
        matrix = field.grid.voxel_from_world @ self.to_body
        return [sample_affine(part, matrix, self.shape, outside=0.0) for part in bend_mm]

    def _affine(self, row: Floats) -> Image32:
        """Return one coordinate of an affine map at all voxels of the slab, computed in float64."""
        i, j, k = (row[a] * np.arange(n) for a, n in enumerate(self.shape))
        return np.add((i[:, None] + (j + row[3]))[:, :, None], k, dtype=np.float64).astype(np.float32)

    def _hide_second_liver(self, image: Image32, background: "_Background", places: Image32, weight: Floats) -> None:
        """Replace liver tissue around the moved liver, where 0 < weight < 1, by the background, in place.

        There, between moved liver and static tissue, the backward map may point into the liver of the source image,
        which would be seen a second time. With f the share of liver, 0 to 1, interpolated from the source's liver mask
        at a voxel's source position, a voxel with f > 0.05 becomes (1 - f) image + f background. The background is the
        source image with its liver filled by the nearest other tissue, taken at the same source position.

        Parameters
        ----------
        image
            Slab of the moving image in HU; changed.
        background
            The filled source image.
        places
            (3, ...) source positions of the slab's voxels (`_places`).
        weight
            Share of the liver's motion in each voxel, 0 to 1.
        """
        between = np.nonzero((weight > 0) & (weight < 1))
        there = places[:, between[0], between[1], between[2]]
        shown = ndimage.map_coordinates(self.scene.liver, there, order=1, cval=0.0, output=np.float32)
        extra = shown > 0.05
        if not extra.any():
            return
        values = background.at(self.scene.grid, there[:, extra])
        share = shown[extra]
        index = (between[0][extra], between[1][extra], between[2][extra])
        image[index] = (1 - share) * image[index] + share * values


class _Background:
    """A coarse image in which the liver is replaced by the nearest other tissue."""

    def __init__(self, scene: Scene) -> None:
        where = ndimage.find_objects(scene.liver, max_label=1)[0]
        corners = scene.grid.crop([s.start for s in where], [s.stop for s in where]).corners_mm
        self.grid = coarse_grid_around(corners, spacing_mm=BACKGROUND_SPACING_MM, margin_mm=15.0)
        matrix = scene.grid.voxel_from_world @ self.grid.world_from_voxel
        image = sample_affine(scene.image_hu, matrix, self.grid.shape, outside=PADDING_HU)
        hidden = ndimage.binary_dilation(sample_affine(scene.liver, matrix, self.grid.shape, outside=0.0) > 0)
        _, nearest = ndimage.distance_transform_edt(hidden, return_indices=True)
        filled = image[tuple(nearest)]
        self.image = np.where(hidden, ndimage.gaussian_filter(filled, 1.0, mode="nearest"), filled)

    def at(self, source: Grid, voxels: Image32) -> Image32:
        """Return the background's HU at (3, N) voxels of the source grid."""
        places = self.grid.voxel_points(source.world_points(voxels.T)).T
        return ndimage.map_coordinates(self.image, places, order=1, mode="nearest", output=np.float32)

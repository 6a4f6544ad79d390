"""Crop of an image to a fixed number of slices from the liver's top downwards."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hepareg.errors import MaskError, SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.largest_component import largest_component
from hepareg.volume import Volume

__all__ = ["CropRegion", "LiverCrop"]


@dataclass(frozen=True, eq=False)
class CropRegion:
    """The voxel range of one image that `LiverCrop` chose, with the numbers behind the choice.

    Parameters
    ----------
    start, stop
        (3,) voxel range, stop exclusive; the whole image if it is left uncropped.
    top_slice
        Index, along the voxel axis nearest to the world's superior one, of the liver's top slice.
    top_mm
        World superior coordinate in mm of the middle of that slice.
    num_slices
        Number of slices kept.
    extent_mm
        Number of slices kept times their distance.
    num_slices_below
        Number of slices in the image from the liver's top downwards, the top slice included.
    outcome
        ``cropped`` to the wanted slices; ``clamped`` to fewer; ``skipped``: too few slices, left uncropped.
    """

    start: NDArray[np.int_]
    stop: NDArray[np.int_]
    top_slice: int
    top_mm: float
    num_slices: int
    extent_mm: float
    num_slices_below: int
    outcome: Literal["cropped", "clamped", "skipped"]

    def apply(self, volume: Volume) -> Volume:
        """Return a view of the region of an image or mask, which has to lie on the grid that the region belongs to.

        World positions do not change: a transform found on cropped images holds for the uncropped ones.
        """
        return volume.crop(self.start, self.stop)


@dataclass(frozen=True)
class LiverCrop:
    """Settings of the crop; `region` applies them to an image's liver mask.

    Parameters
    ----------
    num_slices
        Number of slices to keep, from the liver's top slice downwards, the top slice included.
    extent_mm
        Keep as many slices as reach at least this far, in place of ``num_slices``.
    short
        Treatment of an image with fewer slices below the top: ``skip`` leaves it uncropped, ``clamp`` crops it at the
        top alone.
    lateral_margin_mm
        Crop the other two axes to the liver and this margin; None does not crop them.
    min_area_mm2
        Smallest area of the mask's largest component in a slice that counts as liver.

    Raises
    ------
    SettingsError
        If a number is not positive (the margin: negative), or ``short`` is another word.
    """

    num_slices: int = 200
    extent_mm: float | None = None
    short: Literal["skip", "clamp"] = "skip"
    lateral_margin_mm: float | None = None
    min_area_mm2: float = 50.0

    def __post_init__(self) -> None:
        if self.num_slices < 1 or not self.min_area_mm2 > 0 or (self.extent_mm is not None and not self.extent_mm > 0):
            raise SettingsError(
                "expected a positive number of slices, extent and area for the liver crop, got "
                f"{self.num_slices} slices, {self.extent_mm} mm and {self.min_area_mm2} mm2"
            )
        if self.lateral_margin_mm is not None and not self.lateral_margin_mm >= 0:
            raise SettingsError(f"expected a lateral margin of 0 mm or more, got {self.lateral_margin_mm}")
        if self.short not in ("skip", "clamp"):
            raise SettingsError(f"expected skip or clamp for images with too few slices, got {self.short!r}")

    def region(self, mask: Volume) -> CropRegion:
        """Return the region of an image, given its liver mask on the image's grid.

        The top is the most superior slice in the world, whatever the direction of the array, in which the mask's
        largest component (voxels connected by faces) has at least `min_area_mm2`.

        Raises
        ------
        MaskError
            If the mask is empty, or its largest component is smaller than `min_area_mm2` in every slice.
        """
        axis, sense = mask.grid.superior_axis
        component, corner = largest_component(mask.data)
        top = corner[axis] + self._top_of(component, mask.grid)
        num_below = top + 1 if sense > 0 else mask.shape[axis] - top
        wanted = self._wanted_slices(mask.grid)
        start, stop = np.zeros(3, dtype=int), np.array(mask.shape)
        outcome: Literal["cropped", "clamped", "skipped"] = "cropped"
        if num_below < wanted:
            outcome = "skipped" if self.short == "skip" else "clamped"
        if outcome != "skipped":
            num = min(wanted, num_below)
            start[axis], stop[axis] = (top - num + 1, top + 1) if sense > 0 else (top, top + num)
            self._crop_sideways(start, stop, component, corner, mask.grid)
        num_slices = int(stop[axis] - start[axis])
        return CropRegion(
            start=start,
            stop=stop,
            top_slice=int(top),
            top_mm=_height_mm(mask.grid, int(top)),
            num_slices=num_slices,
            extent_mm=float(num_slices * mask.grid.spacing_mm[axis]),
            num_slices_below=int(num_below),
            outcome=outcome,
        )

    def _wanted_slices(self, grid: Grid) -> int:
        if self.extent_mm is None:
            return self.num_slices
        return max(math.ceil(self.extent_mm / grid.spacing_mm[grid.superior_axis[0]] - 1e-6), 1)

    def _top_of(self, component: NDArray[np.bool_], grid: Grid) -> int:
        axis, sense = grid.superior_axis
        others = tuple(a for a in range(3) if a != axis)
        pixel_mm2 = float(np.prod(grid.spacing_mm[list(others)]))
        # The relative 1e-6 absorbs rounding of the header in an area of exactly the threshold.
        large = np.flatnonzero(np.count_nonzero(component, axis=others) * pixel_mm2 >= self.min_area_mm2 * (1 - 1e-6))
        if not len(large):
            raise MaskError(
                f"expected a liver of at least {self.min_area_mm2:g} mm2 in some slice, got none in the mask's largest "
                "component; check the mask and its label"
            )
        return int(large[-1] if sense > 0 else large[0])

    def _crop_sideways(
        self, start: NDArray[np.int_], stop: NDArray[np.int_], component: NDArray[np.bool_], corner: NDArray, grid: Grid
    ) -> None:
        if self.lateral_margin_mm is None:
            return
        for axis in {0, 1, 2} - {grid.superior_axis[0]}:
            margin = math.ceil(self.lateral_margin_mm / grid.spacing_mm[axis] - 1e-6)
            start[axis] = max(corner[axis] - margin, 0)
            stop[axis] = min(corner[axis] + component.shape[axis] + margin, grid.shape[axis])


def _height_mm(grid: Grid, slice_index: int) -> float:
    middle = (np.array(grid.shape) - 1) / 2
    middle[grid.superior_axis[0]] = slice_index
    return float(grid.world_points(middle)[2])

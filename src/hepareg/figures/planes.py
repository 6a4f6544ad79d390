"""Planes through the world with the positions of a picture's pixels, in radiological display convention."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepareg.geometry import Grid
from hepareg.transforms import AffineTransform
from hepareg.transforms.resample import Interpolation, resample
from hepareg.volume import Volume

__all__ = ["VIEWS", "Plane", "View", "plane_through"]


@dataclass(frozen=True)
class View:
    """Direction from which a plane is looked at.

    Parameters
    ----------
    name
        ``axial``, ``coronal`` or ``sagittal``: planes of the world, whatever the voxel axes are.
    right, down
        World directions (RAS) of one step to the right and one step down in the picture.
    letters
        Directions of the body at the left, right, top and bottom border of the picture.
    """

    name: str
    right: tuple[float, float, float]
    down: tuple[float, float, float]
    letters: tuple[str, str, str, str]


VIEWS = (
    View("axial", (-1, 0, 0), (0, -1, 0), ("R", "L", "A", "P")),
    View("coronal", (-1, 0, 0), (0, 0, -1), ("R", "L", "S", "I")),
    View("sagittal", (0, -1, 0), (0, 0, -1), ("A", "P", "S", "I")),
)
"""Radiological display: the patient's right is on the picture's left; sagittal views look to the right."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Square pixels of ``pixel_mm`` on a plane of the fixed world, as a view looks at it."""

    view: View
    grid: Grid

    @property
    def pixel_mm(self) -> float:
        """Edge length of a pixel."""
        return float(self.grid.spacing_mm[0])

    def sample(
        self,
        volume: Volume,
        *,
        moving_from_fixed: AffineTransform | None = None,
        padding: float = -1024,
        interpolation: Interpolation = "linear",
    ) -> NDArray[np.float32]:
        """Return a volume on the plane as (rows, columns) float32; only the plane is sampled."""
        pixels = resample(
            volume,
            self.grid,
            moving_from_fixed=moving_from_fixed,
            interpolation=interpolation,
            padding=padding,
            dtype=np.float32,
        )
        return np.ascontiguousarray(pixels.data[:, :, 0].T)


def plane_through(view: View, centre_mm: ArrayLike, *, size_px: tuple[int, int], pixel_mm: float) -> Plane:
    """Return the plane of ``size_px`` (width, height) pixels around a world point."""
    right, down = np.array(view.right), np.array(view.down)
    width, height = size_px
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, down, np.cross(right, down)], axis=1) * pixel_mm
    matrix[:3, 3] = np.asarray(centre_mm) - matrix[:3, :3] @ [(width - 1) / 2, (height - 1) / 2, 0]
    return Plane(view, Grid((width, height, 1), matrix))

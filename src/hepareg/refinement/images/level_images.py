"""The data of one level: both images at the level's resolution, and the cells in which they are compared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.sampled_features import SampledFeatures
from hepareg.refinement.images.template_cells import TemplateCells

__all__ = ["LevelImages"]


@dataclass(frozen=True, eq=False)
class LevelImages:
    """The images of one level as the solver reads them; poses between them are sampled_from_template.

    Parameters
    ----------
    template
        Image read at its own voxel centres, brought to the sharpness of the other one.
    sampled
        Image that is interpolated between its voxels.
    features
        The sampled image's intensities with their differences between voxels.
    cells
        The template's voxels in and around the liver, cell by cell.
    margin_mm
        Voxels up to this far from the liver's mask are compared.
    """

    template: GridImage
    sampled: GridImage
    features: SampledFeatures
    cells: TemplateCells
    margin_mm: float

    @property
    def is_deblurred(self) -> bool:
        """Whether a share of interpolation's blur is undone; the blur between the images is then free as well."""
        return self.features.deblur is not None

    @property
    def centre_mm(self) -> NDArray[np.floating]:
        """(3,) point about which small motions rotate, world mm of the template."""
        return self.cells.centre_mm

    @property
    def voxel_mm(self) -> float:
        """Cube root of the larger voxel volume of the two images."""
        return max(self.template.grid.voxel_volume_mm3, self.sampled.grid.voxel_volume_mm3) ** (1 / 3)

"""The levels of the refinement: what each looks at, coarse to fine."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.template_cells import CellSamples, cell_samples
from hepareg.refinement.measure import LocalAffineMeasure, Measure
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings

__all__ = ["Level", "RefinementSettings"]


@dataclass(frozen=True)
class Level:
    """One resolution of the refinement.

    Parameters
    ----------
    spacing_mm
        Images are block-averaged to about this spacing, never interpolated to it.
    margin_mm
        Voxels up to this far outside the mask take part; at least 1.6 slices of the template,
        so that the profile of an edge is inside on both of its sides.
    cell_vox
        Edge of the cells in which intensities are related, in voxels of the level.
    max_samples
        Voxels that take part at most.
    keep
        Number of best solutions that go on to the next level.
    window_hu
        Intensities are clamped to this range. Narrow on coarse levels, where lung and bone would
        drown the organs; wide on the finest, where a clamp would distort the profile of an edge.
    solver
        Iteration limits.
    with_surface
        Whether the step at the mask's surface has a size of its own in each cell, and cells that do not fit
        lose their weight as a whole (`LocalAffine`). Both are for a pose that is right to about a voxel.
    """

    spacing_mm: float
    margin_mm: float
    cell_vox: int
    max_samples: int
    keep: int
    window_hu: tuple[float, float]
    solver: GaussNewtonSettings
    with_surface: bool = False

    def samples(
        self, template: GridImage, *, distance: GridImage, margin_mm: float, centre_mm: NDArray[np.floating]
    ) -> CellSamples:
        """Return the cells of a template that the level looks at; `cell_samples` says what the parameters are."""
        return cell_samples(
            template,
            distance=distance,
            margin_mm=margin_mm,
            centre_mm=centre_mm,
            cell_vox=self.cell_vox,
            max_samples=self.max_samples,
            with_surface=self.with_surface,
        )


@dataclass(frozen=True)
class RefinementSettings:
    """The levels, coarse to fine, and the measure that is minimised on each.

    Parameters
    ----------
    measure
        Evidence for the verdict comes from the default measure, whichever finds the pose.
    """

    levels: tuple[Level, ...] = field(
        default=(
            Level(10.0, 10.0, 3, 30_000, 4, (-200.0, 300.0), GaussNewtonSettings(10, 0.5, 15.0)),
            Level(5.0, 7.5, 4, 60_000, 1, (-200.0, 300.0), GaussNewtonSettings(6, 0.2, 8.0)),
            Level(1.5, 6.5, 3, 110_000, 1, (-1000.0, 500.0), GaussNewtonSettings(40, 0.01, 3.0), with_surface=True),
        )
    )
    measure: Measure = field(default_factory=LocalAffineMeasure)

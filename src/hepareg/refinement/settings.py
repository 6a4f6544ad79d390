"""Settings of the refinement: those of each level, from coarse to fine, and those that all levels share."""

from dataclasses import dataclass, field

from hepareg.refinement.images.template_cells import CellSettings
from hepareg.refinement.local_affine import LocalAffineSettings
from hepareg.refinement.slice_profile import SliceProfileSettings
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings

__all__ = ["InterpolationSettings", "LevelSettings", "RefinementSettings", "TemplateSettings"]


@dataclass(frozen=True)
class LevelSettings:
    """One resolution of the refinement.

    Parameters
    ----------
    spacing_mm
        Images are averaged in blocks of about this edge, never interpolated to it.
    margin_mm
        Voxels up to this far outside the mask are compared, or more if slices are thick (`TemplateSettings`).
    cells
        Size and number of the cells in which intensities are related.
    keep
        Number of best solutions that go on to the next level.
    window_hu
        Intensities are clamped to this range. Narrow on coarse levels, on which lung and bone would
        drown the organs; wide on the finest, on which a clamp would distort the profile of an edge.
    solver
        Iteration limits.
    """

    spacing_mm: float
    margin_mm: float
    cells: CellSettings
    keep: int
    window_hu: tuple[float, float]
    solver: GaussNewtonSettings


@dataclass(frozen=True)
class TemplateSettings:
    """Choice of a level's template, and extent of both images that is used.

    Parameters
    ----------
    thicker_ratio
        The searched image is the template if its slices are thicker by this factor than those of the reference image,
        and than the level's spacing.
    margin_slices
        Least margin around the mask in slices of the template: both sides of an edge's profile are then inside.
    max_margin_mm
        Largest margin, however thick the slices: the reference image is cropped to about this (`RegionSettings`).
    reach_spacings
        The searched image is cropped to the region as the starts move it, and this many spacings of the level around
        the region.
    distinct_spacings
        Solutions nearer to each other than this share of the level's spacing count as one.
    """

    thicker_ratio: float = 1.2
    margin_slices: float = 1.6
    max_margin_mm: float = 12.0
    reach_spacings: float = 4.0
    distinct_spacings: float = 0.25


@dataclass(frozen=True)
class InterpolationSettings:
    """Limits for undoing a share of interpolation's blur on the finest level, and for using a solution found that way.

    Parameters
    ----------
    neighbours_mm
        Edge of the cube within which sub-voxel positions are compared: a part of the liver that can bias a pose alone.
    max_coherence
        Above this, the sub-voxel positions of neighbours are so alike that interpolation biases the pose.
    max_slice_ratio
        Slices thicker than this multiple of the level's spacing lie too far apart for linear interpolation.
    deblur
        Share of the blur that is undone. Of 0, 1/2 and 1 the best on simulated pairs with noise, with streaks and with
        livers without contrast, on parallel grids and on others.
    max_way_vox
        A solution found with the blur undone that lies farther than this from every start is not used: with the blur
        between the images free, a pose can follow another structure than the liver.
    max_unexplained
        Nor is a solution that leaves a larger share than this unexplained: free blur parameters would follow the noise.
    """

    neighbours_mm: float = 40.0
    max_coherence: float = 0.5
    max_slice_ratio: float = 1.5
    deblur: float = 0.5
    max_way_vox: float = 1.5
    max_unexplained: float = 0.5


@dataclass(frozen=True)
class RefinementSettings:
    """The levels, coarse to fine, and the settings that all levels share."""

    levels: tuple[LevelSettings, ...] = field(
        default=(
            LevelSettings(10.0, 10.0, CellSettings(3, 30_000), 4, (-200.0, 300.0), GaussNewtonSettings(10, 0.5, 15.0)),
            LevelSettings(5.0, 7.5, CellSettings(4, 60_000), 1, (-200.0, 300.0), GaussNewtonSettings(6, 0.2, 8.0)),
            LevelSettings(
                1.5, 6.5, CellSettings(3, 110_000, 2.5), 1, (-1000.0, 500.0), GaussNewtonSettings(40, 0.01, 3.0)
            ),
        )
    )
    template: TemplateSettings = field(default_factory=TemplateSettings)
    interpolation: InterpolationSettings = field(default_factory=InterpolationSettings)
    slice_profile: SliceProfileSettings = field(default_factory=SliceProfileSettings)
    residual: LocalAffineSettings = field(default_factory=LocalAffineSettings)

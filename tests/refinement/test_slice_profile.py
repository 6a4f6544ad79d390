"""The slice profile is measured on the pair, whatever its width."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_from_vector
from hepareg.refinement.direction import Direction
from hepareg.refinement.images.block_average import GridImage
from hepareg.refinement.images.blur import VOXEL, match_blur
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.images.sampled_features import sampled_features
from hepareg.refinement.images.template_cells import CellSettings, cut_cells
from hepareg.refinement.level import Level
from hepareg.refinement.local_affine import LocalAffine, LocalAffineSettings
from hepareg.refinement.settings import RefinementSettings
from hepareg.refinement.slice_profile import SliceProfileSettings, best_share, has_thicker_slices, widen_slices
from hepareg.transforms import RigidTransform

THICK, THIN = (2.0, 2.0, 6.0), (2.0, 2.0, 2.0)


def grid(shape, spacing):
    return Grid(shape, np.diag([*spacing, 1.0]))


def organ(points):
    """A slab with a sharp upper and lower face, and columns through it that tell the other directions."""
    x, y, z = np.moveaxis(points, -1, 0)
    inside = (np.abs(z - 61.7) < 31.0) * 1.0
    return 400 * inside + 60 * np.sin(x / 6) * np.cos(y / 7) * inside


def seen(on, *, width_mm):
    """The organ, averaged over ``width_mm`` along the slices, on a grid."""
    points = on.world_points(np.stack(np.meshgrid(*map(np.arange, on.shape), indexing="ij"), -1))
    offsets = np.linspace(-0.5, 0.5, 41) * width_mm
    values = np.mean([organ(points + np.array([0, 0, o])) for o in offsets], axis=0)
    noise = 2 * np.random.default_rng(on.shape[2]).standard_normal(on.shape)
    return GridImage(torch.from_numpy((values + noise).astype(np.float32)), on)


def thick_level(*, width_mm):
    """A thick template of a stated true width; its region ends within the profile of the upper face."""
    template, sampled = (
        seen(grid((24, 24, 20), THICK), width_mm=width_mm),
        seen(grid((24, 24, 60), THIN), width_mm=2.0),
    )
    first, second = match_blur(template, sampled, sampled_from_template=np.eye(3), interpolation_share=1.0)
    template, sampled = GridImage(first, template.grid), GridImage(second, sampled.grid)
    height = torch.from_numpy(template.grid.world_points(np.argwhere(np.ones(template.grid.shape)))[:, 2])
    distance = GridImage((height - 94.0).clamp(min=0).float().reshape(template.grid.shape), template.grid)
    cells = cut_cells(
        template,
        distance=distance,
        margin_mm=0.5,
        centre_mm=np.array([23.0, 23.0, 60.0]),
        settings=CellSettings(3, 110_000),
    )
    images = LevelImages(template, sampled, sampled_features(sampled), cells, 0.5)
    settings = RefinementSettings()
    return Level(Direction(), images, distance, settings.levels[-1], settings)


def test_thick_is_against_the_other_image():
    thick, thin = (GridImage(torch.zeros(4, 4, 4), grid((4, 4, 4), s)) for s in (THICK, THIN))
    assert has_thicker_slices(thick, thin, settings=SliceProfileSettings())
    assert not has_thicker_slices(thick, thick, settings=SliceProfileSettings())
    assert not has_thicker_slices(thin, thick, settings=SliceProfileSettings())


def test_one_more_box_along_the_slices_normal():
    data = torch.zeros(21, 21, 21)
    data[10, 10, 10] = 1.0
    thick, thin = GridImage(data, grid((21, 21, 21), THICK)), GridImage(data, grid((21, 21, 21), THIN))
    quarter = rotation_from_vector([np.pi / 2, 0, 0])  # the template's k lies along the sampled image's j
    blurred = widen_slices(thick, thin, sampled_from_template=quarter)
    profiles = [blurred.sum(dim=[a for a in range(3) if a != axis]).double().numpy() for axis in range(3)]
    variances = [p @ np.arange(21.0) ** 2 - (p @ np.arange(21.0)) ** 2 for p in profiles]
    assert variances == pytest.approx([0, VOXEL * 36 / 4, 0], abs=0.02)


@pytest.mark.parametrize("share", [-0.1, 0.0, 0.43, 0.9])
def test_share_is_found_again(share):
    made = thick_level(width_mm=6.0)
    sampled = made.images.sampled
    change = widen_slices(made.images.template, sampled, sampled_from_template=np.eye(3)) - sampled.data
    residual = made.residual
    target = residual.sampled.rebuild(replace(sampled, data=sampled.data + share * change))
    shown = target.interpolate(np.eye(4)[None], residual.cells).values[0]
    exact = LocalAffine(
        type(residual.cells)(shown, residual.cells.weights, residual.cells.offsets_mm, residual.cells.centre_mm),
        residual.sampled,
        settings=LocalAffineSettings(ridge_hu2=0.0),
    )
    assert best_share(
        exact, change, sampled, pose=RigidTransform.identity(), settings=SliceProfileSettings()
    ) == pytest.approx(share, abs=0.03)


def test_a_wide_profile_is_explained_better_once_measured():
    here = RigidTransform.identity()
    wide = thick_level(width_mm=9.0)
    assert wide.match_slice_profile(here).unexplained([here])[0] < 0.998 * wide.unexplained([here])[0]

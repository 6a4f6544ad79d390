"""Images and mask surfaces weighed against each other: livers with texture and without, masks right and wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion

from hepareg.pair import ImagePair
from hepareg.refinement.multilevel import refine
from hepareg.refinement.settings import RefinementSettings
from hepareg.registration.inner_texture import TextureSettings, texture_information
from hepareg.registration.mask_surface import MaskSurfaceSettings, mask_surface
from hepareg.registration.pose_uncertainty import Estimate, mean_distances_mm
from hepareg.registration.problem import ProblemSettings, build_problem
from hepareg.registration.surface_fusion import SurfaceFusionSettings, fuse_surfaces
from hepareg.simulation import AcquisitionSettings, MotionSettings, PairSettings, PhantomSettings, simulate_pair
from hepareg.transforms import RigidTransform

NOISE_HU = 25.0


def without_texture(image, mask, seed):
    """Return the image with one intensity inside the liver's rim, and strong noise everywhere."""
    voxels, inside = np.array(image.data, dtype=np.float32), np.asarray(mask.data) > 0
    deep = binary_erosion(inside)
    voxels[deep] = np.median(voxels[deep])
    noise = np.random.default_rng(seed).normal(0, NOISE_HU, voxels.shape)
    return image.with_data(voxels + noise.astype(np.float32))


def lowered(mask, shift_mm):
    """Return the mask as somebody would have drawn it who drew it too low."""
    axis, sense = mask.grid.superior_axis
    steps = -round(shift_mm / mask.grid.spacing_mm[axis]) * sense
    return mask.with_data(np.roll(np.asarray(mask.data), steps, axis=axis))


def prepared(images, truth):
    """Return the problem and its finest level, refined from the truth."""
    problem = build_problem(ImagePair(**images), device=torch.device("cpu"), settings=ProblemSettings())
    with torch.no_grad():
        found = refine(
            problem.region, problem.searched, [truth], when_alike=problem.direction, settings=RefinementSettings()
        )
    return problem, found.finest.level, found.pose


@pytest.fixture(scope="module")
def textured(pair):
    images, truth = pair
    return (*prepared(images, truth), truth)


@pytest.fixture(scope="module")
def plain(pair):
    images, truth = pair
    masks = {role: images[f"{role}_mask"] for role in ("moving", "fixed")}
    flat = {role: without_texture(images[role], mask, seed) for seed, (role, mask) in enumerate(masks.items())}
    return (*prepared({**images, **flat}, truth), truth)


def moved(pose, centre_mm, shift_mm):
    return RigidTransform(
        (pose @ RigidTransform.from_vectors([0.03, -0.02, 0.02], shift_mm, centre_mm=centre_mm)).matrix
    )


def fuse(problem, level, pose, **changes):
    settings = replace(SurfaceFusionSettings(), **changes)
    before = Estimate(pose, 0.1)
    with torch.no_grad():
        return before, fuse_surfaces(problem, level, before, settings=settings)


def error_mm(problem, pose, truth):
    return float(mean_distances_mm([pose], truth, problem.points_mm)[0])


def test_surfaces_that_agree_leave_the_estimate_alone(textured):
    problem, level, pose, _ = textured
    before, after = fuse(problem, level, pose)
    assert after is before


def test_without_texture_the_surfaces_repair_a_misled_pose(plain):
    problem, level, _, truth = plain
    wrong = moved(truth, problem.region.centre_mm, [2.0, -3.0, 6.0])
    assert error_mm(problem, wrong, truth) > 6.0
    before, after = fuse(problem, level, wrong)
    assert error_mm(problem, after.transform, truth) < 1.0  # masks on voxels of 4 mm
    assert after.uncertainty_mm > 0.3  # that of the surfaces, not the images' 0.1 mm
    assert after.directions_error_mm == before.directions_error_mm


def test_without_texture_both_roles_of_the_images_give_one_pose(plain, pair):
    problem, level, _, truth = plain
    wrong = moved(truth, problem.region.centre_mm, [2.0, -3.0, 6.0])
    _, after = fuse(problem, level, wrong)
    exchanged = level.exchange(wrong)
    _, other = fuse(problem, exchanged, wrong)
    assert error_mm(problem, other.transform, after.transform) < 0.1


@pytest.mark.slow
def test_with_texture_wrong_masks_hardly_move_the_pose():
    settings = PairSettings(
        phantom=PhantomSettings(shape=(150, 130, 100), spacing_mm=(2.5, 2.5, 2.5)),
        motion=MotionSettings(translation_mm=(14.0, 16.0)),
        moving=AcquisitionSettings(),
    )
    made = simulate_pair(settings=settings, seed=4)
    masks = {
        "moving_mask": made.moving_liver.with_data(made.moving_liver.data > 0),
        "fixed_mask": made.fixed_liver.with_data(made.fixed_liver.data > 0),
    }
    problem, level, pose = prepared({"moving": made.moving, "fixed": made.fixed, **masks}, made.truth)
    bad = replace(problem, searched_mask=lowered(problem.searched_mask, 8.0))
    _, after = fuse(bad, level, pose)
    assert error_mm(problem, after.transform, pose) < 0.2  # a fortieth of the masks' error
    _, alone = fuse(bad, level, pose, texture=TextureSettings(inside_mm=100.0))  # no cell is that deep
    assert error_mm(problem, alone.transform, made.truth) > 5.0  # with the surfaces alone the masks decide


def test_one_mask_is_no_second_observation(plain):
    problem, level, _, truth = plain
    wrong = moved(truth, problem.region.centre_mm, [0.0, 0.0, 6.0])
    before, after = fuse(replace(problem, searched_mask=None), level, wrong)
    assert after is before


def test_vessels_inform_and_noise_does_not(textured, plain):
    traces = []
    for problem, level, _, truth in (textured, plain):
        mask = level.direction.order(problem.reference_mask, problem.searched_mask)[0]
        inside = mask_surface(mask, settings=MaskSurfaceSettings()).distance_below(5.0, device=torch.device("cpu"))
        with torch.no_grad():
            found = texture_information(
                level, level.direction.to_solver(truth), inside=inside, settings=TextureSettings()
            )
        traces.append(np.trace(found))
    assert traces[0] > 20 * max(traces[1], 0.1)

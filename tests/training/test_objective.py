from typing import NamedTuple, get_args

import pytest
import torch

from hepareg.similarity import IMAGE_MEASURES, LABEL_MEASURES
from hepareg.training import settings as training_settings
from hepareg.training.objective import Objective, widened
from hepareg.training.settings import LossSettings
from hepareg.transforms import RigidTransform


class Output(NamedTuple):
    predicted: torch.Tensor
    displacement: torch.Tensor | None = None


@pytest.fixture
def moved():
    """A smooth image and mask, the same moved by a known transform, and that transform; 4 mm voxels, far from 0."""
    world_from_voxel = torch.diag(torch.tensor([4.0, 4.0, 4.0, 1.0], dtype=torch.float64))
    world_from_voxel[:3, 3] = torch.tensor([-60.0, 300.0, 900.0])
    indices = torch.stack(torch.meshgrid(*[torch.arange(20.0, dtype=torch.float64)] * 3, indexing="ij"), dim=-1)
    points = indices * 4 + world_from_voxel[:3, 3]
    centre = points[10, 10, 10]
    truth = RigidTransform.from_vectors([0.1, 0.05, -0.1], [4.0, -3.0, 2.0], centre_mm=centre.numpy())

    def draw(points):
        gap = (points - centre) / torch.tensor([1.2, 1.0, 0.8], dtype=torch.float64)
        mask = torch.sigmoid((24 - gap.norm(dim=-1)) / 2)
        return (mask * torch.sin((points - centre).sum(dim=-1) / 9)).float()[None, None], mask.float()[None, None]

    inverse = torch.from_numpy(truth.inverse().matrix)
    moving, moving_mask = draw(points @ inverse[:3, :3].T + inverse[:3, 3])
    fixed, fixed_mask = draw(points)
    images = {"moving": moving, "fixed": fixed, "moving_mask": moving_mask, "fixed_mask": fixed_mask}
    return images | {"world_from_voxel": world_from_voxel[None]}, torch.from_numpy(truth.matrix.copy())[None]


@pytest.mark.parametrize("name", [*IMAGE_MEASURES, *LABEL_MEASURES])
def test_every_loss_is_lower_at_the_truth_than_at_the_start_and_has_a_gradient(moved, name):
    images, truth = moved
    family = "labels" if name in LABEL_MEASURES else "similarity"
    objective = Objective(LossSettings.model_validate({"similarity": {}, family: {name: 1.0}}))
    start = torch.eye(4, dtype=torch.float64)[None].clone().requires_grad_()
    at_start = objective(Output(start), **images)["loss"]
    assert objective(Output(truth), **images)["loss"] < at_start
    (gradient,) = torch.autograd.grad(at_start.sum(), start)
    assert torch.isfinite(gradient).all()
    assert gradient[0, :3].abs().max() > 0


def test_the_sum_is_weighted(moved):
    images, truth = moved
    objective = Objective(LossSettings(similarity={"mse": 2.0, "ncc": 0.5}, labels={"soft_dice": 3.0}))
    terms = objective(Output(truth), **images)
    expected = 2 * terms["mse"] + 0.5 * terms["ncc"] + 3 * terms["soft_dice"]
    assert torch.allclose(terms["loss"], expected)
    assert terms["loss"].shape == (1,)


def test_the_names_in_the_settings_are_the_families_names():
    assert set(get_args(training_settings.Similarity)) == set(IMAGE_MEASURES)
    assert set(get_args(training_settings.LabelLoss)) == set(LABEL_MEASURES)


def test_widening_grows_a_mask_in_millimetres():
    mask = torch.zeros(1, 1, 9, 9, 9)
    mask[0, 0, 4, 4, 4] = 1
    grown = widened(mask, margin_mm=4.0, spacing_mm=[2.0, 4.0, 20.0])
    assert grown.sum() == 5 * 3
    assert torch.equal(widened(mask, margin_mm=0.0, spacing_mm=[2.0, 2.0, 2.0]), mask)

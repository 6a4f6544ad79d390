import pytest
import torch

from hepareg.networks import RegistrationOutput
from hepareg.regularisation import REGULARISERS
from hepareg.similarity import IMAGE_LOSSES, LABEL_LOSSES, mind
from hepareg.training.loss import PairTensors, training_loss, widened
from hepareg.training.loss_options import options_of
from hepareg.training.loss_settings import LossSettings
from hepareg.transforms import RigidTransform

FAMILIES = {"similarity": IMAGE_LOSSES, "labels": LABEL_LOSSES, "regularisation": REGULARISERS}
OTHER_VALUES = {
    ("local_ncc", "radius_mm"): 15.0,
    ("nmi", "num_bins"): 16,
    ("mi", "num_bins"): 16,
    ("mind", "distance_mm"): 8.0,
    ("mind", "radius_mm"): 8.0,
    ("ngf", "edge"): 0.3,
    ("gradients", "power"): 1,
    ("folding", "smallest"): 1.5,
}
"""A value other than the default for every option that changes the value of its loss."""
SAME_VALUE = {("mind", "recompute")}
"""Options that change time and memory, not the value."""


def output(predicted, displacement=None):
    return RegistrationOutput(predicted, displacement, torch.ones(len(predicted), 2))


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

    inverse = torch.from_numpy(truth.inverse().matrix.copy())
    moving, moving_mask = draw(points @ inverse[:3, :3].T + inverse[:3, 3])
    fixed, fixed_mask = draw(points)
    pairs = PairTensors(moving, fixed, moving_mask, fixed_mask, world_from_voxel[None])
    return pairs, torch.from_numpy(truth.matrix.copy())[None]


@pytest.mark.parametrize("name", [*IMAGE_LOSSES, *LABEL_LOSSES])
def test_every_loss_is_lower_at_the_truth_than_at_the_start_and_has_a_gradient(moved, name):
    pairs, truth = moved
    family = "labels" if name in LABEL_LOSSES else "similarity"
    settings = LossSettings.model_validate({"similarity": {}, family: {name: 1.0}})
    start = torch.eye(4, dtype=torch.float64)[None].clone().requires_grad_()
    at_start = training_loss(settings, output(start), pairs)["loss"]
    assert training_loss(settings, output(truth), pairs)["loss"] < at_start
    (gradient,) = torch.autograd.grad(at_start.sum(), start)
    assert torch.isfinite(gradient).all()
    assert gradient[0, :3].abs().max() > 0


def test_the_sum_is_weighted(moved):
    pairs, truth = moved
    settings = LossSettings.model_validate(
        {
            "similarity": {"mse": 2.0, "ncc": {"weight": 0.5}},
            "labels": {"soft_dice": 3.0},
            "regularisation": {"identity": 0.1},
        }
    )
    terms = training_loss(settings, output(truth), pairs)
    expected = 2 * terms["mse"] + 0.5 * terms["ncc"] + 3 * terms["soft_dice"] + 0.1 * terms["identity"]
    assert torch.allclose(terms["loss"], expected)
    assert terms["loss"].shape == (1,)


def test_a_part_has_one_name_in_all_families():
    names = [name for family in FAMILIES.values() for name in family]
    assert len(set(names)) == len(names)
    assert "loss" not in names


ALL_OPTIONS = [
    (family, name, option) for family, table in FAMILIES.items() for name in table for option in options_of(table[name])
]


@pytest.mark.parametrize(("family", "name", "option"), ALL_OPTIONS)
def test_every_option_reaches_its_loss_and_changes_the_value(moved, monkeypatch, family, name, option):
    """A new option needs a line in OTHER_VALUES, or in SAME_VALUE and a test of its own."""
    pairs, truth = moved
    generator = torch.Generator().manual_seed(0)
    field = torch.randn(1, 3, *pairs.fixed.shape[2:], generator=generator, dtype=torch.float64)
    prediction = output(truth, field)

    def value(**options):
        chosen = {"similarity": {"mse": 1.0}, family: {name: {"weight": 1.0, **options}}}
        return training_loss(LossSettings.model_validate(chosen), prediction, pairs, backward=prediction)[name].item()

    if (name, option) in SAME_VALUE:
        computed_again = []
        original = mind._again
        monkeypatch.setattr(mind, "_again", lambda *given: computed_again.append(1) or original(*given))
        assert value(**{option: True}) == value(**{option: False})
        assert computed_again
    else:
        assert value(**{option: OTHER_VALUES[name, option]}) != pytest.approx(value(), rel=1e-3)


def test_a_penalty_that_requires_the_other_direction_says_so():
    settings = LossSettings(regularisation={"inverse_consistency": 1.0, "folding": 1.0})
    assert settings.penalties_that_require("backward_matrix") == ["inverse_consistency"]
    assert settings.penalties_that_require("displacement") == ["folding"]


def test_widening_grows_a_mask_in_millimetres():
    mask = torch.zeros(1, 1, 9, 9, 9)
    mask[0, 0, 4, 4, 4] = 1
    grown = widened(mask, margin_mm=4.0, spacing_mm=[2.0, 4.0, 20.0])
    assert grown.sum() == 5 * 3
    assert torch.equal(widened(mask, margin_mm=0.0, spacing_mm=[2.0, 2.0, 2.0]), mask)

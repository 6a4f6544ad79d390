"""Promises that every similarity loss keeps."""

from functools import partial

import pytest
import torch

from hepareg.errors import InputError
from hepareg.similarity import IMAGE_LOSSES, LABEL_LOSSES

SPACING = (1.5, 2.0, 3.0)
LOSSES = IMAGE_LOSSES | LABEL_LOSSES
SUPPORT_VOX = {"mind": (4, 4, 2), "ngf": (1, 1, 1)}
"""Stated support: voxels farther from the mask have no influence. 3 mm of distance and 3 mm of radius on this spacing
are 2 + 2, 2 + 2 and 1 + 1 voxels for MIND; every loss that is not named has 0 voxels."""
BEST = {"mi": None, "nmi": None}  # the value for equal images depends on them; otherwise 0


def smooth(shape, seed, dtype=torch.float32):
    """Return a random image with structure of a few voxels, in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(shape, generator=generator, dtype=torch.float64)
    for _ in range(2):
        for axis in (2, 3, 4):
            image = (image.roll(1, axis) + 2 * image + image.roll(-1, axis)) / 4
    low, high = image.amin(), image.amax()
    return ((image - low) / (high - low)).to(dtype)


def pair(name, shape=(2, 1, 14, 12, 10), dtype=torch.float32):
    """Return fixed, warped and mask; labels are soft blobs."""
    fixed, warped = smooth(shape, 1, dtype), smooth(shape, 2, dtype)
    if name in LABEL_LOSSES:
        fixed, warped = (torch.sigmoid(20 * (x - 0.5)) for x in (fixed, warped))
    mask = torch.zeros(shape[0], 1, *shape[2:], dtype=torch.bool)
    mask[:, :, 4:10, 4:9, 4:7] = True
    mask[0, :, 4:6] = False
    return fixed, warped, mask


@pytest.mark.parametrize("name", LOSSES)
def test_shape_and_range(name):
    fixed, warped, mask = pair(name)
    for m in (mask, mask.float(), None):
        value = LOSSES[name](fixed, warped, m, spacing_mm=SPACING)
        assert value.shape == (2,)
        assert torch.isfinite(value).all()


@pytest.mark.parametrize("name", LOSSES)
def test_equal_images_are_the_best_case(name):
    fixed, warped, mask = pair(name)
    equal = LOSSES[name](fixed, fixed, mask, spacing_mm=SPACING)
    other = LOSSES[name](fixed, warped, mask, spacing_mm=SPACING)
    assert (equal < other - 0.01).all()
    if name not in BEST and name != "boundary_distance":
        torch.testing.assert_close(equal, torch.zeros(2), atol=2e-3 if name == "local_ncc" else 1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "worst"), [("ncc", 2.0), ("local_ncc", 1.0), ("mi", 0.0), ("nmi", 1.0), ("ngf", 1.0), ("soft_dice", 1.0)]
)
def test_worst_case(name, worst):
    i, j, _ = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in (24, 24, 24)), indexing="ij")
    fixed, warped = (i / 24)[None, None], (j / 24)[None, None]  # unrelated, with crossing edges
    if name == "ncc":
        warped = 1 - fixed
    if name == "soft_dice":
        fixed, warped = (i < 8).float()[None, None], (i > 16).float()[None, None]
    loss = partial(LOSSES[name], edge=1e-3) if name == "ngf" else LOSSES[name]
    value = loss(fixed, warped, spacing_mm=SPACING)
    assert value.item() == pytest.approx(worst, abs=0.02)


@pytest.mark.parametrize("name", LOSSES)
def test_dtypes(name):
    fixed, warped, mask = pair(name, dtype=torch.float64)
    exact = LOSSES[name](fixed, warped, mask, spacing_mm=SPACING)
    assert exact.dtype == torch.float64
    single = LOSSES[name](fixed.float(), warped.float(), mask, spacing_mm=SPACING)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, atol=2e-5, rtol=1e-4)
    half = LOSSES[name](fixed.bfloat16(), warped.bfloat16(), mask, spacing_mm=SPACING)
    assert half.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = LOSSES[name](fixed.float(), warped.float(), mask, spacing_mm=SPACING)
    torch.testing.assert_close(under_autocast, single, atol=0, rtol=0)


@pytest.mark.parametrize("name", LOSSES)
def test_batch_equals_loop(name):
    fixed, warped, mask = pair(name, shape=(3, 1, 14, 12, 10))
    batch = LOSSES[name](fixed, warped, mask, spacing_mm=SPACING)
    loop = [LOSSES[name](fixed[b : b + 1], warped[b : b + 1], mask[b : b + 1], spacing_mm=SPACING) for b in range(3)]
    torch.testing.assert_close(batch, torch.cat(loop), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_of_both_operands(name):
    fixed, warped, mask = pair(name, shape=(1, 1, 6, 5, 4), dtype=torch.float64)
    mask = smooth(mask.shape, 3, torch.float64) * (smooth(mask.shape, 4) > 0.3)
    fixed.requires_grad_()
    warped.requires_grad_()
    tolerance = 1e-3 if name == "local_ncc" else 1e-5  # its normalisation is held constant; only the floor sees it
    if name == "boundary_distance":
        assert torch.autograd.gradcheck(
            lambda w: LOSSES[name](fixed.detach(), w, mask, spacing_mm=SPACING), (warped,), atol=tolerance
        )
    else:
        assert torch.autograd.gradcheck(
            lambda f, w: LOSSES[name](f, w, mask, spacing_mm=SPACING), (fixed, warped), atol=tolerance
        )


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_finite_for_constant_images(name):
    fixed, warped, mask = pair(name)
    for constant in (0.0, 1.0):
        w = torch.full_like(warped, constant).requires_grad_()
        LOSSES[name](fixed, w, mask, spacing_mm=SPACING).sum().backward()
        assert torch.isfinite(w.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_edits_beyond_the_support_change_nothing(name):
    loss = LOSSES[name]
    fixed, warped, mask = pair(name, shape=(2, 1, 24, 22, 18))
    reached = mask.clone()
    for axis, support in zip((2, 3, 4), SUPPORT_VOX.get(name, (0, 0, 0)), strict=True):
        reached = sum(reached.roll(shift, axis) for shift in range(-support, support + 1)) > 0
    noise = smooth(fixed.shape, 5)
    edited_fixed = fixed if name == "boundary_distance" else torch.where(reached, fixed, noise * 50 - 20)
    edited_warped = torch.where(reached, warped, 30 - noise * 40)
    value = loss(fixed, warped, mask, spacing_mm=SPACING)
    torch.testing.assert_close(loss(edited_fixed, edited_warped, mask, spacing_mm=SPACING), value, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("name", SUPPORT_VOX)
def test_the_stated_support_is_needed(name):
    loss = LOSSES[name]
    fixed, warped, _ = pair(name, shape=(1, 1, 24, 22, 18))
    mask = torch.zeros_like(fixed)
    mask[:, :, 12, 11, 9] = 1
    support = SUPPORT_VOX[name]
    edited = warped.clone()
    edited[:, :, 12 + support[0], 11, 9] += 0.5
    value = loss(fixed, warped, mask, spacing_mm=SPACING)
    assert (loss(fixed, edited, mask, spacing_mm=SPACING) - value).abs() > 1e-6


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_is_said_of_an_empty_mask(name):
    fixed, warped, mask = pair(name)
    value = LOSSES[name](fixed, warped, torch.zeros_like(mask), spacing_mm=SPACING)
    assert torch.isnan(value).all() or name == "soft_dice"


@pytest.mark.parametrize("name", LOSSES)
def test_wrong_shapes_are_an_error(name):
    fixed, warped, mask = pair(name)
    with pytest.raises(InputError, match="expected fixed and warped of one shape"):
        LOSSES[name](fixed, warped[:, :, 1:], mask, spacing_mm=SPACING)
    with pytest.raises(InputError, match="expected a mask of shape"):
        LOSSES[name](fixed, warped, mask[:, :, 1:], spacing_mm=SPACING)


@pytest.mark.parametrize("name", ["local_ncc", "mind", "ngf"])
def test_wrong_spacing_is_an_error(name):
    fixed, warped, mask = pair(name)
    with pytest.raises(InputError, match="expected three positive spacings"):
        LOSSES[name](fixed, warped, mask, spacing_mm=(1.0, 0.0, 1.0))


@pytest.mark.parametrize("name", ["ncc", "local_ncc", "nmi", "mi", "mind", "ngf"])
def test_hounsfield_units_lose_no_precision(name):
    fixed, warped, mask = pair(name, shape=(1, 1, 40, 36, 30))
    mask = torch.ones_like(mask)
    fixed_hu, warped_hu = (x.double() * 60 + 3000 for x in (fixed, warped))
    fixed_hu[:, :, :10], warped_hu[:, :, :10] = -1024, -1024
    exact = LOSSES[name](fixed_hu, warped_hu, mask, spacing_mm=SPACING)
    single = LOSSES[name](fixed_hu.float(), warped_hu.float(), mask, spacing_mm=SPACING)
    torch.testing.assert_close(single.double(), exact, atol=1e-4, rtol=1e-3)

"""Losses against their definitions written out voxel by voxel, and against MONAI where both apply."""

import math

import numpy as np
import pytest
import torch

from hepareg.similarity import mind
from hepareg.similarity.boundary_distance import boundary_distance_loss, distance_to_boundary_mm
from hepareg.similarity.local_ncc import VARIANCE_FLOOR, local_ncc_loss
from hepareg.similarity.mi import mi_loss
from hepareg.similarity.mind import PAIRS, mind_descriptor, mind_loss
from hepareg.similarity.mse import mse_loss
from hepareg.similarity.ncc import ncc_loss
from hepareg.similarity.ngf import ngf_loss
from hepareg.similarity.nmi import nmi_loss
from hepareg.similarity.soft_dice import soft_dice_loss

RNG = np.random.default_rng(0)
SHAPE = (7, 6, 5)
FIXED, WARPED = RNG.uniform(size=SHAPE), RNG.uniform(size=SHAPE)
MASK = RNG.uniform(size=SHAPE) * (RNG.uniform(size=SHAPE) > 0.4)
W = MASK / MASK.sum()


def tensors(*arrays):
    return [torch.tensor(a)[None, None] for a in arrays]


def test_mse():
    assert mse_loss(*tensors(FIXED, WARPED, MASK)).item() == pytest.approx((W * (FIXED - WARPED) ** 2).sum())


def test_ncc():
    f, m = FIXED - (W * FIXED).sum(), WARPED - (W * WARPED).sum()
    expected = 1 - (W * f * m).sum() / math.sqrt((W * f * f).sum() * (W * m * m).sum())
    assert ncc_loss(*tensors(FIXED, WARPED, MASK)).item() == pytest.approx(expected)
    assert ncc_loss(*tensors(FIXED, 3 * FIXED - 40, MASK)).item() == pytest.approx(0, abs=1e-12)
    assert ncc_loss(*tensors(FIXED, -FIXED, MASK)).item() == pytest.approx(2)


def test_local_ncc_voxel_by_voxel():
    radius = (1, 2, 1)  # 4 mm on a spacing of 4, 2 and 5 mm
    f, m = ((x - (W * x).sum()) / math.sqrt((W * (x - (W * x).sum()) ** 2).sum()) for x in (FIXED, WARPED))
    total = weight = 0.0
    for centre in np.ndindex(*SHAPE):
        box = tuple(slice(max(c - r, 0), c + r + 1) for c, r in zip(centre, radius, strict=True))
        count = MASK[box].sum()
        w = MASK[box] / count
        a, b = f[box] - (w * f[box]).sum(), m[box] - (w * m[box]).sum()
        variances = ((w * a * a).sum() + VARIANCE_FLOOR) * ((w * b * b).sum() + VARIANCE_FLOOR)
        total += MASK[centre] * count * (w * a * b).sum() ** 2 / variances
        weight += MASK[centre] * count
    value = local_ncc_loss(*tensors(FIXED, WARPED, MASK), spacing_mm=(4, 2, 5), radius_mm=4.0)
    assert value.item() == pytest.approx(1 - total / weight, rel=1e-9)


def spline_histogram(bins):
    """Joint histogram with quadratic B-splines evaluated bin by bin."""

    def shares(image):
        low, high = image[MASK > 0].min(), image[MASK > 0].max()
        t = np.abs(1 + (image[..., None] - low) / (high - low) * (bins - 3) - np.arange(bins))
        return np.where(t <= 0.5, 0.75 - t**2, np.where(t < 1.5, 0.5 * (1.5 - t) ** 2, 0))

    return np.einsum("ijk,ijkf,ijkw->fw", W, shares(FIXED), shares(WARPED))


def entropy(p):
    p = p[p > 0]
    return -(p * np.log(p)).sum()


def test_mi_and_nmi_bin_by_bin():
    joint = spline_histogram(8)
    f, m, both = entropy(joint.sum(1)), entropy(joint.sum(0)), entropy(joint)
    assert mi_loss(*tensors(FIXED, WARPED, MASK), num_bins=8).item() == pytest.approx(both - f - m, rel=1e-9)
    assert nmi_loss(*tensors(FIXED, WARPED, MASK), num_bins=8).item() == pytest.approx(2 - (f + m) / both, rel=1e-9)


@pytest.mark.parametrize("loss", [mi_loss, nmi_loss])
def test_a_linear_change_of_contrast_does_not_change_information(loss):
    equal = loss(*tensors(FIXED, FIXED, MASK))
    torch.testing.assert_close(loss(*tensors(FIXED, 200 - 90 * FIXED, MASK)), equal)


def test_mind_voxel_by_voxel():
    image = np.pad(FIXED, 2, mode="edge")
    distances = np.zeros((12, *SHAPE))
    for p, (a, b) in enumerate(PAIRS):
        for x in np.ndindex(*SHAPE):
            patch = [
                y for y in np.ndindex(*SHAPE) if all(abs(u - v) <= r for u, v, r in zip(x, y, (1, 0, 1), strict=True))
            ]
            difference = [
                image[tuple(y + 2 + (1, 2, 1) * np.array(a))] - image[tuple(y + 2 + (1, 2, 1) * np.array(b))]
                for y in map(np.array, patch)
            ]
            distances[(p, *x)] = np.mean(np.square(difference))
    distances -= distances.min(axis=0)
    variance = distances.mean(axis=0)
    typical = (W * variance).sum()
    expected = np.exp(-distances / np.clip(variance, 1e-3 * typical, 1e3 * typical))
    image, weights = tensors(FIXED, MASK)
    descriptor = mind_descriptor(image, weights, distance_vox=(1, 2, 1), radius_vox=(1, 0, 1))
    np.testing.assert_allclose(descriptor[0].numpy(), expected, rtol=1e-9)


def test_a_linear_change_of_contrast_does_not_change_mind():
    assert len(PAIRS) == 12
    fixed, inverted, mask = tensors(FIXED, 5 - 30 * FIXED, MASK)
    assert mind_loss(fixed, inverted, mask, spacing_mm=(3, 3, 3)).item() == pytest.approx(0, abs=1e-12)


def test_mind_recomputed_is_the_same():
    gradients = []
    for recompute in (False, True):
        fixed, warped, mask = tensors(FIXED, WARPED, MASK)
        loss = mind_loss(fixed, warped.requires_grad_(), mask, spacing_mm=(3, 3, 3), recompute=recompute)
        loss.sum().backward()
        gradients.append((loss.detach(), warped.grad))
    torch.testing.assert_close(*gradients, atol=0, rtol=0)


@pytest.mark.parametrize("radius_mm", [0.0, 6.0])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_mind_slab_by_slab_is_the_same(monkeypatch, radius_mm, order):
    results = []
    for voxels in (10**9, 40):
        monkeypatch.setattr(mind, "SLAB_VOXELS", voxels)
        fixed, warped, mask = (
            torch.cat([x, x.flip(2) * 0.7]) for x in tensors(*(a.transpose(order) for a in (FIXED, WARPED, MASK)))
        )
        loss = mind_loss(fixed, warped.requires_grad_(), mask, spacing_mm=(3, 3, 3), radius_mm=radius_mm)
        loss.sum().backward()
        results.append((loss.detach(), warped.grad))
    torch.testing.assert_close(*results, atol=1e-13, rtol=1e-9)


def test_ngf_voxel_by_voxel():
    spacing = (0.7, 1.5, 4.0)
    g, h = (np.stack(np.gradient(x, *spacing)) for x in (FIXED, WARPED))
    g, h = (x / (W * np.linalg.norm(x, axis=0)).sum() for x in (g, h))
    e = 0.5**2
    ratio = ((g * h).sum(0) + e) ** 2 / (((g * g).sum(0) + e) * ((h * h).sum(0) + e))
    value = ngf_loss(*tensors(FIXED, WARPED, MASK), spacing_mm=spacing, edge=0.5)
    assert value.item() == pytest.approx((W * (1 - ratio)).sum(), rel=1e-6)


def test_soft_dice():
    expected = 1 - 2 * (MASK * FIXED * WARPED).sum() / (MASK * (FIXED**2 + WARPED**2)).sum()
    assert soft_dice_loss(*tensors(FIXED, WARPED, MASK)).item() == pytest.approx(expected, rel=1e-6)
    absent = torch.zeros(1, 2, *SHAPE)
    absent[:, 0] = 1
    assert soft_dice_loss(absent, absent).item() == 0


def test_distance_to_a_plane_is_in_millimetres():
    label = torch.zeros(1, 1, 10, 4, 4)
    label[:, :, 4:] = 1
    distance = distance_to_boundary_mm(label, (2.0, 3.0, 5.0))
    expected = torch.tensor([7.0, 5.0, 3.0, 1.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0])
    torch.testing.assert_close(distance[0, 0, :, 1, 2], expected)


def test_boundary_distance_grows_where_dice_saturates():
    fixed = torch.zeros(1, 1, 30, 8, 8)
    fixed[:, :, 4:8] = 1
    losses = [boundary_distance_loss(fixed, fixed.roll(n, 2), spacing_mm=(2, 2, 2)).item() for n in (0, 2, 6, 12)]
    assert losses[0] == 0
    assert losses[1] == pytest.approx(2 * (1 + 3) * 2 / 8)  # two slabs of two voxels, 1 and 3 mm off, over four
    assert losses == sorted(losses)
    assert losses[3] > losses[2] + 1


@pytest.mark.slow
def test_agrees_with_monai():
    """Where MONAI's definitions coincide: no mask, isotropic voxels, one sample."""
    monai = pytest.importorskip("monai.losses")
    generator = torch.Generator().manual_seed(0)
    fixed = torch.nn.functional.avg_pool3d(torch.rand(1, 1, 42, 42, 42, generator=generator), 3, 1)
    warped = fixed.square() + 0.1 * torch.nn.functional.avg_pool3d(
        torch.rand(1, 1, 42, 42, 42, generator=generator), 3, 1
    )
    theirs = 1 + monai.LocalNormalizedCrossCorrelationLoss(kernel_size=5)(warped, fixed)
    ours = local_ncc_loss(fixed, warped, spacing_mm=(1, 1, 1), radius_mm=2.0)
    assert ours.item() == pytest.approx(theirs.item(), abs=0.05)  # theirs counts zeros outside the image
    scaled = [(x - x.min()) / (x.max() - x.min()) for x in (fixed, warped)]
    theirs = monai.GlobalMutualInformationLoss(num_bins=32)(*scaled)
    assert mi_loss(*scaled).item() == pytest.approx(theirs.item(), rel=0.1)  # Gaussian bins against splines

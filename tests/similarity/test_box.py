"""Box sums against a convolution with ones."""

import pytest
import torch
from torch.nn import functional

from hepareg.similarity.box import box_sum


@pytest.mark.parametrize("radius", [(0, 0, 0), (1, 0, 2), (3, 4, 1), (9, 2, 5)])
def test_equals_a_convolution(radius):
    image = torch.randn(2, 3, 12, 10, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    kernel = torch.ones(1, 1, *(2 * r + 1 for r in radius), dtype=torch.float64)
    expected = functional.conv3d(image.flatten(0, 1)[:, None], kernel, padding=radius).reshape(image.shape)
    torch.testing.assert_close(box_sum(image, radius), expected)


def test_gradients_of_first_and_second_order():
    image = torch.randn(1, 2, 4, 3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: box_sum(x, (1, 2, 1)), image)
    assert torch.autograd.gradgradcheck(lambda x: box_sum(x.square(), (1, 2, 1)), image)


def test_small_values_beside_large_ones_keep_their_digits():
    """What a running sum loses: the values behind a long stretch of large ones."""
    image = torch.full((1, 1, 400, 1, 1), 1e6)
    image[:, :, 200:] = 1e-2
    assert box_sum(image, (4, 0, 0))[0, 0, 300, 0, 0].item() == pytest.approx(9e-2, rel=1e-6)

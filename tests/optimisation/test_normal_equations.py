"""The six parameters: what a step does, and the derivative along it."""

import numpy as np
import torch

from hepareg.optimisation.normal_equations import ARC_RADIUS_MM, jacobian, moved
from hepareg.transforms import RigidTransform

CENTRE = np.array([10.0, -20.0, 30.0])


def test_a_step_is_measured_in_mm_of_arc():
    turned = moved(RigidTransform.identity(), np.array([0, 0, 1.5, 0, 0, 0]), CENTRE)
    assert np.allclose(turned.apply(CENTRE), CENTRE, atol=1e-12)
    assert np.isclose(np.radians(turned.rotation_deg), 1.5 / ARC_RADIUS_MM)


def test_jacobian_against_finite_differences_of_an_affine_image():
    rng = np.random.default_rng(0)
    slope, offsets = rng.normal(size=3), rng.uniform(-40, 40, (7, 3))
    start = RigidTransform.from_vectors([0.2, 0.1, -0.3], [5, 4, -3])
    J = jacobian(torch.tensor(start.rotation.T @ slope)[:, None].expand(3, 7), torch.tensor(offsets.T)).numpy()
    for parameter, step in enumerate(1e-4 * np.eye(6)):
        ahead, back = (moved(start, s, CENTRE).apply(CENTRE + offsets) @ slope for s in (step, -step))
        assert np.allclose((ahead - back) / 2e-4, J[parameter], atol=1e-6)

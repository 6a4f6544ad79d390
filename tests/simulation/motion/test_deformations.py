"""Deformations move the part that they name by their amount, keep volumes, can be undone, and refuse to fold."""

import numpy as np
import pytest

from hepareg.errors import SettingsError
from hepareg.simulation.motion.deformations import DEFORMATIONS, draw_deformation
from hepareg.simulation.motion.random_bend import draw_bend
from hepareg.transforms.fit import fit_rigid

SMOOTH_MM = 2.0
"""Root mean square; the amount of all others is the largest displacement."""
FLOWS = sorted(set(DEFORMATIONS) - {"smooth"})


def drawn(space, kind, amount_mm=6.0, seed=3, in_the_way=lambda _: 0.0):
    return draw_deformation(
        kind, space, amount_mm=amount_mm, in_the_way=in_the_way, rng=np.random.default_rng(seed)
    )  # fmt: skip


@pytest.fixture(scope="module")
def bends(space):
    return {kind: drawn(space, kind, SMOOTH_MM if kind == "smooth" else 6.0) for kind in DEFORMATIONS}


@pytest.mark.parametrize("kind", FLOWS)
def test_the_amount_is_the_largest_displacement(space, bends, kind):
    lengths = np.linalg.norm(bends[kind].at(space.points), axis=1)
    # The velocity has exactly this size at every seventh point; the flow then carries tissue to slower places.
    assert lengths.max() == pytest.approx(6.0, rel=0.12)


@pytest.mark.parametrize("kind", DEFORMATIONS)
def test_tissue_keeps_its_volume(space, bends, kind):
    bend = bends[kind]
    slopes = np.stack([np.stack(np.gradient(part, *bend.grid.spacing_mm)) for part in bend.displacement_mm])
    jacobian = np.linalg.det(np.eye(3) + np.moveaxis(slopes, (0, 1), (-2, -1)))
    inside = jacobian[tuple(bend.grid.nearest_voxels(space.points).T)]
    # Zero for the flow itself; differences over nodes of 4 to 6 mm see it to a few per cent.
    assert np.abs(inside - 1).mean() < 0.02
    assert inside.mean() == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("kind", DEFORMATIONS)
def test_it_can_be_undone(space, bends, kind):
    points = space.points[::20]
    assert np.abs(bends[kind].undo(points + bends[kind].at(points)) - points).max() < 1e-3  # stops at steps of 1e-5 mm


def test_each_moves_the_part_that_it_names(space, bends):
    """The egg lies in the world: +x is the right side, +z is up."""
    points = space.points
    share = (points - points.min(0)) / np.ptp(points, axis=0)
    parts = {
        "hinge": (share[:, 0] < 0.05, share[:, 0] > 0.5, 2), "lobe": (share[:, 0] < 0.05, share[:, 0] > 0.7, None),
        "lobe_turn": (share[:, 0] < 0.05, share[:, 0] > 0.5, 1), "tip": (share[:, 2] < 0.1, share[:, 2] > 0.6, None),
        "dome": (share[:, 2] > 0.9, share[:, 2] < 0.3, 2), "ascites": (share[:, 0] > 0.9, share[:, 0] < 0.1, 0),
    }  # fmt: skip
    for kind, (moving, resting, axis) in parts.items():
        displacement = bends[kind].at(points)
        lengths = np.linalg.norm(displacement, axis=1)
        # Most of the amount at the part, and a small share of that far from it.
        assert lengths[moving].mean() > 2.5, kind
        assert lengths[resting].mean() < 0.35 * lengths[moving].mean(), kind
        if axis is not None:
            assert np.abs(displacement[moving]).mean(0).argmax() == axis, kind
    assert bends["ascites"].at(points)[share[:, 0] > 0.9][:, 0].max() < 0  # to the middle
    assert np.abs(bends["tip"].at(points)[:, 2]).max() < 1e-9  # a horizontal shear
    high, low = (bends["compression"].at(points)[part][:, 2].mean() for part in (share[:, 2] > 0.9, share[:, 2] < 0.1))
    assert high * low < 0


def test_no_rigid_motion_explains_a_lobe(space, bends):
    points = space.points
    moved = points + bends["hinge"].at(points)
    rest = np.linalg.norm(fit_rigid(points, moved).apply(points) - moved, axis=1)
    assert 0.2 < rest.mean() < 3
    assert rest.max() > 2


@pytest.mark.parametrize("kind", ["hinge", "squeeze"])
def test_an_amount_that_folds_is_refused(space, kind):
    with pytest.raises(SettingsError, match=f"does not fold the liver, got 90 mm of {kind}: choose a smaller amount"):
        drawn(space, kind, amount_mm=90.0)


def test_a_random_bend_is_drawn_again_if_it_folds(space):
    """At 7 mm some of the bends of this small liver fold."""
    seeds = [
        seed for seed in range(12) if draw_bend(space, rms_mm=7.0, rng=np.random.default_rng(seed)).folds(space.points)
    ]
    assert 0 < len(seeds) < 12
    assert not drawn(space, "smooth", amount_mm=7.0, seed=int(seeds[0])).folds(space.points[::5])


def test_the_way_that_meets_least_static_tissue_is_taken(space):
    above = space.points[:, 2].max() + 2.0

    def ceiling(points):
        return float((points[:, 2] > above).mean())

    def lowered(**options):
        domes = (drawn(space, "dome", seed=seed, **options).at(space.points)[:, 2] for seed in range(16))
        return sum(float(dome[np.abs(dome).argmax()]) < 0 for dome in domes)

    # Of one way drawn half go down; of four, nearly all, where folding leaves the choice.
    assert lowered(in_the_way=ceiling) >= lowered() + 3


@pytest.mark.parametrize("kind", DEFORMATIONS)
def test_a_seed_is_a_deformation(space, bends, kind):
    again = drawn(space, kind, SMOOTH_MM if kind == "smooth" else 6.0)
    assert np.array_equal(again.displacement_mm, bends[kind].displacement_mm)

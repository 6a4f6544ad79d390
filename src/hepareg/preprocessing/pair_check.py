"""Check that two images belong together: one patient, two different images that overlap in the world."""

from itertools import product

import numpy as np

from hepareg.errors import PairError
from hepareg.geometry import Grid
from hepareg.preprocessing.axis_order import reorder
from hepareg.volume import Volume

__all__ = ["check_pair", "overlap_fraction"]

LATTICE = 24
"""Points along each axis of the lattice that measures an overlap."""


def check_pair(
    *,
    moving: Volume,
    fixed: Volume,
    both_masks: bool = False,
    allow_identical: bool = False,
    allow_different_patients: bool = False,
) -> list[str]:
    """Check that two images can be registered with one another.

    Parameters
    ----------
    moving, fixed
        The two images.
    both_masks
        Whether both have a mask; then images that do not overlap are accepted.
    allow_identical, allow_different_patients
        Accept two equal images, or images of different patients, with a note.

    Returns
    -------
    list of str
        Notes for the user on everything unusual that was accepted.

    Raises
    ------
    PairError
        If the images are the same or of different patients without that being allowed, or do not overlap in the
        world and lack a mask.
    """
    notes = []
    if is_same_image(moving, fixed):
        if not allow_identical:
            raise PairError(
                "expected two phases, got the same image twice; if that is meant, allow identical images",
                options=("allow_identical",),
            )
        notes.append("both images are the same")
    if is_other_patient(moving, fixed):
        if not allow_different_patients:
            raise PairError(
                "expected two images of one patient, got two different patient IDs; "
                "if that is meant, allow different patients",
                options=("allow_different_patients",),
            )
        notes.append("the images are of different patients")
    if overlap_fraction(moving.grid, fixed.grid) == 0:
        if not both_masks:
            raise PairError(
                f"expected images that overlap in the world, got moving {moving.grid.describe()} and fixed "
                f"{fixed.grid.describe()}; give both liver masks to start from these"
            )
        notes.append("the images do not overlap in the world: started from the masks")
    return notes


def is_same_image(a: Volume, b: Volume) -> bool:
    """Return whether two volumes are the same image: stored voxels alike, or equal voxels at equal world positions."""
    digests = a.provenance.content_digest, b.provenance.content_digest
    if a.data is b.data or (digests[0] is not None and digests[0] == digests[1]):
        return True
    if not (isinstance(a.data, np.ndarray) and isinstance(b.data, np.ndarray)):  # tensors are not compared
        return False
    placed = reorder(a, onto=b.grid)
    if placed is None:
        return False
    thin = (slice(None, None, 16),) * 3
    return np.array_equal(placed.data[thin], b.data[thin]) and np.array_equal(placed.data, b.data)


def is_other_patient(a: Volume, b: Volume) -> bool:
    """Return whether the patients of both volumes are known and differ."""
    patients = a.provenance.patient_digest, b.provenance.patient_digest
    return None not in patients and patients[0] != patients[1]


def overlap_fraction(a: Grid, b: Grid) -> float:
    """Return the larger of two fractions, each of one grid's extent inside the other grid, in [0, 1].

    Measured on a lattice of points.
    """
    return max(_part_inside(a, b), _part_inside(b, a))


def _part_inside(a: Grid, b: Grid) -> float:
    lattice = np.array(list(product(np.linspace(0, 1, LATTICE), repeat=3))) * (np.array(a.shape) - 1)
    return float(np.mean(b.contains(a.world_points(lattice))))

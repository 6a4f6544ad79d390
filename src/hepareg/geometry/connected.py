"""Test whether a mask is one connected piece."""

import numpy as np

from hepareg.arrays import VoxelArray

__all__ = ["hangs_together"]


def hangs_together(mask: VoxelArray) -> bool:
    """Return whether all voxels of an (I, J, K) bool mask are connected by faces, edges or corners.

    An empty mask counts as connected.

    Notes
    -----
    Flood fill from one voxel. The mask is held as one long integer with a bit for each voxel, so that a step along
    an axis is a shift of all bits at once: many times faster than labelling all components.
    """
    padded = np.zeros([n + 1 for n in mask.shape], dtype=bool)  # a step from the end of a row cannot reach the next row
    padded[:-1, :-1, :-1] = mask
    bits = padded.ravel()
    found = np.flatnonzero(bits)
    if not len(found):
        return True
    inside = int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
    before, reached = 0, 1 << int(found[len(found) // 2])
    while reached != before:
        before = reached
        for stride in (1, padded.shape[2], padded.shape[1] * padded.shape[2]):
            reached |= reached << stride | reached >> stride
        reached &= inside
    return reached == inside

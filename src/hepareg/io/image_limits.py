"""Sizes and spacings that no CT of a trunk can have: told in one line, before any memory is taken."""

import math
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hepareg.errors import FileFormatError, ImageError
from hepareg.geometry import Grid

__all__ = ["check_placement", "check_room", "check_stored_bytes"]

SPACING_MM = (0.1, 50.0)
"""The finest scanner resolves 0.1 mm, over a field of view too small for a liver; the coarsest volume that somebody
makes of a CT, a preview, has 50. The same numbers in metres, centimetres or micrometres lie outside."""
LONGEST_MM = (80.0, 4000.0)
"""Longest edge. A liver is wider than 80 mm; a table is 2 m long."""
FINE_MM, SMALL_VOXELS = 0.5, 64
"""A shorter image is a cut-out of a CT if its voxels are no finer than this or few; else it is one in centimetres,
whose voxels are ten times as large."""
MAX_VOXELS = 1 << 31
MAX_INFLATED_BYTES = 1_600_000_000
"""What a compressed image may take: 512 x 512 x 3000 voxels of 16 bits."""
MAX_RATIO = {"gzip": 1040, "bzip2": 50_000}
"""How much longer than its file data may become: deflate cannot do better than 1032."""


def check_placement(grid: Grid) -> None:
    """Check that a grid's voxels and edges have lengths that those of a CT in mm can have.

    Raises
    ------
    ImageError
        If they cannot: as a rule the header is in another unit than mm.
    """
    spacing = grid.spacing_mm
    if spacing.min() < SPACING_MM[0] or spacing.max() > SPACING_MM[1]:
        raise ImageError(
            f"expected voxels of {SPACING_MM[0]:g} to {SPACING_MM[1]:g} mm, got {_sizes(spacing)} mm: "
            "is the header in another unit than mm? correct its spacing"
        )
    longest = float((spacing * np.array(grid.shape)).max())
    is_in_centimetres = longest < LONGEST_MM[0] and spacing.min() < FINE_MM and max(grid.shape) >= SMALL_VOXELS
    if longest > LONGEST_MM[1] or is_in_centimetres:
        raise ImageError(
            f"expected a longest edge of {LONGEST_MM[0]:g} to {LONGEST_MM[1]:g} mm, got {longest:.3g} mm "
            f"({'x'.join(map(str, grid.shape))} voxels of {_sizes(spacing)} mm): "
            "is the header in another unit than mm? correct its spacing"
        )


def check_stored_bytes(shape: Sequence[int], itemsize: int, *, available: int, encoding: str = "raw") -> None:
    """Check that a file can hold the voxels that its header announces.

    Parameters
    ----------
    shape
        Number of voxels along each axis.
    itemsize
        Bytes of a stored voxel.
    available
        Bytes of the file that hold voxels.
    encoding
        ``raw``, ``gzip`` or ``bzip2``.

    Raises
    ------
    FileFormatError
        If it cannot, or the voxels would not fit into memory.
    """
    voxels = math.prod(map(int, shape))
    check_room(shape, voxels * itemsize)
    if encoding != "raw" and voxels * itemsize > MAX_INFLATED_BYTES:
        raise FileFormatError(
            f"expected compressed voxels of at most {MAX_INFLATED_BYTES / 1e9:g} GB, got "
            f"{'x'.join(map(str, shape))} of {itemsize} bytes; save the image uncompressed if its size is right"
        )
    if voxels * itemsize > available * MAX_RATIO.get(encoding, 1):
        raise FileFormatError(
            f"expected a file with {'x'.join(map(str, shape))} voxels, as its header says, got a truncated or damaged "
            "one that is too short for them; copy or export it again"
        )


def check_room(shape: Sequence[int], num_bytes: int) -> None:
    """Check that an image has no more voxels than any CT, and fits into the memory of this machine.

    Raises
    ------
    FileFormatError
        If it has more, or does not fit.
    """
    voxels = math.prod(map(int, shape))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else num_bytes
    if voxels > MAX_VOXELS or num_bytes > memory:
        raise FileFormatError(
            f"expected an image that fits into memory, got {'x'.join(map(str, shape))} voxels; is the header damaged?"
        )


def _sizes(spacing: NDArray[np.floating]) -> str:
    return " x ".join(f"{s:.3g}" for s in spacing)

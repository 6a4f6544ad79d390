"""How flat the optimum is: the error of a pose to which wrong poses nearby come close.

The uncertainty of the pose (`pose_uncertainty.pose_uncertainty_mm`) takes its curvature from the derivatives of the
images at the pose. Noise has derivatives as well, and so do neighbours that do not move with the liver: on a liver like
a sphere without visible vessels the curvature about the centre is theirs, and the uncertainty far too small. Here the
curvature is measured at wrong poses, by how much worse they explain the images. Noise does not become worse there.
"""

from dataclasses import replace

import numpy as np

from hepareg.refinement.images.template_cells import sum_by_block
from hepareg.refinement.level import Level
from hepareg.refinement.local_affine import LocalAffine
from hepareg.refinement.solvers.normal_equations import apply_steps
from hepareg.transforms import RigidTransform

__all__ = ["flatness_mm"]

STEP_MM = 4.0
"""Distance of the wrong poses: beyond the reach of noise, within the width of an optimum at the level's resolution."""
BLOCK_MM = 30.0
MAX_VOXELS = 20_000
LARGEST_MM = 20.0
"""An axis along or about which no pose is worse than the result counts as this uncertain."""


def flatness_mm(level: Level, result: RigidTransform) -> float | None:
    """Return the expected error in mm of a pose from how much worse poses 4 mm away explain the images.

    Parameters
    ----------
    level
        The level on which poses were compared.
    result
        The pose, searched_from_reference.

    Returns
    -------
    float or None
        Root of the sum of the squares over the six axes; None if the level has no cells.

    Notes
    -----
    With the unexplained squares f+, f- and f of the poses a step s ahead, a step behind and at the result, the slope is
    (f+ - f-) / 2 s and the curvature (f+ + f- - 2 f) / s^2. The variance of the slope is the sum of the squares of the
    slopes of the liver's blocks, as independent observations. The error is the slope's standard deviation over the
    curvature. Robust weights take no part.
    """
    cells = level.images.cells
    if not cells.num_voxels:
        return None
    residual = _thinned(level.residual)
    steps = STEP_MM * np.vstack([np.zeros((1, 6)), np.eye(6), -np.eye(6)])
    poses = apply_steps(level.direction.to_solver(result).matrix, steps, cells.centre_mm)
    squares = residual.unexplained_squares(np.stack(list(poses)))
    blocks = np.ascontiguousarray(sum_by_block(squares.T, residual.cells.blocks(BLOCK_MM)).T)
    here, ahead, behind = blocks[:1], blocks[1:7], blocks[7:]
    spreads = np.sqrt(np.square((ahead - behind) / 2).sum(axis=1)) / STEP_MM
    curvatures = (ahead + behind - 2 * here).sum(axis=1) / STEP_MM**2
    errors = spreads / np.maximum(curvatures, 1e-9)
    return float(np.linalg.norm(np.minimum(errors, LARGEST_MM)))


def _thinned(residual: LocalAffine) -> LocalAffine:
    """Return the residual on about `MAX_VOXELS` voxels: every n-th cell."""
    cells = residual.cells
    part = slice(None, None, max(1, cells.values.numel() // MAX_VOXELS))
    surface = None if cells.surface is None else cells.surface[part]
    thin = replace(
        cells,
        values=cells.values[part],
        weights=cells.weights[part],
        offsets_mm=cells.offsets_mm[part],
        surface=surface,
    )
    return residual.with_cells(thin)

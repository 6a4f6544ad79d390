"""neuroreg's ``robreg``: robust registration in PyTorch (iteratively reweighted least squares, Tukey weights).

Its documentation recommends it for the same or a very similar contrast, which two phases are only in
part; it is listed because users reach for it. ``trg_mask`` restricts it to the fixed mask,
``init_transform`` takes a RAS matrix, without one it matches intensity centroids. Its symmetric default
takes the square root of the map between voxels, which does not exist if one grid is left-handed and the
other is not (it returned 4 m, or failed): the directed variant (``--nosym``) is used there. It resamples to the
smallest voxel spacing, which at 0.7 mm took more than 15 GB for an abdomen and was killed: ``isotropic_size`` is
1.5 mm. Moving is its source and fixed its target: the result takes moving to fixed points, RAS mm, and is
inverted here.

References
----------
Reuter, Rosas, Fischl, "Highly accurate inverse consistent registration: a robust approach",
NeuroImage 53, 2010. doi:10.1016/j.neuroimage.2010.07.020; https://pypi.org/project/neuroreg/
"""

from functools import partial

import numpy as np

from benchmarks.peers.inputs import Inputs
from benchmarks.results import installed
from hepareg.arrays import Matrix

NAME = "neuroreg robreg"
version = partial(installed, "neuroreg")
ISOTROPIC_MM = 1.5


def find(inputs: Inputs) -> Matrix:
    """Register one pair."""
    import nibabel as nib
    import torch
    from neuroreg import robreg

    torch.set_num_threads(inputs.threads)
    moving, fixed = nib.load(inputs.moving), nib.load(inputs.fixed)
    same_handedness = bool(np.linalg.det(moving.affine) * np.linalg.det(fixed.affine) > 0)
    options = {"symmetric": same_handedness, "isotropic_size": ISOTROPIC_MM}
    if inputs.fixed_mask:
        options["trg_mask"] = nib.load(inputs.fixed_mask)
    if inputs.start:
        options["init_transform"] = np.linalg.inv(inputs.start.matrix)
    with inputs.clock("call"):
        fixed_from_moving = robreg(moving, fixed, **options)
    return np.linalg.inv(fixed_from_moving.detach().cpu().numpy().astype(np.float64))

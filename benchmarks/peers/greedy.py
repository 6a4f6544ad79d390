"""Greedy (``picsl_greedy``): affine mode with six degrees of freedom and normalised mutual information.

The reference page says: ``-a -dof 6`` for rigid, ``-m NMI`` if intensities differ between the
images, ``-gm`` restricts to a mask of the fixed image and is highly recommended, ``-ia`` takes a matrix
as the start, ``-ia-image-centers`` if there is none, double precision preferred; its quick start
uses ``-n 100x50x10``. Matrices are RAS mm and take fixed to moving points.

References
----------
Yushkevich et al., "Fast automatic segmentation of hippocampal subfields and medial temporal lobe
subregions in 3 Tesla and 7 Tesla T2-weighted MRI", Alzheimer's & Dementia 12, 2016.
doi:10.1016/j.jalz.2016.06.205; https://greedy.readthedocs.io/en/latest/reference.html
"""

from functools import partial

import numpy as np

from benchmarks.peers.inputs import Inputs
from benchmarks.results import installed
from hepareg.arrays import Matrix

NAME = "greedy"
version = partial(installed, "picsl-greedy")


def find(inputs: Inputs) -> Matrix:
    """Register one pair."""
    from picsl_greedy import Greedy3D

    out = inputs.scratch / "rigid.mat"
    command = [f"-i {inputs.fixed} {inputs.moving}", "-a -dof 6 -m NMI -n 100x50x10", f"-threads {inputs.threads}"]
    if inputs.start:
        np.savetxt(inputs.scratch / "start.mat", inputs.start.matrix, fmt="%.12g")
        command += [f"-ia {inputs.scratch / 'start.mat'}"]
    else:
        command += ["-ia-image-centers"]
    if inputs.fixed_mask:
        command += [f"-gm {inputs.fixed_mask}"]
    with inputs.clock("call"):
        Greedy3D().execute(" ".join([*command, f"-o {out}"]))
    return np.loadtxt(out)

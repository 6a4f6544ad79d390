"""NiftyReg's ``reg_aladin``: block matching with trimmed least squares, rigid only.

Its help says: ``-rigOnly`` for six degrees of freedom, ``-rmask`` for a mask of the reference (fixed)
image, ``-inaff`` for a start, ``-omp`` for the threads; without a start the image centres are matched. The
symmetric version is its default and uses ``-fmask``, a mask of the floating (moving) image, on the way back:
with ``-rmask`` alone it matched the body there and was 7 mm wrong. It gets both. The matrix takes reference
(fixed) to floating (moving) points, RAS mm.

References
----------
Modat et al., "Global image registration using a symmetric block-matching approach", J. Med. Imaging 1,
2014. doi:10.1117/1.JMI.1.2.024003; http://cmictig.cs.ucl.ac.uk/wiki/index.php/Reg_aladin
"""

import subprocess
import sysconfig
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.peers.inputs import Inputs
from benchmarks.results import installed
from hepareg.arrays import Matrix

NAME = "NiftyReg reg_aladin"
version = partial(installed, "niftyreg")
PROGRAM = Path(sysconfig.get_path("purelib")) / "niftyreg" / "bin" / "reg_aladin"


def find(inputs: Inputs) -> Matrix:
    """Register one pair."""
    out, result = inputs.scratch / "rigid.txt", inputs.scratch / "warped.nii"
    command = [PROGRAM, "-ref", inputs.fixed, "-flo", inputs.moving, "-rigOnly", "-aff", out, "-res", result]
    command += ["-omp", str(inputs.threads)]
    if inputs.fixed_mask:
        command += ["-rmask", inputs.fixed_mask, "-fmask", inputs.moving_mask]
    if inputs.start:
        np.savetxt(inputs.scratch / "start.txt", inputs.start.matrix, fmt="%.12g")
        command += ["-inaff", inputs.scratch / "start.txt"]
    with inputs.clock("call"):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return np.loadtxt(out)

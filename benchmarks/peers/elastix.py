"""elastix, Debian's binary: the default rigid parameter file with the changes that its comments advise for masks.

``Parameters_Rigid`` of the model zoo: Euler transform, Mattes mutual information, adaptive stochastic
gradient descent, four resolutions, new random samples every iteration, automatic scales. Its comments say:
``ErodeMask`` false if the mask is a region of interest; 200 to 500 iterations for rigid registration, of
which 500 are taken; around 2000 samples may suffice, of which twice as many are taken; smoothing pyramids
may replace those that also shrink, and do here, since the samples lie off the voxel grid
(``RandomCoordinate``). The mask-centroid start goes in as ``-t0``, a translation; without masks the file's
automatic initialisation stays. Transforms take fixed to moving points, LPS; with ``ComputeZYX`` false the
rotation is Rz Rx Ry.

References
----------
Klein, Staring, Murphy, Viergever, Pluim, "elastix: a toolbox for intensity-based medical image
registration", IEEE TMI 29, 2010. doi:10.1109/TMI.2009.2035616; https://elastix.dev
"""

import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.inputs import LPS_FROM_RAS, Found, Inputs, rigid
from hepareg.geometry.rotations import about_centre, rotation_from_vector

NAME = "elastix"

PARAMETERS = """\
(FixedInternalImagePixelType "float") (MovingInternalImagePixelType "float") (UseDirectionCosines "true")
(Registration "MultiResolutionRegistration") (Interpolator "LinearInterpolator")
(ResampleInterpolator "FinalBSplineInterpolator") (Resampler "DefaultResampler")
(FixedImagePyramid "FixedSmoothingImagePyramid") (MovingImagePyramid "MovingSmoothingImagePyramid")
(Optimizer "AdaptiveStochasticGradientDescent") (Transform "EulerTransform")
(Metric "AdvancedMattesMutualInformation") (NumberOfHistogramBins 32) (ErodeMask "false")
(AutomaticScalesEstimation "true") (AutomaticTransformInitialization "{centre}") (HowToCombineTransforms "Compose")
(NumberOfResolutions 4) (ImagePyramidSchedule 8 8 4 4 4 2 2 2 1 1 1 1) (MaximumNumberOfIterations 500)
(ImageSampler "RandomCoordinate") (NumberOfSpatialSamples 4096) (NewSamplesEveryIteration "true")
(MaximumNumberOfSamplingAttempts 8) (RandomSeed 1) (WriteResultImage "false")
"""
START = """\
(Transform "TranslationTransform") (NumberOfParameters 3) (TransformParameters {:.9f} {:.9f} {:.9f})
(InitialTransformParametersFileName "NoInitialTransform") (HowToCombineTransforms "Compose")
"""


def missing() -> str | None:
    """Return why elastix cannot run here, or None."""
    return None if shutil.which("elastix") else "not installed: apt-get install elastix"


def version() -> str:
    """Return the installed version."""
    answer = subprocess.run(["elastix", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[-1]


def find(inputs: Inputs) -> Found:
    """Register one pair."""
    folder = inputs.scratch
    centre = "false" if inputs.start else "true"
    (folder / "parameters.txt").write_text(_lines(PARAMETERS.format(centre=centre)))
    command = ["elastix", "-f", inputs.fixed, "-m", inputs.moving, "-p", folder / "parameters.txt", "-out", folder]
    command += ["-threads", str(inputs.threads)]
    if inputs.fixed_mask:
        command += ["-fMask", inputs.fixed_mask]
    if inputs.start:
        translation = (LPS_FROM_RAS @ inputs.start.matrix)[:3, 3]
        (folder / "start.txt").write_text(_lines(START.format(*translation)))
        command += ["-t0", folder / "start.txt"]
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    matrix = read_euler(folder / "TransformParameters.0.txt")
    found = rigid(LPS_FROM_RAS @ matrix @ LPS_FROM_RAS)
    return Found(found @ inputs.start if inputs.start else found, seconds)


def read_euler(path: Path) -> NDArray[np.float64]:
    """Return the (4, 4) LPS matrix of an Euler transform that elastix wrote, its initial transform left out."""
    text = path.read_text()
    values = {
        name: np.array(re.search(rf"\({name} ([^)]*)\)", text)[1].split(), dtype=np.float64)
        for name in ("TransformParameters", "CenterOfRotationPoint")
    }
    angles, translation = np.split(values["TransformParameters"], 2)
    Rx, Ry, Rz = (rotation_from_vector(angle * axis) for angle, axis in zip(angles, np.eye(3), strict=True))
    return about_centre(Rz @ Rx @ Ry, translation, values["CenterOfRotationPoint"])


def _lines(text: str) -> str:
    """Return one parameter per line, as elastix reads them."""
    return text.replace(") (", ")\n(")

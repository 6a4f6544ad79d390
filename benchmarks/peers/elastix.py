"""elastix, Debian's binary: the default rigid parameter file with the changes that its comments advise for masks.

``Parameters_Rigid`` of the model zoo: Euler transform, Mattes mutual information, adaptive stochastic
gradient descent, four resolutions, new random samples every iteration, automatic scales. Its comments say:
``ErodeMask`` false if the mask is a region of interest; 200 to 500 iterations for rigid registration, of
which 500 are taken; around 2000 samples may suffice, of which twice as many are taken; smoothing pyramids
may replace those that also shrink, and do here, since the samples lie off the voxel grid
(``RandomCoordinate``). The mask-centroid start goes in as ``-t0``, a translation; without masks the file's
automatic initialisation stays. Transforms take fixed to moving points, LPS; the
Euler angles are those of ITK.

References
----------
Klein, Staring, Murphy, Viergever, Pluim, "elastix: a toolbox for intensity-based medical image
registration", IEEE TMI 29, 2010. doi:10.1109/TMI.2009.2035616; https://elastix.dev
"""

import re
import shutil
import subprocess
from pathlib import Path

from benchmarks.peers.inputs import Inputs
from hepareg.arrays import Matrix
from hepareg.io.itk_transforms import read_itk_transform

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


def version() -> str | None:
    """Return the installed version, or None."""
    if shutil.which("elastix") is None:
        return None
    answer = subprocess.run(["elastix", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[-1]


def find(inputs: Inputs) -> Matrix:
    """Register one pair."""
    folder = inputs.scratch
    centre = "false" if inputs.start else "true"
    (folder / "parameters.txt").write_text(_lines(PARAMETERS.format(centre=centre)))
    command = ["elastix", "-f", inputs.fixed, "-m", inputs.moving, "-p", folder / "parameters.txt", "-out", folder]
    command += ["-threads", str(inputs.threads)]
    if inputs.fixed_mask:
        command += ["-fMask", inputs.fixed_mask]
    if inputs.start:
        (folder / "start.txt").write_text(_lines(START.format(*inputs.start.matrix_lps[:3, 3])))
        command += ["-t0", folder / "start.txt"]
    with inputs.clock("call"):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    matrix = read_euler(folder / "TransformParameters.0.txt")
    return matrix @ inputs.start.matrix if inputs.start else matrix


def read_euler(path: Path) -> Matrix:
    """Return the (4, 4) RAS matrix of an Euler transform that elastix wrote, its initial transform left out."""
    import SimpleITK as sitk

    entries = dict(re.findall(r"\((\w+) ([^)]*)\)", path.read_text()))
    euler = sitk.Euler3DTransform()
    euler.SetCenter([float(number) for number in entries["CenterOfRotationPoint"].split()])
    euler.SetParameters([float(number) for number in entries["TransformParameters"].split()])
    sitk.WriteTransform(euler, str(path.with_suffix(".tfm")))
    return read_itk_transform(path.with_suffix(".tfm")).matrix


def _lines(text: str) -> str:
    """Return one parameter per line, as elastix reads them."""
    return text.replace(") (", ")\n(")

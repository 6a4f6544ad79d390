"""SimpleITK: Euler transform, Mattes mutual information, regular-step gradient descent, three levels.

Settings of the project's own notebooks and examples: 50 bins, linear interpolation, scales from
physical shift, shrink factors 4, 2, 1 with smoothing 2, 1, 0 mm, learning rate 1, at most 200
iterations; the rotation centre is the mask's centroid, without a mask ``CenteredTransformInitializer``
with GEOMETRY. The notebooks sample 1 % of the fixed image; a mask drops the samples outside of it, so that
20 % are drawn here. The notebooks' plain ``GradientDescent`` jumped 33 to 110 mm away from a start that was
7 mm off on the known pair of `benchmarks.peers.proof`; the examples' ``RegularStepGradientDescent`` did
not and is taken. The result takes fixed to moving points, LPS.

References
----------
Yaniv, Lowekamp, Johnson, Beare, "SimpleITK image-analysis notebooks", J. Digital Imaging 31, 2018.
doi:10.1007/s10278-017-0037-8; https://simpleitk.readthedocs.io/en/master/registrationOverview.html
"""

from functools import partial

import numpy as np

from benchmarks.peers.inputs import Inputs
from benchmarks.results import installed
from hepareg.arrays import Matrix
from hepareg.io.itk_transforms import read_itk_transform

NAME = "SimpleITK Mattes"
version = partial(installed, "SimpleITK")
SAMPLING = 0.2


def find(inputs: Inputs) -> Matrix:
    """Register one pair."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(inputs.threads)
    fixed, moving = (sitk.ReadImage(str(path), sitk.sitkFloat32) for path in (inputs.fixed, inputs.moving))
    mask = sitk.ReadImage(str(inputs.fixed_mask)) if inputs.fixed_mask else None
    with inputs.clock("call"):
        result = _method(mask, _start(inputs, fixed, moving)).Execute(fixed, moving)
    sitk.WriteTransform(result, str(inputs.scratch / "rigid.tfm"))
    return read_itk_transform(inputs.scratch / "rigid.tfm").matrix


def _start(inputs: Inputs, fixed, moving):
    import SimpleITK as sitk

    if inputs.start is None:
        mode = sitk.CenteredTransformInitializerFilter.GEOMETRY
        return sitk.Euler3DTransform(sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), mode))
    centre = np.multiply(inputs.centre_mm, [-1, -1, 1]).tolist()
    return sitk.Euler3DTransform(centre, 0.0, 0.0, 0.0, inputs.start.matrix_lps[:3, 3].tolist())


def _method(mask, start):
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SAMPLING, seed=1)
    if mask is not None:
        method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-4, numberOfIterations=200, gradientMagnitudeTolerance=1e-8
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start)
    return method

"""ANTsPy: ``ants.registration`` with ``type_of_transform="Rigid"``, mutual information, four levels.

The function's own documentation says that a mask counts in the last stage only unless
``mask_all_stages=True``, that without an initial transform the images' centres of mass are matched,
and that ``write_composite_transform=False`` leaves one ``.mat`` in ``fwdtransforms``, used to pull the
moving image: it takes fixed to moving points, LPS. Its sampling is random: repeatable with a seed
(``ANTS_RANDOM_SEED``), which `benchmarks.peers.run` sets, and with one thread.

References
----------
Avants et al., "A reproducible evaluation of ANTs similarity metric performance in brain image
registration", NeuroImage 54, 2011. doi:10.1016/j.neuroimage.2010.09.025
https://antspy.readthedocs.io/en/latest/registration.html
"""

from functools import partial

from benchmarks.peers.inputs import Inputs
from benchmarks.results import installed
from hepareg.arrays import Matrix
from hepareg.io.itk_transforms import read_itk_transform, write_itk_transform

NAME = "ANTsPy"
version = partial(installed, "antspyx")


def find(inputs: Inputs) -> Matrix:
    """Register one pair."""
    import ants

    fixed, moving = (ants.image_read(str(path)) for path in (inputs.fixed, inputs.moving))
    mask = ants.image_read(str(inputs.fixed_mask)) if inputs.fixed_mask else None
    start = None
    if inputs.start:
        start = [str(inputs.scratch / "start.tfm")]
        write_itk_transform(start[0], inputs.start)
    options = {"type_of_transform": "Rigid", "initial_transform": start, "mask_all_stages": mask is not None}
    with inputs.clock("call"):
        result = ants.registration(
            fixed=fixed, moving=moving, mask=mask, outprefix=str(inputs.scratch / "ants_"), **options
        )
    return read_itk_transform(result["fwdtransforms"][0]).matrix

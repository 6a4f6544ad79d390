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

import time
from importlib.util import find_spec

import numpy as np

from benchmarks.peers.inputs import LPS_FROM_RAS, Found, Inputs, rigid

NAME = "ANTsPy"


def missing() -> str | None:
    """Return why ANTsPy cannot run here, or None."""
    return None if find_spec("ants") else "not installed: antspyx"


def version() -> str:
    """Return the installed version."""
    from importlib.metadata import version

    return version("antspyx")


def find(inputs: Inputs) -> Found:
    """Register one pair."""
    import ants

    fixed, moving = (ants.image_read(str(path)) for path in (inputs.fixed, inputs.moving))
    mask = ants.image_read(str(inputs.fixed_mask)) if inputs.fixed_mask else None
    start = [_write_start(inputs)] if inputs.start else None
    begin = time.perf_counter()
    result = ants.registration(
        fixed=fixed,
        moving=moving,
        type_of_transform="Rigid",
        initial_transform=start,
        outprefix=str(inputs.scratch / "ants_"),
        mask=mask,
        mask_all_stages=mask is not None,
    )
    seconds = time.perf_counter() - begin
    matrix = _matrix_lps(ants.read_transform(result["fwdtransforms"][0]))
    return Found(rigid(LPS_FROM_RAS @ matrix @ LPS_FROM_RAS, centre_mm=inputs.centre_mm), seconds)


def _write_start(inputs: Inputs) -> str:
    import ants

    path = str(inputs.scratch / "start.mat")
    translation = (LPS_FROM_RAS @ inputs.start.matrix @ LPS_FROM_RAS)[:3, 3]
    transform = ants.create_ants_transform(
        transform_type="AffineTransform", dimension=3, matrix=np.eye(3), translation=translation
    )
    ants.write_transform(transform, path)
    return path


def _matrix_lps(transform) -> np.ndarray:
    """Return the (4, 4) of an ITK matrix-offset transform: y = A (x - c) + c + t."""
    parameters = np.asarray(transform.parameters, dtype=np.float64)
    centre = np.asarray(transform.fixed_parameters, dtype=np.float64)[:3]
    matrix = np.eye(4)
    matrix[:3, :3] = parameters[:9].reshape(3, 3)
    matrix[:3, 3] = parameters[9:] + centre - matrix[:3, :3] @ centre
    return matrix

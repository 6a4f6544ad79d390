"""The two geometries of a NIfTI header, sform and qform: which of them holds, and how far they are apart."""

import numpy as np

from hepareg.arrays import Matrix
from hepareg.errors import ImageError, SettingsError
from hepareg.geometry import apply_matrix
from hepareg.io.nifti_header import Header, geometry_of, qform_matrix, sform_matrix

__all__ = ["FORMS", "agreed_geometry"]

FORMS = ("sform", "qform")
NOTED_MM = 0.05
MAX_MM = 1.0


def agreed_geometry(
    header: Header, shape: tuple[int, int, int], *, choice: str | None = None
) -> tuple[Matrix, tuple[str, ...]]:
    """Return ``world_from_voxel`` and notes for the user.

    If both forms are set, they have to put each corner of the image at the same place to 1 mm; programs differ in
    which of the two they take.

    Parameters
    ----------
    header
        Header whose unit and forms are checked.
    shape
        Number of voxels along each axis.
    choice
        ``sform`` or ``qform``: which one holds if they disagree; the one that is set, if only one is.

    Raises
    ------
    ImageError
        If the forms are more than 1 mm apart and there is no choice, or no form is set.
    SettingsError
        If ``choice`` is another word.
    """
    if choice is not None and choice not in FORMS:
        raise SettingsError(f"expected sform or qform as geometry, got {choice!r}")
    matrix = geometry_of(header)
    if not (header["sform_code"] > 0 and header["qform_code"] > 0):
        return matrix, ()
    apart = _apart_mm(header, shape)
    chosen = choice or "sform"
    if apart > MAX_MM and choice is None:
        raise ImageError(
            f"expected a NIfTI header whose sform and qform agree, got {_shown(apart)} between the places "
            "of a corner: say which one holds, sform or qform",
            options=("geometry",),
        )
    notes = (f"sform and qform are up to {_shown(apart)} apart; the {chosen} was taken",) if apart > NOTED_MM else ()
    return (qform_matrix(header) if chosen == "qform" else matrix), notes


def _apart_mm(header: Header, shape: tuple[int, int, int]) -> float:
    """Return the largest distance in mm of a corner's two places; infinity if the qform is no rotation."""
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in shape), indexing="ij"), axis=-1).reshape(-1, 3)
    try:
        qform = qform_matrix(header)
    except ImageError:
        return float("inf")
    with np.errstate(over="ignore", invalid="ignore"):  # a damaged header's numbers
        gap = apply_matrix(sform_matrix(header), corners) - apply_matrix(qform, corners)
        distance = float(np.linalg.norm(gap, axis=1).max())
    return distance if np.isfinite(distance) else float("inf")


def _shown(distance: float) -> str:
    return f"{distance:.3g} mm" if np.isfinite(distance) else "an unknown distance"

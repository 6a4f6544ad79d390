"""The functions of `import hepareg`: files, or images in memory, to results that show and save themselves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.arrays import Points
from hepareg.errors import SettingsError
from hepareg.io.images import read_image as read_image_of_file
from hepareg.io.transforms import read_transform as read_transform_of_file
from hepareg.masks import read_mask as read_mask_of_file
from hepareg.networks.weights import LoadedWeights
from hepareg.registration import Method, RegisterSettings
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.volume import Volume
from hepareg.workflows import argument_types as kinds
from hepareg.workflows.apply import Applied, ApplySettings, apply_to_file, points_transform, pull_image
from hepareg.workflows.apply_points import point_kind_of
from hepareg.workflows.argument_types import Kind, as_points, as_transform, check_types
from hepareg.workflows.compare import Comparison, compare_files
from hepareg.workflows.inputs import image_in_memory, is_path
from hepareg.workflows.register_files import register_pair
from hepareg.workflows.register_request import RegisterRequest
from hepareg.workflows.registration import Registration
from hepareg.workflows.threads import threads_of_a_call

__all__ = ["apply", "compare", "read_image", "read_mask", "read_transform", "register"]

IMAGE, TEXT, LABEL = kinds.IMAGE.or_none(), kinds.TEXT.or_none(), kinds.LABEL.or_none()
"""Kinds of arguments that may be left out."""
SETTINGS = kinds.one_of(RegisterSettings).or_none()
WEIGHTS = Kind("the path of a weights file, or LoadedWeights", lambda v: is_path(v) or isinstance(v, LoadedWeights))
REQUEST = {
    **dict.fromkeys(("moving", "fixed"), kinds.IMAGE),
    **dict.fromkeys(("moving_mask", "fixed_mask"), IMAGE),
    **dict.fromkeys(("moving_mask_label", "fixed_mask_label"), LABEL),
    **dict.fromkeys(("moving_series", "fixed_series", "geometry", "convention", "direction"), TEXT),
    **dict.fromkeys(("method", "device"), kinds.TEXT),
    "weights": WEIGHTS.or_none(),
    "threads": kinds.NUMBER.or_none(),
    "seed": kinds.NUMBER,
    **dict.fromkeys(("allow_identical", "allow_different_patients"), kinds.FLAG),
}
"""Kind of each argument of `register`. The start, the settings and the progress have checks of their own."""


def read_image(path: str | Path, *, series: str | None = None, geometry: str | None = None) -> Volume:
    """Read a CT from a NIfTI, NRRD or MetaImage file, or from a folder or zip archive of DICOM.

    Parameters
    ----------
    path
        File or folder.
    series
        Series of a folder with several: its number in the list, ``number=301``, ``uid=...`` or words of its name.
    geometry
        ``sform`` or ``qform`` for a NIfTI header in which the two disagree.

    Raises
    ------
    InputError
        If the file cannot be read as a three-dimensional image, or an argument cannot be used.
    """
    check_types({"path": (path, kinds.PATH), "series": (series, TEXT), "geometry": (geometry, TEXT)})
    return read_image_of_file(path, series=series, geometry=geometry)


def read_mask(
    path: str | Path, *, label: int | str | None = None, like: Any = None, geometry: str | None = None
) -> Volume:
    """Read a liver mask as bool voxels on the grid of its image.

    Parameters
    ----------
    path
        NIfTI, NRRD, MetaImage or ``.seg.nrrd`` file, folder with a file for each class, DICOM SEG or RTSTRUCT.
    label
        Number or name of the liver; None takes the label that is called liver, or the only one.
    like
        The image that the mask belongs to, as a path or in memory; None leaves the mask on its own grid.
    geometry
        ``sform`` or ``qform`` for a NIfTI header in which the two disagree.

    Raises
    ------
    InputError
        If the file cannot be read, has no such label, cannot belong to the image, or an argument cannot be used.
    """
    check_types(
        {
            "path": (path, kinds.PATH),
            "label": (label, LABEL),
            "like": (like, IMAGE),
            "geometry": (geometry, TEXT),
        }
    )
    return read_mask_of_file(path, label=_plain(label), like=_image(like, geometry), geometry=geometry)


def read_transform(
    path: str | Path,
    *,
    convention: str | None = None,
    direction: str | None = None,
    moving: Any = None,
    fixed: Any = None,
) -> AffineTransform:
    """Read moving_from_fixed in world RAS mm from a file of ITK, ANTs, elastix, FreeSurfer, FSL or a plain matrix.

    Parameters
    ----------
    path
        Transform file.
    convention, direction
        Coordinates (``ras``, ``lps``, ``flirt``) and direction (``moving_from_fixed``, ``fixed_from_moving``) of a
        plain matrix that states neither by its name nor by a record beside it.
    moving, fixed
        Both images, as paths or in memory, which only FLIRT's matrix needs.

    Returns
    -------
    AffineTransform
        A `RigidTransform` if the matrix is rigid.

    Raises
    ------
    InputError
        If the file cannot be read, does not state its meaning, or an argument cannot be used.
    """
    check_types(
        {
            "path": (path, kinds.PATH),
            "convention": (convention, TEXT),
            "direction": (direction, TEXT),
            "moving": (moving, IMAGE),
            "fixed": (fixed, IMAGE),
        }
    )
    images = [_image(given, None) for given in (moving, fixed)]
    read = read_transform_of_file(path, convention=convention, direction=direction, moving=images[0], fixed=images[1])
    return as_transform(read.matrix, "path")


def register(
    *,
    moving: Any,
    fixed: Any,
    moving_mask: Any = None,
    fixed_mask: Any = None,
    moving_mask_label: int | str | None = None,
    fixed_mask_label: int | str | None = None,
    start: Any = None,
    method: str | Method = "refine",
    weights: LoadedWeights | str | Path | None = None,
    settings: RegisterSettings | None = None,
    device: str = "cpu",
    threads: int | None = None,
    seed: int = 0,
    moving_series: str | None = None,
    fixed_series: str | None = None,
    geometry: str | None = None,
    convention: str | None = None,
    direction: str | None = None,
    allow_identical: bool = False,
    allow_different_patients: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Registration:
    """Find the rigid transform that takes the fixed liver to the moving liver, and judge it.

    Parameters
    ----------
    moving, fixed
        CT in HU: the path of a NIfTI, NRRD or MetaImage file, or of a folder or zip archive of DICOM; a nibabel or
        SimpleITK image; a `Volume`; or a pair (array or tensor, world_from_voxel in RAS mm).
    moving_mask, fixed_mask
        Liver masks in the same forms, or as a DICOM SEG or RTSTRUCT, ``.seg.nrrd`` or folder of classes. One is enough,
        two are better; a result without any is never accepted without review.
    moving_mask_label, fixed_mask_label
        Number or name of the liver in each mask; None takes the label called liver, or the only one.
    start
        Approximate moving_from_fixed, tried beside the library's own starts: a transform, an earlier result, a (4, 4)
        matrix in RAS mm, or the path of a transform or of a table of point pairs (.csv).
    method
        ``refine``, ``network`` or ``network+refine``; see `Method`.
    weights
        Trained network of a method that uses one, or its file; None is the one that comes with the package.
    settings
        Settings of the registration; None for the defaults.
    device
        ``cpu`` or ``cuda``.
    threads
        Number of torch's threads during this call; afterwards it is as before. None: 1, unless the program has set
        ``GOMP_SPINCOUNT`` or ``OMP_WAIT_POLICY``; then torch's own number.
    seed
        Kept for methods that draw random numbers; no method does today.
    moving_series, fixed_series
        Series to read from a folder of DICOM with several, as for `read_image`.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.
    convention, direction
        Meaning of a start's plain matrix whose file does not state it, as for `read_transform`.
    allow_identical, allow_different_patients
        Accept one image given twice, or images of two patients, with a note.
    progress
        Function that is called with the name of each stage when the stage begins.

    Returns
    -------
    Registration
        ``transform`` is moving_from_fixed in world RAS mm. Look at ``verdict`` before using it.

    Raises
    ------
    SettingsError
        If an argument is of a wrong type or out of range.
    InputError
        If an image, mask, start or network cannot be read or used, or the images do not belong together.
    DeviceError
        If CUDA is asked for and absent.
    RigidityError
        If the result fails its certificate.

    Notes
    -----
    The result has the same bytes for the same number of threads. Threads that wait for each other at barriers by
    spinning take many times the time of the registration on a busy machine, therefore the default is one thread.
    Voxels that are tensors on another device are checked for NaN alone, not whether they are those of a CT.

    Examples
    --------
    >>> import hepareg
    >>> result = hepareg.register(moving="ap.nii.gz", fixed="pv.nii.gz", fixed_mask="liver.nii.gz")  # doctest: +SKIP
    >>> result.verdict.decision.value                                                               # doctest: +SKIP
    'accept'
    >>> report = result.save("result")                                                              # doctest: +SKIP
    """
    request = RegisterRequest(
        moving=moving,
        fixed=fixed,
        moving_mask=moving_mask,
        fixed_mask=fixed_mask,
        moving_mask_label=moving_mask_label,
        fixed_mask_label=fixed_mask_label,
        start=start,
        convention=convention,
        direction=direction,
        moving_series=moving_series,
        fixed_series=fixed_series,
        geometry=geometry,
        method=method.value if isinstance(method, Method) else method,
        weights=weights,
        device=device,
        threads=threads,
        seed=seed,
        allow_identical=allow_identical,
        allow_different_patients=allow_different_patients,
    )
    check_types({name: (getattr(request, name), kind) for name, kind in REQUEST.items()})
    check_types({"settings": (settings, SETTINGS), "progress": (progress, kinds.CALLABLE.or_none())})
    request = replace(
        request,
        moving_mask_label=_plain(moving_mask_label),
        fixed_mask_label=_plain(fixed_mask_label),
        start=_rigid(start),
        threads=threads_of_a_call(_plain(threads)),
        seed=int(seed),
    )
    registered = register_pair(request, settings=settings, progress=progress)
    notes = tuple(dict.fromkeys((*registered.pair.notes, *registered.result.notes)))
    return Registration(**{**vars(registered.result), "notes": notes}, registered=registered)


def apply(
    transform: Any,
    thing: Any,
    *,
    reference: Any = None,
    moving: Any = None,
    output: str | Path | None = None,
    settings: ApplySettings | None = None,
    overwrite: bool = False,
) -> Volume | Points | Applied:
    """Bring an image, points or a file of the moving anatomy to the fixed one.

    An image is sampled once on the grid of ``reference``. Points are mapped one by one by the inverse of the transform,
    so that both land on the same place.

    Parameters
    ----------
    transform
        moving_from_fixed: a transform, a result, a (4, 4) matrix in RAS mm, or the path of a transform.
    thing
        Image as a path or in memory; (..., 3) points in world RAS mm; or the path of a mesh or of landmarks.
    reference
        The fixed image (with ``settings.inverse``: the moving one) as a path or in memory, or its `Grid`.
    moving
        The moving image, beside ``reference``: only for points and the path of a FLIRT matrix.
    output
        File to write; needed for meshes and landmarks.
    settings
        Options; None for the defaults.
    overwrite
        Whether an existing output may be replaced.

    Returns
    -------
    Volume, array or Applied
        The image; the (..., 3) points; or, with an output, a line about the written file and notes.

    Raises
    ------
    InputError
        If a file or an argument cannot be used, or nothing of the image lies on the reference.
    OutputError
        If the output exists or cannot be written.
    """
    check_types(
        {
            "reference": (reference, kinds.IMAGE_OR_GRID.or_none()),
            "moving": (moving, IMAGE),
            "output": (output, kinds.PATH.or_none()),
            "settings": (settings, kinds.one_of(ApplySettings).or_none()),
            "overwrite": (overwrite, kinds.FLAG),
        }
    )
    found, settings = as_transform(transform, "transform"), settings or ApplySettings()
    points = as_points(thing)
    if points is not None:
        if output is not None:
            raise SettingsError("expected no output for points in memory, which are returned, got one: leave it out")
        read = points_transform(found, reference, moving, settings).transform
        return (read if settings.inverse else read.inverse()).apply(points)
    check_types({"thing": (thing, kinds.IMAGE_OR_POINTS)})
    if output is not None:
        return apply_to_file(
            found, thing, output, reference=reference, moving=moving, settings=settings, overwrite=overwrite
        )
    if is_path(thing) and point_kind_of(thing) is not None:
        raise SettingsError("expected an output for a file of points or of a mesh, got none: give the file to write")
    return pull_image(found, thing, reference, settings).image


def compare(
    a: Any,
    b: Any,
    *,
    mask: Any,
    mask_label: int | str | None = None,
    moving: Any = None,
    fixed: Any = None,
    convention: str | None = None,
    direction: str | None = None,
    geometry: str | None = None,
) -> Comparison:
    """Return how far two transforms are apart over a mask: rotation in degrees, distances in mm.

    Parameters
    ----------
    a, b
        moving_from_fixed, each a transform, a result, a (4, 4) matrix in RAS mm, or the path of a transform.
    mask, mask_label
        Mask in the fixed world, as a path or in memory, and the number or name of its label.
    moving, fixed
        Both images, as paths or in memory, which only files of FLIRT's matrices need.
    convention, direction
        Meaning of a plain matrix whose file does not state it, as for `read_transform`.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.

    Raises
    ------
    InputError
        If a file or an argument cannot be used.
    """
    check_types(
        {
            "mask": (mask, kinds.IMAGE),
            "mask_label": (mask_label, LABEL),
            "moving": (moving, IMAGE),
            "fixed": (fixed, IMAGE),
            "convention": (convention, TEXT),
            "direction": (direction, TEXT),
            "geometry": (geometry, TEXT),
        }
    )
    both = [as_transform(given, name) for given, name in ((a, "a"), (b, "b"))]
    return compare_files(
        *both,
        mask=mask,
        mask_label=_plain(mask_label),
        moving=moving,
        fixed=fixed,
        convention=convention,
        direction=direction,
        geometry=geometry,
    )


def _image(given: Any, geometry: str | None) -> Volume | None:
    """Return an image from a path or from memory; None if none is given."""
    if given is None:
        return None
    return read_image_of_file(given, geometry=geometry) if is_path(given) else image_in_memory(given)


def _rigid(start: Any) -> Any:
    """Return a start in memory as a rigid transform, and a path or None as it is.

    Raises
    ------
    SettingsError
        If it is of another type.
    TransformError
        If its matrix is not rigid.
    """
    found = None if start is None else as_transform(start, "start")
    return RigidTransform(found.matrix) if isinstance(found, AffineTransform) else found


def _plain(value: Any) -> Any:
    """Return a whole number of NumPy as an int of Python, and any other value as it is."""
    return int(value) if isinstance(value, np.integer) else value

"""`hepareg register`: two phases on disk to a rigid matrix, a verdict and a picture, all or nothing."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepareg.clock import Clock
from hepareg.io.json import write_json
from hepareg.io.transforms import MatrixMeaning, read_transform_file
from hepareg.transforms import RigidTransform
from hepareg.workflows.atomic import atomic_directory
from hepareg.workflows.certificate import certify_distances, liver_points
from hepareg.workflows.inputs import CheckedPair, read_pair
from hepareg.workflows.register_request import RegisterRequest, check_options, check_output, is_table
from hepareg.workflows.threads import set_threads, torch_threads

if TYPE_CHECKING:
    from hepareg.registration import RegisterSettings, RegistrationResult
    from hepareg.workflows.register_outputs import Written

__all__ = ["RegisterRequest", "Registered", "RegisteredPair", "register_files", "register_pair", "write_registered"]

Progress = Callable[[str], None]

REJECTED = "the result was rejected"
NOT_ASKED_FOR = "only the matrix was asked for"
"""Reasons of files that the verdict or the request left out."""


@dataclass(frozen=True)
class Registered:
    """Report of a run: the content of ``result.json``, and the result in one line."""

    report: Mapping[str, Any]
    line: str

    @property
    def decision(self) -> str:
        """``accept``, ``review`` or ``reject``."""
        return str(self.report["verdict"]["decision"])

    @property
    def surprises(self) -> Mapping[str, str]:
        """Files that neither the request nor the verdict left out, each with the reason why it could not be written."""
        left_out = self.report["outputs"]["left_out"]
        return {name: reason for name, reason in left_out.items() if reason not in (REJECTED, NOT_ASKED_FOR)}


@dataclass(frozen=True, eq=False)
class RegisteredPair:
    """A request, the images and masks that it names, and the certified result.

    Parameters
    ----------
    request
        Inputs and options.
    pair
        The images and masks, checked; voxels that were given on a device are on it still.
    result
        Transform and verdict.
    timings_s
        Seconds of each stage so far, and ``total``.
    """

    request: RegisterRequest
    pair: CheckedPair
    result: "RegistrationResult"
    timings_s: Mapping[str, float]


def register_files(request: RegisterRequest, *, progress: Progress | None = None) -> Registered:
    """Register two files and write the results to ``request.out``, atomically.

    A rejected result leaves ``result.json`` and the picture, and no transform or image. With
    ``request.threads``, the number of threads is set for the whole process.

    Parameters
    ----------
    request
        Files and options.
    progress
        Function that is called with the name of each stage when the stage begins.

    Raises
    ------
    InputError
        If a file, or an option, cannot be used; nothing is written.
    DeviceError
        If CUDA is asked for and absent.
    OutputError
        If the results cannot be written; nothing is left behind.
    RigidityError
        If the result fails its certificate; nothing is written.
    """
    check_output(request)
    done = register_pair(request, progress=progress)
    if request.threads is not None:
        set_threads(request.threads)
    return write_registered(done, progress=progress)


def register_pair(
    request: RegisterRequest, *, settings: "RegisterSettings | None" = None, progress: Progress | None = None
) -> RegisteredPair:
    """Read and check a pair, register it, and certify that the result is rigid; write nothing.

    Parameters
    ----------
    request
        Files or images in memory, and options. The number of threads is torch's during the registration alone.
    settings
        Settings of the registration; None for the defaults.
    progress
        Function that is called with the name of each stage when the stage begins.

    Raises
    ------
    InputError, DeviceError, RigidityError
        As `register_files`.
    """
    check_options(request)
    clock = Clock(progress)
    with clock("reading"):
        pair, register = _read(request)
        start, notes = _start(request, pair)
        pair = replace(pair, notes=(*pair.notes, *notes))
    with torch_threads(request.threads):
        result: RegistrationResult = register(
            moving=pair.moving,
            fixed=pair.fixed,
            moving_mask=pair.moving_mask,
            fixed_mask=pair.fixed_mask,
            start=start,
            **_method(request),
            **({} if settings is None else {"settings": settings}),
            device=request.device,
            seed=request.seed,
            progress=progress,
        )
    clock.seconds.update(result.timings_s)
    with clock("certificate"):
        result.transform.certify()
        certify_distances(result.transform, liver_points(pair.fixed.grid, pair.fixed_mask_on_host))
    return RegisteredPair(request, pair, result, clock.with_total())


def _read(request: RegisterRequest) -> tuple[CheckedPair, Callable[..., "RegistrationResult"]]:
    """Return the pair and the function `register`; a thread imports torch while the images are read."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        # If a file is missing, nothing is imported: the message comes at once.
        loading = pool.submit(_load) if all(path.exists() for path in request.inputs) else None
        pair = read_pair(
            moving=request.moving,
            fixed=request.fixed,
            moving_mask=request.moving_mask,
            fixed_mask=request.fixed_mask,
            moving_mask_label=_first_given(request.moving_mask_label, request.mask_label),
            fixed_mask_label=_first_given(request.fixed_mask_label, request.mask_label),
            moving_series=request.moving_series,
            fixed_series=request.fixed_series,
            geometry=request.geometry,
            allow_identical=request.allow_identical,
            allow_different_patients=request.allow_different_patients,
            threads=request.threads or 2,
        )
        return pair, loading.result() if loading is not None else _load()


def _first_given(own: int | str | None, both: int | str | None) -> int | str | None:
    return both if own is None else own


def _load() -> Callable[..., "RegistrationResult"]:
    """Import `hepareg.registration.register` and return it."""
    from hepareg.registration import register

    return register


def _start(request: RegisterRequest, pair: CheckedPair) -> tuple[RigidTransform | None, tuple[str, ...]]:
    """Return the start that the request names, and the notes of its reader."""
    if request.start is None or isinstance(request.start, RigidTransform):
        return request.start, ()
    if is_table(request.start):
        from hepareg.io.landmark_pairs import read_landmark_pairs

        fitted, note = read_landmark_pairs(request.start, space=request.convention).fit()
        return fitted, (note,)
    read = read_transform_file(
        request.start,
        said=MatrixMeaning(request.convention, request.direction),
        default_direction="moving_from_fixed",
        moving=pair.moving,
        fixed=pair.fixed,
    )
    return RigidTransform(read.transform.matrix), tuple(f"start: {note}" for note in read.notes)


def _method(request: RegisterRequest) -> dict[str, Any]:
    """Return the keyword arguments ``method`` and ``weights`` of `register`; none of them for the default method."""
    if request.method == "refine":
        return {}
    from hepareg.registration import Method

    return {"method": Method(request.method), "weights": request.weights}


def write_registered(done: RegisteredPair, *, progress: Progress | None = None) -> Registered:
    """Write the files of a result to its request's folder, atomically, as `register_files` describes.

    Raises
    ------
    OutputError
        If the folder cannot be written or replaced; nothing is left behind.
    RigidityError
        If a file does not hold the transform exactly; nothing is written.
    """
    from hepareg.workflows.register_report import dice_of_masks, report
    from hepareg.workflows.register_words import one_line

    request, result, pair = done.request, done.result, done.pair.on_host()
    out, clock = check_output(request), Clock(progress)
    with clock("dice"):
        dice = dice_of_masks(pair, result)
    with atomic_directory(out, overwrite=request.overwrite) as folder:
        with clock("writing"):
            written = _write_outputs(folder, request, pair, result, dice)
        before, later = dict(done.timings_s), clock.with_total()
        seconds = {**before, **later, "total": before.pop("total") + later["total"]}
        content = report(result, pair, dice=dice, written=written, options=request.options, timings_s=seconds)
        write_json(folder / "result.json", content)
    return Registered(content, one_line(result))


def _write_outputs(
    folder: Path,
    request: RegisterRequest,
    pair: CheckedPair,
    result: "RegistrationResult",
    dice: Mapping[str, float] | None,
) -> "Written":
    """Write the files that the request and the verdict allow, images and picture at the same time."""
    from hepareg.workflows import register_outputs as outputs
    from hepareg.workflows.register_words import caption

    rejected = result.verdict.decision.value == "reject"
    written = outputs.Written(("result.json",))
    if rejected:
        written += outputs.Written(
            left_out=dict.fromkeys((*outputs.TRANSFORMS, outputs.RECORD_NAME, outputs.MOVED, outputs.WARPED), REJECTED)
        )
    else:
        written += outputs.write_transforms(
            folder, result.transform, pair, centre_mm=result.centre_mm, extra=request.write
        )
    if request.matrix_only and not rejected:  # a user has to look at a rejected result
        pictures = (outputs.MOVED, outputs.WARPED, outputs.PICTURE)
        return written + outputs.Written(left_out=dict.fromkeys(pictures, NOT_ASKED_FOR))
    with ThreadPoolExecutor(max_workers=1) as pool:
        picture = pool.submit(outputs.write_picture, folder, result.transform, pair, caption(result, dice))
        if not rejected:
            written += outputs.write_images(folder, result.transform, pair, moving=request.moving)
        return written + picture.result()

"""`hepareg register`: two phases on disk to a rigid matrix, a verdict and a picture, all or nothing."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepareg.clock import Clock
from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.json import write_json
from hepareg.io.segmentation import LIVER, is_called
from hepareg.io.transforms import MatrixMeaning, read_transform_file
from hepareg.transforms import RigidTransform
from hepareg.workflows.atomic import atomic_directory, check_output_directory, check_replaceable
from hepareg.workflows.certificate import certify_distances, liver_points
from hepareg.workflows.inputs import CheckedPair, read_pair
from hepareg.workflows.threads import MAX_THREADS, set_threads

if TYPE_CHECKING:
    from hepareg.registration import RegistrationResult
    from hepareg.workflows.register_outputs import Written

__all__ = ["RegisterRequest", "Registered", "register_files"]

Progress = Callable[[str], None]

DEVICES = ("cpu", "cuda")
WRITABLE = ("elastix", "greedy")
"""Names of `EXTRA_TRANSFORMS` of the outputs, here so that a wrong one is told before anything slow is imported."""
METHODS = ("refine", "network", "network+refine")
"""Names of `hepareg.registration.Method`, here so that a wrong one is told before anything slow is imported."""


@dataclass(frozen=True)
class RegisterRequest:
    """Files to register, folder of the results, and options of the run.

    Parameters
    ----------
    moving, fixed
        Each a NIfTI, NRRD or MetaImage file or a folder of DICOM.
    out
        Folder for the results.
    moving_mask, fixed_mask, mask_label
        Liver masks, as `hepareg.masks.read_mask` takes them, and the number or name of the liver in both.
    moving_mask_label, fixed_mask_label
        The same for one mask, if the two differ.
    start, convention, direction
        File of an approximate moving_from_fixed in any format that `hepareg.io.transforms` reads, or table of point
        pairs (.csv); coordinates and direction of a plain matrix whose file does not state them (`MatrixMeaning`).
    moving_series, fixed_series
        Series to read from a folder of DICOM with several: number in the list, ``number=...``, ``uid=...`` or words.
    method, weights
        One of `METHODS`, and the file of a trained network for methods with one; None is the package's own network.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.
    write
        Names of tools whose transform files are written as well: ``elastix``, ``greedy``.
    matrix_only
        Write transforms and ``result.json`` alone; of a rejected result ``result.json`` and the picture, as without it.
    device, threads, seed
        ``cpu`` or ``cuda``; number of threads, None for torch's own choice; seed of random numbers.
    allow_identical, allow_different_patients
        Whether the user accepts one image given twice, and images of two patients.
    overwrite
        Whether an older result in ``out`` may be replaced.
    """

    moving: str | Path
    fixed: str | Path
    out: str | Path
    moving_mask: str | Path | None = None
    fixed_mask: str | Path | None = None
    mask_label: int | str | None = None
    moving_mask_label: int | str | None = None
    fixed_mask_label: int | str | None = None
    start: str | Path | None = None
    convention: str | None = None
    direction: str | None = None
    moving_series: str | None = None
    fixed_series: str | None = None
    geometry: str | None = None
    write: tuple[str, ...] = ()
    method: str = "refine"
    weights: str | Path | None = None
    matrix_only: bool = False
    device: str = "cpu"
    threads: int | None = None
    seed: int = 0
    allow_identical: bool = False
    allow_different_patients: bool = False
    overwrite: bool = False

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Paths of all files and folders that the request reads."""
        given = (self.moving, self.fixed, self.moving_mask, self.fixed_mask, self.start, self.weights)
        return tuple(Path(path) for path in given if path is not None)

    @property
    def options(self) -> dict[str, Any]:
        """Options of the request that influence the result, by name, for the report; no path among them."""
        names = (
            "convention",
            "direction",
            "geometry",
            "write",
            "method",
            "matrix_only",
            "device",
            "threads",
            "seed",
            "allow_identical",
            "allow_different_patients",
        )
        labels = {
            name: _label_shown(getattr(self, name)) for name in ("mask_label", "moving_mask_label", "fixed_mask_label")
        }
        return {**labels, **{name: getattr(self, name) for name in names}, "start_given": self.start is not None}


def _first_given(own: int | str | None, both: int | str | None) -> int | str | None:
    return both if own is None else own


def _label_shown(label: int | str | None) -> int | str | None:
    """Return a label as a report may hold it: names of segments are free text, and only the liver's is kept."""
    return label if label is None or isinstance(label, int) or is_called(label, LIVER) else "(a name)"


@dataclass(frozen=True)
class Registered:
    """Report of a run: the content of ``result.json``, and the result in one line."""

    report: Mapping[str, Any]
    line: str

    @property
    def decision(self) -> str:
        """``accept``, ``review`` or ``reject``."""
        return str(self.report["verdict"]["decision"])


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
    _check(request)
    clock = Clock(progress)
    with clock("reading"):
        pair, register = _read(request)
        start, notes = _start(request, pair)
        pair = replace(pair, notes=(*pair.notes, *notes))
    if request.threads is not None:
        set_threads(request.threads)
    result: RegistrationResult = register(
        moving=pair.moving,
        fixed=pair.fixed,
        moving_mask=pair.moving_mask,
        fixed_mask=pair.fixed_mask,
        start=start,
        **_method(request),
        device=request.device,
        seed=request.seed,
        progress=progress,
    )
    clock.seconds.update(result.timings_s)
    with clock("certificate"):
        result.transform.certify()
        mask = pair.fixed_mask
        certify_distances(result.transform, liver_points(pair.fixed.grid, mask))
    return _write(request, pair, result, clock)


def _check(request: RegisterRequest) -> None:
    """Check the options, the output folder and the device, before any image is read."""
    if request.device not in DEVICES:
        raise SettingsError(f"expected one of {', '.join(DEVICES)} as device, got {request.device!r}")
    if request.method not in METHODS:
        raise SettingsError(f"expected one of {', '.join(METHODS)} as method, got {request.method!r}")
    if request.weights is not None and request.method == "refine":
        raise SettingsError("expected --method network or network+refine beside --weights, got refine; choose one")
    if request.weights is not None and not Path(request.weights).is_file():
        raise FileFormatError(f"expected a weights file, found none at {request.weights}; check the path")
    if request.threads is not None and not 1 <= request.threads <= MAX_THREADS:
        raise SettingsError(f"expected 1 to {MAX_THREADS} threads, got {request.threads}")
    if request.seed < 0:
        raise SettingsError(f"expected a seed of 0 or more, got {request.seed}")
    if request.start is None and (request.convention, request.direction) != (None, None):
        raise SettingsError(
            "expected a start beside the convention or direction of its matrix, got none", options=("start",)
        )
    if request.direction is not None and _is_table(request.start):
        raise SettingsError(
            "expected no direction beside a table of point pairs, whose columns name the images, got "
            f"{request.direction!r}: leave it out, and swap the columns if they are named wrongly"
        )
    if not set(request.write) <= set(WRITABLE):
        raise SettingsError(
            f"expected {' or '.join(WRITABLE)} as further files to write, got {', '.join(request.write)}"
        )
    check_output_directory(request.out, overwrite=request.overwrite)
    if request.overwrite:
        from hepareg.workflows.register_outputs import REPLACEABLE_NAMES

        check_replaceable(request.out, own=REPLACEABLE_NAMES, inputs=request.inputs)
    if request.device == "cuda":
        # Before the images are read, although torch's import is then not hidden behind the reading.
        from hepareg.torch_device import torch_device

        torch_device(request.device)


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


def _load() -> Callable[..., "RegistrationResult"]:
    """Import `hepareg.registration.register` and return it."""
    from hepareg.registration import register

    return register


def _start(request: RegisterRequest, pair: CheckedPair) -> tuple[RigidTransform | None, tuple[str, ...]]:
    """Return the start that the request names, and the notes of its reader."""
    if request.start is None:
        return None, ()
    if _is_table(request.start):
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


def _is_table(start: str | Path | None) -> bool:
    """Return whether a start is a table of point pairs by its name, and not a transform."""
    return start is not None and Path(start).suffix.lower() == ".csv"


def _method(request: RegisterRequest) -> dict[str, Any]:
    """Return the keyword arguments ``method`` and ``weights`` of `register`; none of them for the default method."""
    if request.method == "refine":
        return {}
    from hepareg.registration import Method

    return {"method": Method(request.method), "weights": request.weights}


def _write(request: RegisterRequest, pair: CheckedPair, result: "RegistrationResult", clock: Clock) -> Registered:
    from hepareg.workflows.register_report import dice_of_masks, report
    from hepareg.workflows.register_words import one_line

    with clock("dice"):
        dice = dice_of_masks(pair, result)
    with atomic_directory(request.out, overwrite=request.overwrite) as folder:
        with clock("writing"):
            written = _write_outputs(folder, request, pair, result, dice)
        content = report(
            result, pair, dice=dice, written=written, options=request.options, timings_s=clock.with_total()
        )
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
        reason = "the result was rejected"
        written += outputs.Written(
            left_out=dict.fromkeys((*outputs.TRANSFORMS, outputs.RECORD_NAME, outputs.MOVED, outputs.WARPED), reason)
        )
    else:
        written += outputs.write_transforms(
            folder, result.transform, pair, centre_mm=result.centre_mm, extra=request.write
        )
    if request.matrix_only and not rejected:  # a user has to look at a rejected result
        pictures = (outputs.MOVED, outputs.WARPED, outputs.PICTURE)
        return written + outputs.Written(left_out=dict.fromkeys(pictures, "only the matrix was asked for"))
    with ThreadPoolExecutor(max_workers=1) as pool:
        picture = pool.submit(outputs.write_picture, folder, result.transform, pair, caption(result, dice))
        if not rejected:
            written += outputs.write_images(folder, result.transform, pair, moving_path=request.moving)
        return written + picture.result()

"""The request of a registration: its inputs, its options, and the checks of both before any image is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepareg.errors import FileFormatError, SettingsError
from hepareg.io.segmentation import LIVER, is_called
from hepareg.workflows.atomic import check_output_directory, check_replaceable
from hepareg.workflows.inputs import is_path
from hepareg.workflows.threads import MAX_THREADS

if TYPE_CHECKING:
    from hepareg.networks.weights import LoadedWeights
    from hepareg.transforms import RigidTransform

__all__ = ["METHODS", "RegisterRequest", "check_options", "check_output", "is_table"]

DEVICES = ("cpu", "cuda")
WRITABLE = ("elastix", "greedy")
"""Names of `EXTRA_TRANSFORMS` of the outputs, here so that a wrong one is told before anything slow is imported."""
METHODS = ("refine", "network", "network+refine")
"""Names of `hepareg.registration.Method`, here so that a wrong one is told before anything slow is imported."""


@dataclass(frozen=True)
class RegisterRequest:
    """Images to register, folder of the results, and options of the run.

    Parameters
    ----------
    moving, fixed
        Each a NIfTI, NRRD or MetaImage file, a folder of DICOM, or an image in memory (`hepareg.io.in_memory`).
    out
        Folder for the results; None if none are written.
    moving_mask, fixed_mask, mask_label
        Liver masks, as `hepareg.masks.read_mask` takes them or in memory, and the number or name of the liver in both.
    moving_mask_label, fixed_mask_label
        The same for one mask, if the two differ.
    start, convention, direction
        Approximate moving_from_fixed: a transform in memory, a file in any format of `hepareg.io.transforms`, or a
        table of point pairs (.csv); coordinates and direction of a plain matrix whose file does not state them
        (`MatrixMeaning`).
    moving_series, fixed_series
        Series to read from a folder of DICOM with several: number in the list, ``number=...``, ``uid=...`` or words.
    method, weights
        One of `METHODS`, and the trained network of methods with one, as a file or loaded; None is the package's own.
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

    moving: Any
    fixed: Any
    out: str | Path | None = None
    moving_mask: Any = None
    fixed_mask: Any = None
    mask_label: int | str | None = None
    moving_mask_label: int | str | None = None
    fixed_mask_label: int | str | None = None
    start: "str | Path | RigidTransform | None" = None
    convention: str | None = None
    direction: str | None = None
    moving_series: str | None = None
    fixed_series: str | None = None
    geometry: str | None = None
    write: tuple[str, ...] = ()
    method: str = "refine"
    weights: "str | Path | LoadedWeights | None" = None
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
        return tuple(Path(path) for path in given if is_path(path))

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


def _label_shown(label: int | str | None) -> int | str | None:
    """Return a label as a report may hold it: names of segments are free text, and only the liver's is kept."""
    return label if label is None or isinstance(label, int) or is_called(label, LIVER) else "(a name)"


def check_options(request: RegisterRequest) -> None:
    """Check the options of a request, except those of the output.

    Raises
    ------
    SettingsError, FileFormatError
        If an option is out of range or contradicts another one, or the file of the weights is missing.
    DeviceError
        If CUDA is asked for and absent.
    """
    if request.device not in DEVICES:
        raise SettingsError(f"expected one of {', '.join(DEVICES)} as device, got {request.device!r}")
    if request.method not in METHODS:
        raise SettingsError(f"expected one of {', '.join(METHODS)} as method, got {request.method!r}")
    if request.weights is not None and request.method == "refine":
        raise SettingsError(
            "expected the method network or network+refine beside weights, got refine; choose one", options=("method",)
        )
    if is_path(request.weights) and not Path(request.weights).is_file():
        raise FileFormatError(f"expected a weights file, found none at {request.weights}; check the path")
    if request.threads is not None and not 1 <= request.threads <= MAX_THREADS:
        raise SettingsError(f"expected 1 to {MAX_THREADS} threads, got {request.threads}")
    if request.seed < 0:
        raise SettingsError(f"expected a seed of 0 or more, got {request.seed}")
    if request.start is None and (request.convention, request.direction) != (None, None):
        raise SettingsError(
            "expected a start beside the convention or direction of its matrix, got none", options=("start",)
        )
    if request.direction is not None and is_table(request.start):
        raise SettingsError(
            "expected no direction beside a table of point pairs, whose columns name the images, got "
            f"{request.direction!r}: leave it out, and swap the columns if they are named wrongly"
        )
    if request.device == "cuda":
        # Before the images are read, although torch's import is then not hidden behind the reading.
        from hepareg.torch_device import torch_device

        torch_device(request.device)


def check_output(request: RegisterRequest) -> Path:
    """Return the path of the folder for the results, which can be written.

    Raises
    ------
    SettingsError
        If a further file is asked for that hepareg cannot write.
    OutputError
        If the folder cannot be written or replaced.
    """
    if not set(request.write) <= set(WRITABLE):
        raise SettingsError(
            f"expected {' or '.join(WRITABLE)} as further files to write, got {', '.join(request.write)}"
        )
    if request.out is None:
        raise SettingsError("expected a folder for the results, got none")
    out = check_output_directory(request.out, overwrite=request.overwrite)
    if request.overwrite:
        from hepareg.workflows.register_outputs import REPLACEABLE_NAMES

        check_replaceable(out, own=REPLACEABLE_NAMES, inputs=request.inputs)
    return out


def is_table(start: Any) -> bool:
    """Return whether a start is a table of point pairs by its name, and not a transform."""
    return is_path(start) and Path(start).suffix.lower() == ".csv"

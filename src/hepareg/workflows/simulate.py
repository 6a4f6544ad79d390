"""Files of simulated pairs: read a real CT and its masks, simulate, write each pair whole or not at all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hepareg.errors import InputError, MaskError
from hepareg.io.images import read_image
from hepareg.io.json import write_json
from hepareg.io.nifti import write_nifti
from hepareg.io.transforms import write_transform
from hepareg.preprocessing.masks import labels_present
from hepareg.simulation import (
    PairSettings,
    PatientCT,
    SimulatedPair,
    prepare_patient,
    simulate_pair,
)
from hepareg.simulation.anatomy.labels import label_from_name
from hepareg.simulation.pairs.pair import STAGES as PAIR_STAGES
from hepareg.simulation.pairs.pair import check_ct_size, check_request
from hepareg.volume import Volume
from hepareg.workflows.atomic import atomic_directory, check_output_directory, check_replaceable
from hepareg.workflows.inputs import read_ct

__all__ = ["OUTPUT_NAMES", "STAGES", "SimulateRequest", "simulate_files", "write_pair"]


STAGES = ("reading", *PAIR_STAGES, "writing")
"""Names of the stages that a caller's progress function receives, in this order."""
OUTPUT_NAMES = (
    "moving.nii.gz", "fixed.nii.gz", "moving_liver.nii.gz", "fixed_liver.nii.gz", "labels.nii.gz", "truth.txt",
    "truth.txt.json", "landmarks.csv", "centrelines.csv", "tissue.csv", "pair.json",
)  # fmt: skip
REPLACEABLE = (*OUTPUT_NAMES, "moving", "fixed", "residual_[xyz]_mm.nii.gz", "pair_[0-9]*")
"""Names in a folder that may be overwritten: the files of one pair, DICOM series, or folders of pairs."""


@dataclass(frozen=True)
class SimulateRequest:
    """Settings, seeds and input files of the pairs to simulate.

    Parameters
    ----------
    settings
        Anatomy, phases, motion and acquisition.
    seed, num_pairs
        The pairs have the seeds ``seed``, ``seed + 1``, ...
    ct
        File of a real CT, or None for the procedural abdomen.
    labels
        Masks of the real CT, each as ``NAME=FILE``, as ``NAME=FILE:VALUE`` for one value of a label map, or as the
        FILE alone if its name is the label's.
    dicom
        Write the two images as DICOM series instead of NIfTI.
    geometry
        ``sform`` or ``qform`` for NIfTI headers of the CT and the labels in which the two disagree.
    """

    settings: PairSettings = field(default_factory=PairSettings)
    seed: int = 0
    num_pairs: int = 1
    ct: str | None = None
    labels: Sequence[str] = ()
    dicom: bool = False
    geometry: str | None = None


def simulate_files(
    request: SimulateRequest,
    *,
    out: str | Path,
    overwrite: bool = False,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Simulate pairs and write them to ``out``: one pair flat, several in a folder each.

    Parameters
    ----------
    request
        Settings, seeds and input files.
    out
        New folder.
    overwrite
        Replace an existing ``out`` that holds older pairs and nothing else.
    progress
        Called with the name of each of `STAGES` when the stage begins, for every pair.

    Raises
    ------
    InputError
        If a file or setting cannot be used; raised before any work starts.
    OutputError
        If the output cannot be written.
    """
    check_output_directory(out, overwrite=overwrite)
    if overwrite:
        check_replaceable(out, own=REPLACEABLE, inputs=_files_of(request), sign="pair.json")
    if request.num_pairs < 1:
        raise InputError(f"expected at least one pair, got {request.num_pairs}")
    if request.seed < 0:
        raise InputError(f"expected a seed of 0 or more, got {request.seed}")
    if request.labels and request.ct is None:
        raise InputError("expected the CT that the labels belong to, got labels alone: give it", options=("ct",))
    check_request(request.settings)
    if request.ct is not None and progress is not None:
        progress("reading")
    patient = None if request.ct is None else _read_patient(request.ct, request.labels, request.geometry)
    width = len(str(request.num_pairs - 1))
    with atomic_directory(out, overwrite=overwrite) as folder:
        for number in range(request.num_pairs):
            pair = simulate_pair(
                settings=request.settings, seed=request.seed + number, patient=patient, progress=progress
            )
            if progress is not None:
                progress("writing")
            place = folder if request.num_pairs == 1 else folder / f"pair_{number:0{width}d}"
            write_pair(place, pair, dicom=request.dicom)


def write_pair(folder: Path, pair: SimulatedPair, *, dicom: bool = False) -> None:
    """Write one pair's files into a folder; the same pair gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(("moving", "fixed"), start=1):
        image: Volume = getattr(pair, name)
        if dicom:
            from hepareg.io.dicom_output import write_dicom_series  # imports pydicom, which takes half a second

            phase = image.phase.value if image.phase is not None else "unknown"
            description = f"simulated {phase} ({name})"
            study = f"SIMULATED-{pair.seed}"
            write_dicom_series(folder / name, image, study=study, series_number=number, description=description)
        else:
            write_nifti(folder / f"{name}.nii.gz", image)
    for name in ("moving_liver", "fixed_liver", "labels"):
        write_nifti(folder / f"{name}.nii.gz", getattr(pair, name))
    write_transform(folder / "truth.txt", pair.truth)
    (folder / "landmarks.csv").write_text(_landmarks_text(pair))
    (folder / "centrelines.csv").write_text(_centrelines_text(pair))
    (folder / "tissue.csv").write_text(_tissue_text(pair))
    write_json(folder / "pair.json", pair.parameters)
    if pair.residual is not None:
        for axis, part in zip("xyz", pair.residual.displacement_mm, strict=True):
            write_nifti(folder / f"residual_{axis}_mm.nii.gz", Volume(part, pair.residual.grid))


def _landmarks_text(pair: SimulatedPair) -> str:
    """Return the landmarks as CSV text; x, y, z are in the fixed world, moving_x, moving_y, moving_z in the moving."""
    return _table((landmark.name, landmark.fixed_mm, landmark.moving_mm) for landmark in pair.landmarks)


def _tissue_text(pair: SimulatedPair) -> str:
    """Return points all over the liver and the true places of their tissue, as CSV text like that of the landmarks."""
    places = zip(pair.tissue.fixed_mm, pair.tissue.moving_mm, strict=True)
    return _table((f"tissue_{number}", fixed, moving) for number, (fixed, moving) in enumerate(places))


def _table(rows: Iterable[tuple[str, Iterable[float], Iterable[float]]]) -> str:
    lines = ["name,x,y,z,moving_x,moving_y,moving_z"]
    for name, fixed, moving in rows:
        lines.append(",".join([name, *(f"{x:.6f}" for x in (*fixed, *moving))]))
    return "\n".join(lines) + "\n"


def _centrelines_text(pair: SimulatedPair) -> str:
    """Return the nodes of the vessels' centrelines as CSV text, fixed world mm.

    ``parent`` is the number of the node before a node, -1 at the root of a tree.
    """
    lines = ["name,x,y,z,radius_mm,node,parent"]
    first = 0
    for tree in pair.anatomy.trees:
        name = tree.label.name.lower()
        for node, (point, radius, parent) in enumerate(zip(tree.points, tree.radius_mm, tree.parent, strict=True)):
            place = ",".join(f"{x:.6f}" for x in point)
            above = -1 if parent < 0 else first + parent
            lines.append(f"{name},{place},{radius:.4f},{first + node},{above}")
        first += len(tree.points)
    return "\n".join(lines) + "\n"


def _read_patient(ct: str, labels: Sequence[str], geometry: str | None) -> PatientCT:
    sources = _label_sources(labels)
    image = read_ct(ct, name="image to start from", geometry=geometry)
    check_ct_size(image.shape)
    masks: dict[str, Volume] = {}
    read: dict[str, Volume] = {}
    for name, (path, value) in sources.items():
        if path not in read:
            read[path] = read_image(path, geometry=geometry)
        stored = read[path]
        if value is None and len(found := labels_present(stored.data, name=f"{name} mask")) > 1:
            raise MaskError(
                f"expected a {name} mask with one label, got {len(found)} labels ({found[0]} to {found[-1]}): "
                f"choose one with {name}=FILE:VALUE"
            )
        chosen = stored.data > 0 if value is None else stored.data == value
        if not chosen.any():
            wanted = "any voxel" if value is None else f"the value {value}"
            raise MaskError(f"expected {wanted} in the {name} mask, got none; check the file, or leave it out")
        masks[name] = stored.with_data(chosen)
    return prepare_patient(ct=image, masks=masks)


def _files_of(request: SimulateRequest) -> list[Path]:
    """Return the paths of a request's input files."""
    if request.ct is None:
        return []
    return [Path(request.ct), *(Path(path) for path, _ in _label_sources(request.labels).values())]


def _label_sources(labels: Sequence[str]) -> Mapping[str, tuple[str, int | None]]:
    """Return the file and the value (or None) of each label by its name; no file is opened."""
    sources: dict[str, tuple[str, int | None]] = {}
    for text in labels:
        name, _, rest = text.rpartition("=") if "=" in text else ("", "", text)
        path, colon, value = rest.rpartition(":")
        path, number = (path, int(value)) if colon and value.isdigit() else (rest, None)
        name = name or Path(path).name.split(".")[0]
        label_from_name(name)
        if name in sources:
            raise InputError(f"expected each label once, got {name} twice")
        sources[name] = (path, number)
    if "liver" not in sources:
        raise MaskError("expected a liver mask among the labels, got none; add liver=FILE")
    return sources

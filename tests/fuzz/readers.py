"""What is done with a mutant of each kind: in process, and through the command."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hepareg.errors import FileFormatError
from hepareg.io.images import read_image
from hepareg.io.landmark_pairs import read_landmark_pairs
from hepareg.io.manifest import read_manifest
from hepareg.io.nifti import write_nifti
from hepareg.io.transform_record import MatrixMeaning
from hepareg.io.transforms import read_transform_file, write_transform
from hepareg.masks import read_mask
from hepareg.volume import Volume
from hepareg.workflows.apply import ApplySettings, apply_to_file
from hepareg.workflows.info import describe
from tests.fuzz.seeds.images import GRID, MASK, VOXELS
from tests.fuzz.seeds.points import CSV
from tests.fuzz.seeds.transforms import RIGID

__all__ = ["READERS", "commands_of", "write_good_files"]

SIDE = "moving_from_fixed"


def write_good_files(folder: Path) -> None:
    """Write the valid files that commands need beside the mutant."""
    folder.mkdir()
    write_nifti(folder / "ct.nii.gz", Volume(VOXELS, GRID))
    write_nifti(folder / "mask.nii.gz", Volume(MASK, GRID))
    write_transform(folder / f"{SIDE}.txt", RIGID)
    (folder / "points.csv").write_bytes(CSV)


def _read_weights(path: Path, _: Path) -> None:
    from hepareg.networks.predictor import region_of
    from hepareg.networks.weights import load_weights

    region_of(load_weights(path))


def _applied(path: Path, folder: Path) -> None:
    """Move the points of a file into another file of its kind."""
    suffix = "".join(path.suffixes[-2:]) if path.name.endswith(".mrk.json") else path.suffix
    output = folder / "out" / f"moved{suffix}"
    apply_to_file(folder / "good" / f"{SIDE}.txt", path, output, settings=ApplySettings())
    if not output.is_file():
        raise AssertionError("no output was written")


def _like_image(path: Path, folder: Path) -> None:
    read_mask(path, like=Volume(VOXELS, GRID))


def _transform(path: Path, _: Path) -> None:
    read_transform_file(path, default_direction=SIDE)


def _flirt(path: Path, _: Path) -> None:
    read_transform_file(path, said=MatrixMeaning("flirt"), moving=GRID, fixed=GRID)


def _described(path: Path, _: Path) -> None:
    """Describe a file for a terminal; a file with faults counts as refused."""
    if describe(path).problems:
        raise FileFormatError("it has problems")


READERS: Mapping[str, tuple[Callable[[Path, Path], object], ...]] = {
    "image": (lambda path, _: read_image(path), _described),
    "mask": (lambda path, _: read_mask(path), _like_image, _described),
    "labels": (lambda path, _: read_mask(path, label="liver"), _described),
    "mesh": (_applied, _described),
    "vtk": (_applied, _described),
    "landmarks": (_applied, _described),
    "markups": (_applied, _described),
    "pairs": (lambda path, _: read_landmark_pairs(path).fit(),),
    "transform": (_transform, _described),
    "flirt": (_flirt, _described),
    "manifest": (lambda path, _: read_manifest(path),),
    "weights": (_read_weights,),
}
"""Functions of the mutant's path and of the folder with good files; the first one says whether it is accepted."""


def commands_of(kind: str, path: str, good: str, out: str) -> list[list[str]]:
    """Return the command lines that read a mutant of a kind, each with OUT as its output.

    Parameters
    ----------
    kind
        Name of the reader.
    path
        The mutant.
    good
        Folder of `write_good_files`.
    out
        Name without suffix of the output.
    """
    matrix, ct, mask = f"{good}/{SIDE}.txt", f"{good}/ct.nii.gz", f"{good}/mask.nii.gz"
    image = ["--reference", ct]
    suffix = ".mrk.json" if path.endswith(".mrk.json") else Path(path).suffix
    transform = [
        ["apply", path, f"{good}/points.csv", "-o", f"{out}.csv", "--direction", SIDE, "--quiet"],
        ["rigidify", path, "-o", f"{out}.txt", "--fixed", ct, "--moving", ct, "--mask", mask, "--quiet"],
        ["compare", path, matrix, "--mask", mask],
    ]
    points = [["apply", matrix, path, "-o", f"{out}{suffix}", "--quiet"]] * 2
    masks = [
        ["compare", matrix, matrix, "--mask", path],
        ["apply", matrix, path, "-o", f"{out}.nii.gz", "--quiet", "--mask-label", "liver", *image],
        ["register", ct, ct, "-o", out, "--quiet", "--moving-mask", path, "--allow-identical"],
    ]
    special: Mapping[str, list[list[str]]] = {
        "image": [
            ["apply", matrix, path, "-o", f"{out}.nii.gz", "--quiet", *image],
            ["apply", matrix, ct, "-o", f"{out}.nii.gz", "--quiet", "--reference", path],
            ["register", path, ct, "-o", out, "--quiet"],
        ],
        "mask": masks,
        "labels": masks,
        "transform": transform,
        "flirt": transform,
        "manifest": [["preprocess", path, "-o", out, "--quiet"]] * 2,
        "weights": [["export", path, "-o", out, "--weights-only"]],
        "pairs": [["register", ct, ct, "-o", out, "--quiet", "--allow-identical", "--start", path]],
    }
    return [*special.get(kind, points), ["info", path]]

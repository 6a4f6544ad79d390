"""Small valid transform files of every format that is read."""

from pathlib import Path

from hepareg.io.transforms import write_transform
from hepareg.transforms import RigidTransform
from tests.fuzz.seeds.seed import Seed, written

__all__ = ["TRANSFORMS"]

GOLDEN = Path(__file__).parents[2] / "golden"
RIGID = RigidTransform.from_vectors([0.1, -0.2, 0.15], [12.0, -7.5, 30.0], centre_mm=[40.0, -20.0, -500.0])
MATRIX = b"1 0 0 10\n0 1 0 -5.25\n0 0 1 3\n0 0 0 1\n"


def _golden(name: str, path: str, *special: str, text: bool = True) -> Seed:
    return Seed("transform", path, {path: (GOLDEN / name).read_bytes()}, special, text)


def _elastix() -> dict[str, bytes]:
    names = ("TransformParameters.0.txt", "TransformParameters.1.txt")
    return {name: (GOLDEN / "elastix" / name).read_bytes() for name in names}


def _with_record() -> dict[str, bytes]:
    return written(lambda folder: write_transform(folder / "moving_from_fixed.txt", RIGID))


TRANSFORMS = {
    "itk_text": lambda: _golden("itk_euler.tfm", "a.tfm"),
    "itk_chain": lambda: _golden("itk_chain.tfm", "a.tfm"),
    "itk_matlab": lambda: _golden("itk_euler.mat", "a.mat", text=False),
    "ants_matlab": lambda: _golden("ants_a0GenericAffine.mat", "a.mat", text=False),
    "itk_hdf5": lambda: _golden("itk_euler.h5", "a.h5", text=False),
    "elastix": lambda: Seed("transform", "TransformParameters.0.txt", _elastix(), ("elastix",), True),
    "elastix_chain": lambda: Seed("transform", "TransformParameters.1.txt", _elastix(), ("elastix",), True),
    "flirt": lambda: Seed("flirt", "flirt.mat", {"flirt.mat": (GOLDEN / "fsl_flirt.mat").read_bytes()}, (), True),
    "lta_world": lambda: _golden("surfa_world.lta", "a.lta"),
    "lta_voxels": lambda: _golden("surfa_vox.lta", "a.lta"),
    "matrix": lambda: Seed("transform", "a.txt", {"a.txt": MATRIX}, (), True),
    "matrix_with_record": lambda: Seed("transform", "moving_from_fixed.txt", _with_record(), ("json",), True),
}

"""Mutations: pure functions from bytes and a generator of random numbers to bytes, by the name of their group."""

from collections.abc import Mapping

from tests.fuzz.mutations.bombs import inside_gzip, packed, zip_archive
from tests.fuzz.mutations.dicom import DEFLATED, DICOM
from tests.fuzz.mutations.itk import META, NRRD
from tests.fuzz.mutations.nifti import NIFTI
from tests.fuzz.mutations.raw_bytes import ANY, Mutation
from tests.fuzz.mutations.structured import ELASTIX, JSON, OBJ, SAFETENSORS
from tests.fuzz.mutations.text import TEXT

__all__ = ["ANY", "BOMBS", "SPECIAL", "TEXT", "Mutation"]

SPECIAL: Mapping[str, Mapping[str, Mutation]] = {
    "nifti": NIFTI,
    "inside_gzip": inside_gzip,
    "packed": packed,
    "nrrd": NRRD,
    "meta": META,
    "dicom": DICOM,
    "deflated_dicom": DEFLATED,
    "zip": zip_archive,
    "json": JSON,
    "safetensors": SAFETENSORS,
    "elastix": ELASTIX,
    "obj": OBJ,
}
BOMBS = frozenset(
    {
        "gzip_bomb",
        "packed_many_times",
        "nrrd_bomb",
        "meta_bomb",
        "bomb_in_archive",
        "deflated_dicom_bomb",
        "nifti_inside_gzip",
    }
)
"""Mutations that take seconds; few mutants have them."""

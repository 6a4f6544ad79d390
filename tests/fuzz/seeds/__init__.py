"""How small valid files of every format are made; `seed_of` returns those of one format."""

from collections.abc import Callable, Mapping
from functools import cache

from tests.fuzz.seeds.dicom import DICOM
from tests.fuzz.seeds.images import IMAGES
from tests.fuzz.seeds.points import POINTS
from tests.fuzz.seeds.seed import Seed
from tests.fuzz.seeds.tables import TABLES
from tests.fuzz.seeds.transforms import TRANSFORMS

__all__ = ["FAMILIES", "FORMATS", "Seed", "seed_of"]

FAMILIES: Mapping[str, Mapping[str, Callable[[], Seed]]] = {
    "images": IMAGES,
    "dicom": DICOM,
    "points": POINTS,
    "transforms": TRANSFORMS,
    "tables": TABLES,
}
FORMATS: Mapping[str, Callable[[], Seed]] = {
    name: make for family in FAMILIES.values() for name, make in family.items()
}


@cache
def seed_of(name: str) -> Seed:
    """Return the valid input of a format."""
    return FORMATS[name]()

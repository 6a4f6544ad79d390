"""One mutant: the files of a valid input, of which one was changed; format and number determine it."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tests.fuzz.mutations import ANY, BOMBS, SPECIAL, TEXT, Mutation
from tests.fuzz.seeds import FORMATS, Seed, seed_of

__all__ = ["Mutant", "mutant_of"]

SEED = 20261128
P_OF_MAIN, P_SPECIAL, P_TEXT, P_SECOND = 0.85, 0.5, 0.6, 0.2
WEIGHT_OF_BOMB = 0.25


@dataclass(frozen=True)
class Mutant:
    """The files of a changed input.

    Parameters
    ----------
    name, number
        Format, and number of the mutant; number 0 is the valid input itself.
    kind
        Name of the reader.
    mutation
        Changed file and names of mutations.
    path
        File that a user would name, or an empty text for the folder of all files.
    files
        Content by name.
    """

    name: str
    number: int
    kind: str
    mutation: str
    path: str
    files: Mapping[str, bytes]


def mutant_of(name: str, number: int) -> Mutant:
    """Return a mutant of a format; the same name and number give the same mutant."""
    seed, random = seed_of(name), np.random.default_rng([SEED, zlib.crc32(name.encode()), number])
    if number == 0:
        return Mutant(name, 0, seed.kind, "none", seed.path, seed.files)
    mutation, files = _changed(seed, random)
    return Mutant(name, number, seed.kind, mutation, seed.path, files)


def _changed(seed: Seed, random: np.random.Generator) -> tuple[str, dict[str, bytes]]:
    files, target = dict(seed.files), _target(seed, random)
    kind = random.random()
    if kind < 0.02 and len(files) > 1:
        del files[target]
        return f"{target}: removed", files
    if kind < 0.05:
        other = list(FORMATS)[int(random.integers(len(FORMATS)))]
        content = list(seed_of(other).files.values())
        files[target] = content[int(random.integers(len(content)))]
        return f"{target}: content of {other}", files
    table = _table(seed, target, random)
    mutation = _pick(table, random)
    files[target], names = table[mutation](files[target], random), [mutation]
    if random.random() < P_SECOND:
        mutation = _pick(ANY, random)
        files[target] = ANY[mutation](files[target], random)
        names.append(mutation)
    return f"{target}: {' and '.join(names)}", files


def _target(seed: Seed, random: np.random.Generator) -> str:
    if seed.path in seed.files and random.random() < P_OF_MAIN:
        return seed.path
    return sorted(seed.files)[int(random.integers(len(seed.files)))]


def _table(seed: Seed, target: str, random: np.random.Generator) -> Mapping[str, Mutation]:
    """Return the group of mutations from which one is taken."""
    is_alike = not seed.path or target.rpartition(".")[2] == seed.path.rpartition(".")[2]
    groups = [group for group in seed.special if is_alike or (group == "json" and target.endswith(".json"))]
    if groups and random.random() < P_SPECIAL:
        return {name: change for group in groups for name, change in SPECIAL[group].items()}
    return TEXT if seed.text and random.random() < P_TEXT else ANY


def _pick(table: Mapping[str, Mutation], random: np.random.Generator) -> str:
    names = list(table)
    weights = np.array([WEIGHT_OF_BOMB if name in BOMBS else 1.0 for name in names])
    return names[int(random.choice(len(names), p=weights / weights.sum()))]

"""Mutated files of every format: read, or refused in one line, within time and memory, with nothing left behind.

`python -m tests.fuzz FORMAT NUMBER` examines one mutant again; a fault is reported with that line.
"""

import sys

import pytest

from tests.fuzz.campaign import campaign, fault_lines, summary
from tests.fuzz.mutant import mutant_of
from tests.fuzz.seeds import FAMILIES, FORMATS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads time and memory of a process from /proc")
MUTANTS, COMMANDS = 150, 3
"""Mutants of each format, and how many of them go through the command too."""


def test_every_valid_input_and_a_mutant_of_it():
    found = list(campaign((name, number, None) for name in FORMATS for number in (0, 1)))
    assert fault_lines(found) == []
    assert [one.name for one in found if one.number == 0 and not one.outcome.accepted] == []
    refused = sum(not one.outcome.accepted for one in found)
    assert refused > len(FORMATS) // 4  # mutations are strong enough that many files are no longer valid


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_many_mutants(family):
    names = FAMILIES[family]
    found = list(campaign((name, number, None) for name in names for number in range(1, MUTANTS + 1)))
    found += campaign((name, number, number - 1) for name in names for number in range(1, COMMANDS + 1))
    print(summary(found))
    assert fault_lines(found) == []


def test_the_mutants_are_ten_thousand_and_two_hundred_of_them_go_through_the_command():
    assert len(FORMATS) * MUTANTS >= 10_000
    assert len(FORMATS) * COMMANDS >= 200


@pytest.mark.parametrize("name", ["nifti_gz", "dicom", "markups", "elastix"])
def test_a_mutant_is_made_again_by_its_number(name):
    for number in range(20):
        first, again = mutant_of(name, number), mutant_of(name, number)
        assert first == again
    assert len({tuple(mutant_of(name, number).files.items()) for number in range(20)}) > 15

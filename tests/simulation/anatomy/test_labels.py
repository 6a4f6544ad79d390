"""Names and numbers of labels."""

import numpy as np
import pytest

from hepareg.errors import InputError
from hepareg.simulation.anatomy.labels import LABEL_NAMES, Label, label_from_name, lookup


def test_every_label_has_a_name_and_no_two_share_a_number():
    assert {label_from_name(name) for name in LABEL_NAMES} == set(Label)
    assert [int(label) for label in Label] == list(range(len(Label)))  # files of label maps rely on the numbers


@pytest.mark.parametrize("name", ["LIVER", "hepar", ""])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(InputError, match="gallbladder"):
        label_from_name(name)


def test_a_table_by_label_number():
    table = lookup({Label.LIVER: 60.5, Label.CLIP: 2800.0})
    image = table[np.array([[Label.LIVER, Label.CLIP, Label.FAT]], dtype=np.uint8)]
    assert image.tolist() == [[60.5, 2800.0, 0.0]]

"""docs/training.md lists every loss, encoder and decoder with its options, made from the code."""

from docs.training_options import PAGE, options_markdown, with_options
from hepareg.networks.parts import ENCODERS, RIGID_DECODERS
from hepareg.regularisation import REGULARISERS
from hepareg.similarity import IMAGE_LOSSES, LABEL_LOSSES


def test_the_lists_of_the_page_are_up_to_date():
    page = PAGE.read_text()
    assert with_options(page) == page, "run python docs/training_options.py"


def test_every_part_is_listed():
    names = [*IMAGE_LOSSES, *LABEL_LOSSES, *REGULARISERS, *ENCODERS, *RIGID_DECODERS, "deformable"]
    listed = [line.split("`")[1] for line in options_markdown().splitlines() if line.startswith("| `")]
    assert listed == names

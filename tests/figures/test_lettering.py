"""Words on pictures: every sentence that a verdict may put on one is readable."""

import pytest

from hepareg.figures.lettering import text_width
from hepareg.figures.qa import BLOCK_GAP_PX, BLOCK_PX
from hepareg.registration.verdict_rules import RULES

LINE_SIZE = 21
"""Size at which `qa_figure` writes a line that fits."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_sentences_of_a_rule_fit_without_smaller_letters(rule):
    for line in (f"Reason: {rule.meaning}", f"What to do: {rule.what_to_do}"):
        assert text_width(line, size=LINE_SIZE) < 2 * BLOCK_PX + BLOCK_GAP_PX - 28

"""A thermometer of plain English: clauses that hang on a bare "what" are hard to read, so their number may only fall.

Ruff checks the summary lines of docstrings (imperative verb, one line, full stop); this file checks that its
rules stay switched on.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHAT = re.compile(r"\bwhat\b", re.IGNORECASE)
MOST_IN_SOURCE = 2.0
"""Occurrences per 1,000 lines of src. Lower it when the count has fallen; never raise it."""
MOST_IN_PAGES = 1.5
"""Occurrences per 1,000 words of the pages that people write."""
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/index.md", "docs/conventions.md", "docs/architecture.md")


def test_the_source_has_few_clauses_with_what():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.py")))
    assert 1000 * len(WHAT.findall(text)) / text.count("\n") <= MOST_IN_SOURCE


def test_the_pages_have_few_clauses_with_what():
    text = "\n".join((ROOT / page).read_text() for page in PAGES)
    assert 1000 * len(WHAT.findall(text)) / len(text.split()) <= MOST_IN_PAGES


def test_summaries_of_docstrings_are_checked():
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "D" in lint["select"]
    assert lint["pydocstyle"]["convention"] == "numpy"
    assert not {"D1", "D2", "D4", "D205", "D400", "D401"} & set(lint["ignore"])
    assert not any("src" in files for files in lint["per-file-ignores"])

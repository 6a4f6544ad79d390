"""docs/architecture.md is true: its layers, paths, names and glossary are those of the code."""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.contracts.test_layers import LAYERS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "hepareg"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PATH = re.compile(
    r"(?<![\w/.<>-])[\w.<>-]+/[\w./<>-]*?(?:\.(?:py|md|toml|cff|yml|json)\b|/(?=[\s`,.)]|$))", re.MULTILINE
)
NAME = re.compile(r"`([a-z_]+(?:\.[a-z_]+)*):(\w+)`")
OWN_TERMS = {
    "basin", "bend", "block", "blur", "cell", "certificate", "coherence", "compared", "deblur", "decoy", "direction",
    "evidence", "explained", "finest", "flag", "level", "margin", "pull", "reference", "region", "residual", "ridge",
    "rival", "rule", "sampled", "searched", "start", "surface", "template", "witness",
}  # fmt: skip
"""Words with a meaning of the project's own. Add one here when the code begins to use it; the page explains it."""


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text):
    """Return the cells of a Markdown table, the header and the line below it left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def paths():
    return sorted(set(PATH.findall(PAGE)))


@cache
def classes_of_the_source():
    trees = [ast.parse(path.read_text()) for path in SOURCE.rglob("*.py")]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


@cache
def words_of_the_source():
    """Return every word of the package: of names, docstrings and comments, in lower case and without a plural s."""
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    parts = re.findall(r"[A-Z]?[a-z]+", text)
    return {form for word in parts for form in (word.lower(), word.lower().removesuffix("s"))}


def test_the_page_has_paths_and_names_to_check():
    assert len(paths()) > 40
    assert len(NAME.findall(PAGE)) > 10


@pytest.mark.parametrize("path", paths())
def test_paths_exist(path):
    """A path is given from the repository or from src/hepareg; of one with a placeholder the folder exists."""
    wanted = path.split("<")[0].rpartition("/")[0] if "<" in path else path
    assert any((folder / wanted).exists() for folder in (ROOT, SOURCE)), path


@pytest.mark.parametrize(("module", "name"), NAME.findall(PAGE))
def test_names_exist(module, name):
    assert hasattr(import_module(f"hepareg.{module}"), name)


def test_types_in_the_picture_exist():
    (picture,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    types = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", picture)) | {"Problem", "Region", "Start", "Level"}
    assert len(types) > 8
    assert types <= classes_of_the_source()


def test_the_table_of_layers_is_the_one_that_is_enforced():
    table = tuple(tuple(re.findall(r"`(\w+)`", parts)) for _, parts, _ in rows(section("Layers")))
    assert table == LAYERS


def test_every_part_of_the_package_has_a_layer_and_every_layer_has_parts():
    parts = {path.name.removesuffix(".py") for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert parts - {"__init__", "__main__", "__pycache__"} == {name for layer in LAYERS for name in layer}


def glossary():
    """Return the words of the glossary's terms, as the code spells them."""
    terms = [term for term, _ in rows(section("Glossary"))]
    return {word for term in terms for word in re.findall(r"[a-z]+", term)}


@pytest.mark.parametrize("word", sorted(glossary()))
def test_every_term_of_the_glossary_is_used(word):
    assert word in words_of_the_source()


@pytest.mark.parametrize("word", sorted(OWN_TERMS))
def test_every_term_of_our_own_is_in_the_glossary(word):
    assert word not in words_of_the_source() or word in glossary()


def test_every_number_of_the_evidence_is_built_from_terms_that_are_explained():
    """The fields of Evidence are read by users in result.json: their nouns are plain words or in the glossary."""
    plain = set(
        re.findall(
            r"\w+",
            "pose uncertainty voxel share start overlap displacement dice after status rms directions error inverse "
            "consistency agreeing liver ml soft tissue correction interpolation flags mm depth gap "
            "tissue mean p95 max rigid fit left by gain surface distance",
        )
    )
    tree = ast.parse((SOURCE / "registration" / "evidence.py").read_text())
    (evidence,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Evidence"]
    fields = [node.target.id for node in evidence.body if isinstance(node, ast.AnnAssign)]
    assert {word for field in fields for word in field.split("_")} <= plain | glossary()

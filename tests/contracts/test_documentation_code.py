"""The code in README.md, CONTRIBUTING.md and docs/ runs: Python blocks as they are, commands up to their arguments."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from hepareg.cli.main import build_parser

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELLS = ("bash", "console", "sh", "shell")


def blocks(page, languages):
    return [code for language, code in FENCE.findall(page.read_text()) if language in languages]


def commands(page):
    text = "\n".join(blocks(page, SHELLS)).replace("\\\n", " ")
    lines = (line.strip().removeprefix("$ ") for line in text.splitlines())
    return [shlex.split(line, comments=True) for line in lines if line and not line.startswith("#")]


def ids(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, ["python"])], ids=ids)
def test_python_blocks_run_one_after_the_other(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "documentation"}
    for code in blocks(page, ["python"]):
        exec(compile(code, str(page.relative_to(ROOT)), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_have_arguments_that_exist(page):
    for words in commands(page):
        if words[:1] == ["hepareg"]:
            build_parser().parse_args(words[1:])


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(page):
        if words[:1] == ["make"]:
            assert {word for word in words[1:] if "=" not in word} <= targets


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", page.read_text())):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_modules_and_files_of_commands_exist(page):
    for words in commands(page):
        if "-m" in words:
            module = words[words.index("-m") + 1]
            assert module in ("hepareg", "pytest", "venv") or (ROOT / f"{module.replace('.', '/')}.py").exists()
        for word in words:
            if word.startswith(("tests/", "docs/", "benchmarks/")):
                assert (ROOT / word).exists(), word


def test_the_index_and_the_menu_lead_to_every_page():
    pages = {page.name for page in DOCS}
    linked = set(re.findall(r"\]\((\w+\.md)\)", (ROOT / "docs" / "index.md").read_text()))
    assert linked == pages - {"index.md"}
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert set(re.findall(r"\w+\.md", str(menu))) == pages

"""No text below the command line names a flag: a Python caller has arguments, and `cli` adds the flags itself."""

import argparse
import ast
import re
from pathlib import Path

import pytest

import hepareg
from hepareg.cli.main import build_parser

ROOT = Path(hepareg.__file__).parent
DRAWINGS = ROOT / "simulation" / "contrast" / "contrast_table.py"
"""Its texts are rows of letters and dashes, one column for each phase."""
FILES = [p for p in sorted(ROOT.rglob("*.py")) if p.relative_to(ROOT).parts[0] != "cli" and p != DRAWINGS]
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
OF_OTHER_PROGRAMS = {"--raw": "gdcmconv", "--ltavox2vox": "lta_convert", "--nproc-per-node": "torchrun"}


def flags_of(parser):
    """Return the long flags of all commands."""
    found = set()
    for action in parser._actions:
        found |= {flag for flag in action.option_strings if flag.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            found |= {flag for command in action.choices.values() for flag in flags_of(command)}
    return found


def literals(path):
    """Return the texts of a file, without its docstrings, and each joined from the parts of an f-string."""
    tree = ast.parse(path.read_text())
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_the_flags_are_found():
    assert {"--mask-label", "--overwrite", "--weights"} <= flags_of(build_parser())
    assert FLAG.findall("give --mask-label, (--out) or `--x`") == ["--mask-label", "--out", "--x"]
    assert not flags_of(build_parser()) & OF_OTHER_PROGRAMS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_names_a_flag(path):
    for text in literals(path):
        for flag in FLAG.findall(text):
            assert OF_OTHER_PROGRAMS.get(flag, "another program") in text, f"{flag} in {text!r}"

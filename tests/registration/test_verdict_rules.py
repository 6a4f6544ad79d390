"""The table of rules: complete, consistent with the code that emits flags, and in words that a user can read."""

import ast
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

import hepareg
from hepareg.registration.result import Decision
from hepareg.registration.verdict_rules import RULES, rule_of
from hepareg.registration.verdict_settings import VerdictSettings
from tests.registration.test_verdict import GOOD

SOURCE = Path(hepareg.__file__).parent
CODE = re.compile(r"[a-z]+(_[a-z]+)+")
LONGEST = 110
"""Characters of a sentence that stays readable in one line of the picture (tests/figures/test_lettering.py)."""


def flags_emitted() -> set[str]:
    """Return every code in a statement of the package that names flags, except the rules' own."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        if path.name == "verdict_rules.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and "flag" not in node.name.lower():
                continue
            if isinstance(node, ast.stmt) and _names_flags(node):
                found |= {constant for constant in _strings(node) if CODE.fullmatch(constant)}
    return found


def _names_flags(node: ast.AST) -> bool:
    inside = list(ast.walk(node))
    names = [getattr(n, key, None) for n in inside for key in ("id", "attr", "arg", "name")]
    return any(isinstance(name, str) and "flags" in name.lower() for name in names)


def _strings(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _is_flag_rule(rule) -> bool:
    return not rule.holds(GOOD, 0.1, VerdictSettings()) and rule.holds(
        replace(GOOD, flags=(rule.code,)), 0.1, VerdictSettings()
    )


def test_every_flag_in_the_source_has_a_rule_and_every_rule_of_a_flag_a_source():
    assert flags_emitted() == {rule.code for rule in RULES if _is_flag_rule(rule)}


def test_codes_are_unique_and_found():
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)
    assert all(CODE.fullmatch(code) and rule_of(code).code == code for code in codes)
    with pytest.raises(KeyError):
        rule_of("no_such_code")


def test_rejections_stand_first():
    decisions = [rule.decision is Decision.REJECT for rule in RULES]
    assert decisions == sorted(decisions, reverse=True)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_words(rule):
    for sentence in (rule.meaning, rule.what_to_do):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.count(". ") == 0
        assert len(sentence) <= LONGEST
        assert "_" not in sentence  # names of the code mean nothing to a surgeon


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_reads_the_limits_that_it_names(rule):
    class Recording(VerdictSettings):
        def __getattribute__(self, name):
            read.add(name)
            return super().__getattribute__(name)

    read: set[str] = set()
    for dice in (0.9, 0.97):
        rule.holds(replace(GOOD, dice_after=dice, liver_ml=900.0), 0.1, Recording())
    assert read & {field.name for field in fields(VerdictSettings)} == set(rule.limits)


def test_every_setting_is_a_limit_of_a_rule_or_part_of_the_expected_error():
    limits = {limit for rule in RULES for limit in rule.limits}
    of_the_error = {"aligned_mm", "floor_mm", "uncertainty_factor", "voxel_bias_per_mm", "shared_voxel_bias"}
    assert limits | of_the_error | {"bend_error_share"} == {field.name for field in fields(VerdictSettings)}

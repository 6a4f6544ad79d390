"""The table of rules: complete, consistent with the code that emits flags, and in words that a user can read."""

import ast
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

import hepareg
from hepareg.registration.expected_error import ExpectedError
from hepareg.registration.result import Decision
from hepareg.registration.verdict_rules import RULES, rule_of
from hepareg.registration.verdict_settings import VerdictSettings
from hepareg.registration.witnesses.witnesses import Witnesses
from tests.registration.test_verdict import GOOD

MODULES = [*(Path(hepareg.__file__).parent / "registration").glob("*.py")]
CODE = re.compile(r"[a-z]+(_[a-z]+)+")
MEASURED = {field.name: 1.0 for field in fields(Witnesses)}
LONGEST = 110
"""Characters of a sentence that stays readable in one line of the picture (tests/figures/test_lettering.py)."""
EXPECTED = ExpectedError(mean_mm=0.1, p95_mm=0.2, rigid_fit_mm=0.1)


def flags_in(source: str) -> set[str]:
    """Return the codes that a module collects: in a list or a tuple, or appended, where the module speaks of flags."""
    tree = ast.parse(source)
    names = [getattr(node, key, None) for node in ast.walk(tree) for key in ("id", "attr", "arg")]
    if "flags" not in names:
        return set()
    public = [node.value for node in tree.body if isinstance(node, ast.Assign) and _is_public(node)]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set) and node not in public:
            found |= _codes(node.elts)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) in ("append", "add"):
            found |= _codes(node.args)
    return found


def _is_public(node: ast.Assign) -> bool:
    return getattr(node.targets[0], "id", None) == "__all__"


def _codes(nodes: list[ast.expr]) -> set[str]:
    values = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {value for value in values if CODE.fullmatch(value)}


def _is_flag_rule(rule) -> bool:
    return not rule.holds(GOOD, EXPECTED, VerdictSettings()) and rule.holds(
        replace(GOOD, flags=(rule.code,)), EXPECTED, VerdictSettings()
    )


def test_every_flag_in_the_source_has_a_rule_and_every_rule_of_a_flag_a_source():
    emitted = set().union(*(flags_in(path.read_text()) for path in MODULES if not path.stem.startswith("verdict")))
    assert emitted == {rule.code for rule in RULES if _is_flag_rule(rule)}


@pytest.mark.parametrize(
    "line", ['flags.append("new_code")', 'flags = (*flags, "new_code")', 'return liver, ["new_code"]']
)
def test_a_flag_is_seen_however_it_is_emitted(line):
    assert flags_in(f"def find(flags):\n    {line}\n") == {"new_code"}


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
        rule.holds(replace(GOOD, dice_after=dice, liver_ml=900.0, **MEASURED), EXPECTED, Recording())
    assert read & {field.name for field in fields(VerdictSettings)} == set(rule.limits)


def test_every_setting_is_a_limit_of_a_rule_or_part_of_the_expected_error():
    limits = {limit for rule in RULES for limit in rule.limits}
    of_the_error = {"aligned_mm", "floor_mm", "uncertainty_factor", "voxel_bias_per_mm", "shared_voxel_bias"}
    of_the_error |= {"p95_of_mean", "flatness_floor_mm", "doubtful_mask_mm", "disordered_slices_mm"}
    assert limits | of_the_error == {field.name for field in fields(VerdictSettings)}

"""The page of the verdict: complete, and that of the rules and settings in the code."""

from dataclasses import fields

from benchmarks.accuracy.verdict_tables import ORIGINS, documented_parameters
from benchmarks.page import pages
from benchmarks.results import ROOT
from hepareg.registration.evidence import Evidence
from hepareg.registration.verdict_rules import RULES
from hepareg.registration.verdict_settings import VerdictSettings
from hepareg.registration.witnesses.witnesses import Witnesses

PAGE = ROOT / "docs" / "verdict.md"
SETTINGS = {field.name for field in fields(VerdictSettings)}


def test_every_setting_and_number_is_documented_and_every_setting_has_an_origin():
    assert {name for name, _ in documented_parameters(VerdictSettings)} == set(ORIGINS) == SETTINGS
    documented = {name for part in (Evidence, Witnesses) for name, _ in documented_parameters(part)}
    assert documented == {field.name for field in fields(Evidence)}


def test_the_committed_page_is_that_of_the_rules_and_the_calibration():
    text = PAGE.read_text()
    assert text == pages()[PAGE]
    assert all(f"| `{rule.code}` |" in text and rule.what_to_do in text for rule in RULES)
    assert all(f"| `{name}` | {getattr(VerdictSettings(), name):g} |" in text for name in SETTINGS)

"""`result.json` and the words of a result."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.refinement.solvers.solution import Solution, Status
from hepareg.registration import Decision, RegistrationResult, Verdict
from hepareg.registration import result as result_module
from hepareg.registration import verdict as verdict_module
from hepareg.registration.left_by_rigid import LeftByRigid
from hepareg.registration.verdict_rules import rule_of
from hepareg.registration.verdict_settings import VerdictSettings
from hepareg.transforms import RigidTransform
from hepareg.volume import Provenance, Volume
from hepareg.workflows.inputs import CheckedPair
from hepareg.workflows.register_outputs import Written, as_int16_hu
from hepareg.workflows.register_report import load_schema, report

README = Path(__file__).parents[2] / "README.md"
POSE = RigidTransform.from_vectors([0, 0, 0.1], [0, 3, 4], centre_mm=[10, 20, 30])
IMAGE = Volume(np.zeros((4, 5, 6), np.int16), Grid((4, 5, 6), np.eye(4)), provenance=Provenance("nifti", "secret", "x"))
VERDICT = Verdict(
    decision=Decision.REVIEW,
    already_aligned=False,
    expected_liver_tre_mm=0.7,
    expected_liver_p95_mm=1.6,
    rigid_fit_error_mm=0.2,
    reasons=("no_liver_mask",),
    left_by_rigid=LeftByRigid(0.6, 1.5, 2.0, "left part", (3.0, 4.0, 5.0), (1.0, -2.0, -9.0)),
    evidence={"rival_gap": float("inf"), "overlap": 0.5},
)
RESULT = RegistrationResult(
    transform=POSE,
    verdict=VERDICT,
    centre_mm=np.array([10.0, 20, 30]),
    start=POSE,
    start_name="identity",
    history=(Solution(POSE, Status.CONVERGED, 2, (0.5, float("nan"), np.float64(0.2)), 0.1),),
    similarity_before=0.1,
    similarity_after=float("nan"),
    timings_s={"refinement": 0.1},
    settings={"tuple": (1, 2)},
)


def content(result=RESULT, **changes):
    given = {"dice": None, "written": Written(("result.json",)), "options": {}, "timings_s": dict.fromkeys(
        ("reading", "writing", "total"), 1.0
    )}  # fmt: skip
    return report(result, CheckedPair(IMAGE, IMAGE), **{**given, **changes})


def test_unknown_numbers_are_null_and_the_schema_holds():
    found = content()
    jsonschema.Draft202012Validator.check_schema(load_schema())
    jsonschema.validate(found, load_schema())
    assert found["similarity"] == {"before": 0.1, "after": None}
    assert found["verdict"]["evidence"] == {"rival_gap": None, "overlap": 0.5}
    assert found["verdict"]["reasons"] == ["no_liver_mask"]
    assert found["transform"]["translation_length_mm"] == pytest.approx(5.0)
    assert found["transform"]["rotation_deg"] == pytest.approx(np.degrees(0.1))
    assert found["settings"]["registration"] == {"tuple": [1, 2]}
    assert "secret" not in json.dumps(found)


def test_every_reason_is_explained_in_the_words_of_its_rule():
    reasons = ("flat_optimum", "mask_cut_by_border")
    found = content(replace(RESULT, verdict=replace(VERDICT, reasons=reasons)))["verdict"]
    assert tuple(found["reasons"]) == reasons
    for code, explanation in zip(reasons, found["explanations"], strict=True):
        rule = rule_of(code)
        assert explanation == {
            "code": code, "decision": rule.decision.value, "meaning": rule.meaning, "what_to_do": rule.what_to_do
        }  # fmt: skip


def test_the_accept_limit_is_written_in_the_settings_alone():
    limit = f"{VerdictSettings().accept_mm} mm"
    places = [module.__file__ for module in (result_module, verdict_module)]
    assert not [place for place in places if limit in Path(place).read_text()]
    assert limit not in json.dumps(load_schema())
    assert limit not in README.read_text().split("\n## Verdict\n")[1].split("\n## ")[0]


def test_schema_refuses_what_it_does_not_know():
    for change in ({"patient": "Jane"}, {"verdict": {"decision": "perhaps"}}, {"transform": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**content(), **change}, load_schema())


def test_a_rejected_transform_is_not_told():
    rejected = replace(RESULT, verdict=replace(VERDICT, decision=Decision.REJECT))
    assert content(rejected)["transform"] is None


def test_whole_hu():
    data = np.array([[[-3000.4, 0.5, 1.5, 40000.0]]])
    assert as_int16_hu(data).tolist() == [[[-3000, 0, 2, 32767]]]
    assert as_int16_hu(IMAGE.data) is IMAGE.data

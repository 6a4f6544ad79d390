"""`result.json` and the words of a result."""

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from hepareg.geometry import Grid
from hepareg.refinement.solvers.solution import Solution, Status
from hepareg.registration import Decision, RegistrationResult, Verdict
from hepareg.transforms import RigidTransform
from hepareg.volume import Provenance, Volume
from hepareg.workflows.inputs import CheckedPair
from hepareg.workflows.register_outputs import Written, as_int16_hu
from hepareg.workflows.register_report import caption, load_schema, one_line, report

POSE = RigidTransform.from_vectors([0, 0, 0.1], [0, 3, 4], centre_mm=[10, 20, 30])
IMAGE = Volume(np.zeros((4, 5, 6), np.int16), Grid((4, 5, 6), np.eye(4)), provenance=Provenance("nifti", "secret", "x"))
VERDICT = Verdict(Decision.REVIEW, False, 0.7, ("no_liver_mask",), {"rival_gap": float("inf"), "overlap": 0.5})
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
    assert found["transform"]["translation_length_mm"] == pytest.approx(5.0)
    assert found["transform"]["rotation_deg"] == pytest.approx(np.degrees(0.1))
    assert found["settings"]["registration"] == {"tuple": [1, 2]}
    assert "secret" not in json.dumps(found)


def test_schema_refuses_what_it_does_not_know():
    for change in ({"patient": "Jane"}, {"verdict": {"decision": "perhaps"}}, {"transform": {}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**content(), **change}, load_schema())


def test_a_rejected_transform_is_not_told():
    rejected = replace(RESULT, verdict=replace(VERDICT, decision=Decision.REJECT))
    assert content(rejected)["transform"] is None
    assert one_line(rejected) == "reject: expected liver error 0.70 mm (no_liver_mask)"


def test_words():
    line = one_line(RESULT)
    assert line.startswith("review: expected liver error 0.70 mm; the liver lies 5.0 mm away")
    assert "(right +0.0, anterior +3.0, superior +4.0), turned by 5.7 deg" in line
    assert "\n" not in line
    unknown = replace(RESULT, verdict=replace(VERDICT, expected_liver_tre_mm=float("inf"), already_aligned=True))
    assert "unknown" in one_line(unknown)
    words = caption(unknown, {"before": 0.5, "after": 0.9})
    assert words.decision == "review"
    assert any("Dice of the liver masks 0.500 before, 0.900 after" in line for line in words.lines)


def test_whole_hu():
    data = np.array([[[-3000.4, 0.5, 1.5, 40000.0]]])
    assert as_int16_hu(data).tolist() == [[[-3000, 0, 2, 32767]]]
    assert as_int16_hu(IMAGE.data) is IMAGE.data

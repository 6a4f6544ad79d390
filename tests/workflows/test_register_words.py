"""The words of a result for people."""

from dataclasses import replace

from hepareg.registration import Decision
from hepareg.registration.verdict_rules import rule_of
from hepareg.workflows.register_words import caption, one_line
from tests.workflows.test_register_report import RESULT, VERDICT


def test_words():
    line = one_line(RESULT)
    assert line.startswith("review: expected liver error 0.70 mm; the liver lies 5.0 mm away")
    assert "(right +0.0, anterior +3.0, superior +4.0), turned by 5.7 deg" in line
    assert "\n" not in line
    unknown = replace(RESULT, verdict=replace(VERDICT, expected_liver_tre_mm=float("inf"), already_aligned=True))
    assert "unknown" in one_line(unknown)
    words = caption(unknown, {"before": 0.5, "after": 0.9})
    assert words.decision == "review"
    measures = "Explained share of the image detail: 10 % before, unknown after; Dice of the liver masks: "
    assert any(line == f"{measures}0.500 before, 0.900 after" for line in words.lines)


def test_the_transform_of_a_rejected_result_is_not_told():
    rejected = replace(RESULT, verdict=replace(VERDICT, decision=Decision.REJECT))
    assert one_line(rejected) == "reject: do not use this result (no_liver_mask)"
    words = caption(rejected, {"before": 0.5, "after": 0.9})
    assert words.title == "REJECT: do not use this result"
    assert not any("0.70" in line or "liver lies" in line for line in words.lines)


def test_the_picture_gives_the_first_reason_in_plain_words_and_names_the_others():
    doubtful = replace(VERDICT, reasons=("flat_optimum", "masks_disagree", "no_liver_mask"))
    words = caption(replace(RESULT, verdict=doubtful), None)
    first = rule_of("flat_optimum")
    assert words.title == "REVIEW: expected liver error 0.70 mm"
    assert list(words.lines[:2]) == [f"Reason: {first.meaning}", f"What to do: {first.what_to_do}"]
    assert words.lines[-1] == "Further reasons: masks disagree, no liver mask"
    plain = caption(replace(RESULT, verdict=replace(VERDICT, reasons=())), None)
    assert len(plain.lines) == 2
    assert not any("eason" in line for line in plain.lines)

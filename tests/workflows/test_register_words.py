"""The words of a result for people."""

from dataclasses import replace

from hepareg.registration import Decision
from hepareg.registration.verdict_rules import rule_of
from hepareg.workflows.register_words import caption, one_line
from tests.workflows.test_register_report import RESULT, VERDICT

EXPECTED = "expected liver error 0.70 mm on average, below 1.6 mm in 95 % of the liver"
WORST = "the left part of the liver lies about 9 mm lower than the transform puts it"


def test_a_bend_is_told_with_its_place():
    bent = replace(RESULT, verdict=replace(VERDICT, reasons=("liver_bends",)))
    assert WORST in one_line(bent)
    assert f"{WORST[0].upper()}{WORST[1:]}." in caption(bent, None).lines
    assert caption(bent, None).point_mm == bent.verdict.left_by_rigid.point_mm
    assert WORST not in one_line(RESULT)
    assert caption(RESULT, {"before": 0.5, "after": 0.9}).point_mm is None
    assert caption(RESULT, None).point_mm is RESULT.centre_mm
    unknown = replace(bent, verdict=replace(bent.verdict, left_by_rigid=None))
    assert "than the transform puts it" not in one_line(unknown)


def test_words():
    line = one_line(RESULT)
    assert line.startswith(f"review: {EXPECTED}; the liver lies 5.0 mm away")
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
    assert words.title == f"REVIEW: {EXPECTED}"
    assert list(words.lines[:2]) == [f"Reason: {first.meaning}", f"What to do: {first.what_to_do}"]
    assert words.lines[-1] == "Further reasons: masks disagree, no liver mask"
    plain = caption(replace(RESULT, verdict=replace(VERDICT, reasons=())), None)
    assert len(plain.lines) == 2
    assert not any("eason" in line for line in plain.lines)

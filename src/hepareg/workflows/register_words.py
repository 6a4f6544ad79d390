"""The words of a result for people: one line for the terminal, and the caption of the picture."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hepareg.registration.verdict_rules import rule_of
from hepareg.workflows.register_outputs import Caption

if TYPE_CHECKING:
    from hepareg.registration import RegistrationResult, Verdict

__all__ = ["caption", "expected_error", "one_line", "place_of_liver"]


def one_line(result: "RegistrationResult") -> str:
    """Return decision, expected error, motion and reason codes in one line for a terminal."""
    verdict = result.verdict
    reasons = f" ({', '.join(verdict.reasons)})" if verdict.reasons else ""
    if verdict.decision.value == "reject":
        return f"reject: {expected_error(verdict)}{reasons}"
    aligned = "; already aligned" if verdict.already_aligned else ""
    found = f"{expected_error(verdict)}; the liver lies {place_of_liver(result)}"
    return f"{verdict.decision.value}: {found}{aligned}{reasons}"


def caption(result: "RegistrationResult", dice: Mapping[str, float] | None) -> Caption:
    """Return the words on the picture: decision, expected error, the most important reason, motion and measures."""
    verdict = result.verdict
    lines = []
    if verdict.reasons:
        first = rule_of(verdict.reasons[0])
        lines += [f"Reason: {first.meaning}", f"What to do: {first.what_to_do}"]
    aligned = "; the pair was already aligned" if verdict.already_aligned else ""
    measures = f"Similarity {result.similarity_before:.2f} before, {result.similarity_after:.2f} after"
    if dice is not None:
        measures += f"; Dice of the liver masks {dice['before']:.3f} before, {dice['after']:.3f} after"
    lines += [f"The liver lies {place_of_liver(result)}{aligned}", measures]
    if others := verdict.reasons[1:]:
        lines.append("Further reasons: " + ", ".join(code.replace("_", " ") for code in others))
    return Caption(f"{verdict.decision.value.upper()}: {expected_error(verdict)}", lines, verdict.decision.value)


def expected_error(verdict: "Verdict") -> str:
    """Return the expected error over the liver in mm, in words."""
    expected_mm = verdict.expected_liver_tre_mm
    return f"expected liver error {expected_mm:.2f} mm" if math.isfinite(expected_mm) else "liver error unknown"


def place_of_liver(result: "RegistrationResult") -> str:
    """Return distance, direction and rotation from the liver in the fixed image to the liver in the moving image."""
    x, y, z = result.transform.translation_at(result.centre_mm)
    length = math.sqrt(x * x + y * y + z * z)
    return (
        f"{length:.1f} mm away in the moving image "
        f"(right {x:+.1f}, anterior {y:+.1f}, superior {z:+.1f}), turned by {result.transform.rotation_deg:.1f} deg"
    )

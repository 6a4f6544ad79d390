"""The words of a result for people: one line for the terminal, and the caption of the picture."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from hepareg.registration.verdict_rules import rule_of
from hepareg.workflows.register_outputs import Caption

if TYPE_CHECKING:
    from hepareg.registration import RegistrationResult, Verdict

__all__ = ["caption", "expected_error", "one_line", "place_of_liver", "worst_place"]

BENDS = "liver_bends"
"""Reason code that goes with a sentence on the worst place."""
SENSES = (("farther left", "farther right"), ("farther back", "farther forward"), ("lower", "higher"))
"""Words for an offset along world x, y and z, the negative sense first."""


def one_line(result: "RegistrationResult") -> str:
    """Return decision, expected error, motion and reason codes in one line for a terminal.

    Of a rejected result neither error nor motion is told: they are of a pose that is not to be used.
    """
    verdict = result.verdict
    reasons = f" ({', '.join(verdict.reasons)})" if verdict.reasons else ""
    if _is_rejected(verdict):
        return f"reject: {expected_error(verdict)}{reasons}"
    aligned = "; already aligned" if verdict.already_aligned else ""
    found = f"{expected_error(verdict)}; the liver lies {place_of_liver(result)}"
    found += f"; {worst}" if (worst := worst_place(verdict)) else ""
    return f"{verdict.decision.value}: {found}{aligned}{reasons}"


def caption(result: "RegistrationResult", dice: Mapping[str, float] | None) -> Caption:
    """Return the words on the picture: decision, expected error, the most important reason, motion and measures."""
    verdict = result.verdict
    lines = []
    if worst := worst_place(verdict):
        lines.append(f"{worst[0].upper()}{worst[1:]}.")
    if verdict.reasons:
        first = rule_of(verdict.reasons[0])
        lines += [f"Reason: {first.meaning}", f"What to do: {first.what_to_do}"]
    aligned = "; the pair was already aligned" if verdict.already_aligned else ""
    measures = f"Explained share of the image detail: {_share(result.similarity_before)} before, "
    measures += f"{_share(result.similarity_after)} after"
    if dice is not None:
        measures += f"; Dice of the liver masks: {dice['before']:.3f} before, {dice['after']:.3f} after"
    if not _is_rejected(verdict):
        lines.append(f"The liver lies {place_of_liver(result)}{aligned}")
    lines.append(measures)
    if others := verdict.reasons[1:]:
        lines.append("Further reasons: " + ", ".join(code.replace("_", " ") for code in others))
    title = f"{verdict.decision.value.upper()}: {expected_error(verdict)}"
    return Caption(title, lines, verdict.decision.value, point_mm=_point_to_show(result, has_masks=dice is not None))


def _point_to_show(result: "RegistrationResult", *, has_masks: bool) -> ArrayLike | None:
    """Return the point of the fixed world that the picture's planes go through, or None to leave the choice to it.

    It is the point at which a bending liver is farthest off; without both masks it is the centre of the liver found.
    """
    left = result.verdict.left_by_rigid
    if left is not None and BENDS in result.verdict.reasons:
        return left.point_mm
    return None if has_masks else result.centre_mm


def _is_rejected(verdict: "Verdict") -> bool:
    return verdict.decision.value == "reject"


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" if math.isfinite(part) else "unknown"


def expected_error(verdict: "Verdict") -> str:
    """Return the expected error over the liver in mm, in words; for a rejected result advice not to use it.

    The error of a rejected result may look small: it is of a pose that some rule has found wrong.
    """
    if _is_rejected(verdict):
        return "do not use this result"
    mean_mm, p95_mm = verdict.expected_liver_tre_mm, verdict.expected_liver_p95_mm
    if not (math.isfinite(mean_mm) and math.isfinite(p95_mm)):
        return "liver error unknown"
    return f"expected liver error {mean_mm:.2f} mm on average, below {p95_mm:.1f} mm in 95 % of the liver"


def worst_place(verdict: "Verdict") -> str | None:
    """Return a sentence on the part of the liver that is farthest off, if the liver bends and the result may be used.

    An example: the left part of the liver lies about 9 mm lower than the transform puts it.
    """
    left = verdict.left_by_rigid
    if left is None or BENDS not in verdict.reasons or _is_rejected(verdict):
        return None
    axis = max(range(3), key=lambda a: abs(left.offset_mm[a]))
    sense = SENSES[axis][int(left.offset_mm[axis] > 0)]
    return (
        f"the {left.where} of the liver lies about {math.hypot(*left.offset_mm):.0f} mm {sense} "
        "than the transform puts it"
    )


def place_of_liver(result: "RegistrationResult") -> str:
    """Return distance, direction and rotation from the liver in the fixed image to the liver in the moving image."""
    x, y, z = result.transform.translation_at(result.centre_mm)
    length = math.sqrt(x * x + y * y + z * z)
    return (
        f"{length:.1f} mm away in the moving image "
        f"(right {x:+.1f}, anterior {y:+.1f}, superior {z:+.1f}), turned by {result.transform.rotation_deg:.1f} deg"
    )

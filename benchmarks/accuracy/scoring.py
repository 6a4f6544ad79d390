"""Score any function with the signature of ``hepareg.register`` on a case."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.pairs import Case
from benchmarks.tables import Row
from hepareg.errors import HeparegError, MaskError
from hepareg.evaluation import dice_after
from hepareg.transforms import RigidTransform

__all__ = ["GOOD_MM", "Register", "is_good", "judge", "score_case"]

GOOD_MM = 1.5
"""A result is good if the mean liver TRE is at most this: the bound that an accepted result promises."""

Register = Callable[..., Any]
"""A function that is called like `hepareg.register`, with ``moving``, ``fixed`` and the masks that are given as
keywords, and returns an object with ``transform`` and, if the method judges itself, ``verdict`` and ``history``."""
UNKNOWN = dict.fromkeys(
    (
        "reason", "liver_tre_mean_mm", "liver_tre_worst_mm", "rotation_error_deg", "translation_error_mm", "dice",
        "tissue_mean_mm", "tissue_p95_mm", "tissue_max_mm", "left_by_rigid_mean_mm", "left_by_rigid_p95_mm",
        "left_by_rigid_max_mm", "rigid_fit_error_mm", "decision", "expected_tre_mm",
        "expected_p95_mm", "evidence", "ended",
    )
)  # fmt: skip
"""Entries of a row that a failed run leaves None."""


def is_good(tre_mm: float | None) -> bool:
    """Return whether there is a mean liver TRE and it is at most `GOOD_MM`."""
    return tre_mm is not None and tre_mm <= GOOD_MM


def judge(decision: str | None, tre_mm: float | None) -> str | None:
    """Compare a decision with the truth.

    Returns
    -------
    str or None
        ``true_accept``: good and accepted; ``false_accept``: accepted though wrong, the dangerous one;
        ``true_alarm``: wrong and not accepted; ``false_alarm``: good but not accepted; None without a decision. A
        result without a TRE counts as wrong.
    """
    if decision is None:
        return None
    good = is_good(tre_mm)
    if decision == "accept":
        return "true_accept" if good else "false_accept"
    return "false_alarm" if good else "true_alarm"


def score_case(case: Case, register: Register, *, masks: tuple[bool, bool], answerable: bool = True) -> Row:
    """Run a registration on a case and return its row; an error of the method is a row as well.

    Parameters
    ----------
    masks
        Whether the moving and the fixed mask are given.
    answerable
        False if the pair has no answer, such as two patients: then there is no TRE, and ``accept`` is always false.

    Returns
    -------
    dict
        ``status`` (``found`` or ``failed``) and ``reason``; the numbers of `benchmarks.pairs.Answer.errors`; ``dice``
        of the masks after registration; ``start_tre_mean_mm`` of the identity; ``decision``, ``expected_tre_mm`` and
        ``evidence`` of the method's own verdict, and the verdict's ``judgement`` (`judge`); ``ended``, the status of
        the last level; ``seconds`` of the call, images in memory.
    """
    start = case.answer.errors(RigidTransform.identity())["liver_tre_mean_mm"]
    row = {"status": "failed", "start_tre_mean_mm": start, **UNKNOWN, "judgement": judge("reject", None)}
    begin = time.perf_counter()
    try:
        result = register(**case.operands(masks))
    except (HeparegError, RuntimeError) as error:
        return row | {"seconds": time.perf_counter() - begin, "reason": str(error)}
    row |= {"seconds": time.perf_counter() - begin, "status": "found", **_verdict(result)}
    if answerable:
        found = RigidTransform(result.transform.matrix)
        row |= case.answer.errors(found) | {"dice": _dice(case, found)}
    return row | {"judgement": judge(row["decision"], row["liver_tre_mean_mm"])}


def _verdict(result: Any) -> Row:
    """Return the method's verdict on its own result; nothing if it gives none."""
    verdict, history = getattr(result, "verdict", None), getattr(result, "history", None)
    ended = {"ended": history[-1].status.value} if history else {}
    if verdict is None:
        return ended
    return ended | {
        "reason": "; ".join(map(str, verdict.reasons)) or None,
        "decision": str(getattr(verdict.decision, "value", verdict.decision)),
        "expected_tre_mm": verdict.expected_liver_tre_mm,
        "expected_p95_mm": getattr(verdict, "expected_liver_p95_mm", None),
        "evidence": dict(getattr(verdict, "evidence", {})),
    }


def _dice(case: Case, found: RigidTransform) -> float | None:
    """Return the Dice of the masks, or None if no voxel of them lies on the fixed grid."""
    try:
        return dice_after(moving_mask=case.moving_liver, fixed_mask=case.fixed_liver, moving_from_fixed=found)
    except MaskError:
        return None

"""Score any registration with hepareg's call signature on a case."""

import time
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from benchmarks.accuracy.case import Case
from hepareg.errors import HeparegError, MaskError
from hepareg.evaluation import dice_after, transform_error, tre_of_points, tre_over_mask
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["GOOD_MM", "Register", "Score", "judge", "load_register", "score_case"]

GOOD_MM = 1.5
"""A result is good where the mean liver TRE is at most this: the bound that an accepted result promises."""


class Register(Protocol):
    """What is scored: `hepareg.register`, or anything that is called like it."""

    def __call__(
        self, *, moving: Volume, fixed: Volume, moving_mask: Volume | None, fixed_mask: Volume | None
    ) -> Any: ...


@dataclass(frozen=True)
class Score:
    """What a method did on one case.

    Parameters
    ----------
    status
        ``found``, or ``failed`` where it raised an error.
    reason
        The error's text.
    liver_tre_mean_mm, liver_tre_worst_mm
        Over the voxels of the true fixed liver.
    vessel_tre_mean_mm, vessel_tre_worst_mm
        Over points on the liver's vessels.
    rotation_error_deg, translation_error_mm
        Against the truth, the translation at the liver's centroid.
    dice
        Of the fixed mask and the moved moving mask.
    start_tre_mean_mm
        What the identity would score.
    decision, expected_tre_mm
        The method's verdict on itself, None where it gives none.
    judgement
        Verdict against truth: see `judge`.
    evidence
        The numbers behind the method's verdict, by name.
    ended
        How the method's search ended, where it says so.
    seconds
        Of the call alone, images in memory.
    """

    status: str
    start_tre_mean_mm: float
    reason: str | None = None
    liver_tre_mean_mm: float | None = None
    liver_tre_worst_mm: float | None = None
    vessel_tre_mean_mm: float | None = None
    vessel_tre_worst_mm: float | None = None
    rotation_error_deg: float | None = None
    translation_error_mm: float | None = None
    dice: float | None = None
    decision: str | None = None
    expected_tre_mm: float | None = None
    judgement: str | None = None
    evidence: dict[str, float] | None = None
    ended: str | None = None
    seconds: float | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the score as plain values."""
        return asdict(self)


def load_register(text: str) -> Register:
    """Return the function that ``module:function`` names."""
    module, _, name = text.partition(":")
    return getattr(import_module(module), name)


def judge(decision: str | None, tre_mm: float | None) -> str | None:
    """Return how a verdict stands against the truth.

    ``true_accept``: good and accepted; ``false_accept``: accepted though wrong, the dangerous one;
    ``true_alarm``: wrong and not accepted; ``false_alarm``: good but not accepted. None without a verdict.
    """
    if decision is None:
        return None
    good = tre_mm is not None and tre_mm <= GOOD_MM
    if decision == "accept":
        return "true_accept" if good else "false_accept"
    return "false_alarm" if good else "true_alarm"


def score_case(case: Case, register: Register, *, masks: bool | tuple[bool, bool], answerable: bool = True) -> Score:
    """Run a registration on a case and score it; an error is a score of its own.

    Parameters
    ----------
    masks
        Whether the method is given the masks, or the moving and the fixed one each.
    answerable
        False where the pair has no answer, such as two patients: then every accepted result is false.
    """
    start = tre_over_mask(RigidTransform.identity(), case.truth, mask=case.true_liver).mean_mm
    wanted = masks if isinstance(masks, tuple) else (masks, masks)
    livers = (case.moving_liver, case.fixed_liver)
    given = [liver if want else None for liver, want in zip(livers, wanted, strict=True)]
    begin = time.perf_counter()
    try:
        result = register(moving=case.moving, fixed=case.fixed, moving_mask=given[0], fixed_mask=given[1])
    except (HeparegError, RuntimeError) as error:
        seconds = time.perf_counter() - begin
        return Score("failed", start, reason=str(error), judgement=judge("reject", None), seconds=seconds)
    seconds = time.perf_counter() - begin
    return _scored(case, result, start, seconds) if answerable else _told(result, start, seconds)


def _told(result: Any, start: float, seconds: float) -> Score:
    """Return what a method says of itself, judged as an answer that is wrong."""
    verdict = getattr(result, "verdict", None)
    decision = None if verdict is None else str(getattr(verdict.decision, "value", verdict.decision))
    history = getattr(result, "history", None)
    return Score(
        status="found",
        start_tre_mean_mm=start,
        reason=None if verdict is None else "; ".join(map(str, verdict.reasons)) or None,
        decision=decision,
        expected_tre_mm=None if verdict is None else verdict.expected_liver_tre_mm,
        judgement=judge(decision, None),
        evidence=None if verdict is None else dict(getattr(verdict, "evidence", {})),
        ended=history[-1].status.value if history else None,
        seconds=seconds,
    )


def _scored(case: Case, result: Any, start: float, seconds: float) -> Score:
    found = RigidTransform(result.transform.matrix)
    liver = tre_over_mask(found, case.truth, mask=case.true_liver)
    vessels = tre_of_points(found, case.truth, points_mm=case.vessels_mm)
    centroid = case.true_liver.grid.world_points(np.argwhere(case.true_liver.data).mean(axis=0))
    error = transform_error(found, case.truth, at_mm=centroid)
    told = _told(result, start, seconds)
    return replace(
        told,
        liver_tre_mean_mm=liver.mean_mm,
        liver_tre_worst_mm=liver.worst_mm,
        vessel_tre_mean_mm=vessels.mean_mm,
        vessel_tre_worst_mm=vessels.worst_mm,
        rotation_error_deg=error.rotation_deg,
        translation_error_mm=error.translation_mm,
        dice=_dice(case, found),
        judgement=judge(told.decision, liver.mean_mm),
    )


def _dice(case: Case, found: RigidTransform) -> float | None:
    """Return the masks' Dice, or None where nothing of them meets on the fixed grid."""
    try:
        return dice_after(moving_mask=case.moving_liver, fixed_mask=case.fixed_liver, moving_from_fixed=found)
    except MaskError:
        return None

"""The verdict: from evidence to accept, review or reject, by the table of `verdict_rules.RULES`."""

from hepareg.registration.evidence import Evidence
from hepareg.registration.expected_error import expected_error
from hepareg.registration.result import Decision, Verdict
from hepareg.registration.verdict_rules import RULES
from hepareg.registration.verdict_settings import VerdictSettings

__all__ = ["judge"]

BEST_FIRST = tuple(Decision)


def judge(evidence: Evidence, *, settings: VerdictSettings) -> Verdict:
    """Return the verdict on a result: the worst decision of the rules that hold, and the codes of those rules.

    Parameters
    ----------
    evidence
        Numbers and flags of one registration.
    settings
        Limits that the rules compare the evidence with.

    Raises
    ------
    ValueError
        If the evidence carries a flag that no rule explains: then a user could not look it up.
    """
    if unknown := set(evidence.flags) - {rule.code for rule in RULES}:
        raise ValueError(f"expected flags with a rule each, got {', '.join(sorted(unknown))}; add a rule to RULES")
    expected = expected_error(evidence, settings)
    found = [rule for rule in RULES if rule.holds(evidence, expected, settings)]
    return Verdict(
        decision=max((rule.decision for rule in found), key=BEST_FIRST.index, default=Decision.ACCEPT),
        already_aligned=bool(evidence.displacement_mm <= max(settings.aligned_mm, expected.mean_mm)),
        expected_liver_tre_mm=expected.mean_mm,
        expected_liver_p95_mm=expected.p95_mm,
        rigid_fit_error_mm=expected.rigid_fit_mm,
        left_by_rigid=evidence.left_by_rigid,
        reasons=tuple(rule.code for rule in found),
        evidence=evidence.numbers(),
    )

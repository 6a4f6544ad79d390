"""Kinds of the last 500 pairs of the stress set: livers that deform, faulty acquisitions, masks of something else."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.accuracy.stress_faults import Fault, wrong_mask
from hepareg.simulation import DEFORMATIONS, FAULTS, FaultSettings, PairSettings
from hepareg.simulation.acquisition.wrong_masks import WRONG_MASKS

__all__ = ["KINDS", "Kind"]


@dataclass(frozen=True)
class Kind:
    """A kind of pair and the range of its amount.

    Parameters
    ----------
    low, high
        Range of the amount, in the unit of the kind: mm, or per cent for a wrong spacing.
    settings
        Function from the settings of a pair without trouble and the amount to those of this kind.
    fault
        Fault that is put into the masks afterwards, or None.
    """

    low: float = 0.0
    high: float = 0.0
    settings: Callable[[PairSettings, float], PairSettings] = lambda settings, _: settings
    fault: Fault | None = None


def _deforming(name: str, low: float, high: float) -> Kind:
    def settings(plain: PairSettings, amount: float) -> PairSettings:
        return replace(plain, motion=replace(plain.motion, deformation=name, bend_mm=amount))

    return Kind(low, high, settings)


def _faulty(name: str, low: float, high: float) -> Kind:
    def settings(plain: PairSettings, amount: float) -> PairSettings:
        return replace(plain, fault=FaultSettings(name, amount))

    return Kind(low, high, settings)


DEFORMING = {
    "smooth": (0.5, 4.0), "hinge": (4.0, 18.0), "lobe": (4.0, 14.0), "lobe_turn": (4.0, 15.0), "tip": (4.0, 15.0),
    "dome": (4.0, 12.0), "squeeze": (4.0, 12.0), "compression": (2.0, 8.0), "ascites": (4.0, 14.0),
}  # fmt: skip
FAULTY = {
    "lost": (4.0, 18.0), "doubled": (4.0, 18.0), "shuffled": (15.0, 50.0), "step": (4.0, 15.0), "drift": (3.0, 12.0),
    "table_drift": (3.0, 12.0), "spacing": (-8.0, 8.0),
}  # fmt: skip
assert DEFORMING.keys() == DEFORMATIONS.keys()
assert FAULTY.keys() == FAULTS.keys()

KINDS: dict[str, Kind] = {
    **{f"bend_{name}": _deforming(name, *amounts) for name, amounts in DEFORMING.items()},
    **{f"scan_{name}": _faulty(name, *amounts) for name, amounts in FAULTY.items()},
    **{f"mask_of_{name}": Kind(fault=wrong_mask(name)) for name in WRONG_MASKS},
    "lipiodol": Kind(settings=lambda plain, _: replace(plain, lipiodol=True)),
}
"""Kinds by the name that a row of the results has as its trouble."""

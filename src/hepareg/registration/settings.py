"""Settings of a registration, each default in one place."""

from dataclasses import dataclass, field

from hepareg.refinement.settings import RefinementSettings
from hepareg.refinement.smooth_field import BendSettings
from hepareg.registration.verdict import VerdictSettings

__all__ = ["RegisterSettings"]


@dataclass(frozen=True)
class RegisterSettings:
    """Settings of the refinement, of the bend that is looked for, and of the verdict.

    Parameters
    ----------
    bend_search_mm
        The liver's bend is looked for where the blocks of the liver disagree on the pose by more than this.
    both_directions_mm
        The search is repeated the other way round, and both poses are averaged, where the blocks disagree by more
        than this, or interpolation's blur was put back, and the liver does not bend; never where infinite.
    """

    refinement: RefinementSettings = field(default_factory=RefinementSettings)
    bend: BendSettings = field(default_factory=BendSettings)
    bend_search_mm: float = 0.08
    both_directions_mm: float = 0.06
    verdict: VerdictSettings = field(default_factory=VerdictSettings)

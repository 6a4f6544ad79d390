"""Settings of a registration, each default in one place."""

from dataclasses import dataclass, field

from hepareg.optimisation.multilevel import RefinementSettings
from hepareg.registration.verdict import VerdictSettings

__all__ = ["RegisterSettings"]


@dataclass(frozen=True)
class RegisterSettings:
    """Settings of the refinement and of the verdict."""

    refinement: RefinementSettings = field(default_factory=RefinementSettings)
    verdict: VerdictSettings = field(default_factory=VerdictSettings)

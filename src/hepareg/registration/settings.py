"""Settings of a registration: every number that tunes it, each default written once, beside the code it tunes."""

from dataclasses import asdict, dataclass, field
from types import ModuleType
from typing import Any

from hepareg.preprocessing import slice_sequence
from hepareg.preprocessing.liver_crop import LiverCrop
from hepareg.refinement.images.sampled_features import FAR, NEAR
from hepareg.refinement.settings import RefinementSettings
from hepareg.refinement.smooth_field import JITTER
from hepareg.refinement.solvers.gauss_newton import SMALLEST_EIGENVALUE
from hepareg.refinement.solvers.normal_equations import ARC_RADIUS_MM, UNDETERMINED
from hepareg.refinement.solvers.robust_weights import CELL_TUNING, LEAST_MEDIAN_HU, MOST_IN_MEDIAN, VOXEL_TUNING
from hepareg.registration.both_directions import BothDirectionsSettings
from hepareg.registration.evidence import EvidenceSettings
from hepareg.registration.pose_uncertainty import UncertaintySettings
from hepareg.registration.problem import ProblemSettings
from hepareg.registration.starts import StartSettings
from hepareg.registration.surface_fusion import SurfaceFusionSettings
from hepareg.registration.tissue_motion import TissueMotionSettings
from hepareg.registration.verdict_settings import VerdictSettings
from hepareg.registration.witnesses import flatness, mask_tissue, simple_motion, surface_shift, vessel_contrast

__all__ = ["RegisterSettings"]

WITNESSES = (flatness, mask_tissue, simple_motion, slice_sequence, surface_shift, vessel_contrast)


def _numbers(module: ModuleType) -> dict[str, Any]:
    """Return the numbers, and tuples of numbers, that a module binds to names in capitals."""
    named = {name: value for name, value in vars(module).items() if name.isupper()}
    return {name.lower(): value for name, value in named.items() if isinstance(value, int | float | tuple)}


CONSTANTS: dict[str, Any] = {
    "arc_radius_mm": ARC_RADIUS_MM,
    "cell_tuning": CELL_TUNING,
    "field_jitter": JITTER,
    "least_median_hu": LEAST_MEDIAN_HU,
    "liver_top_min_area_mm2": LiverCrop().min_area_mm2,
    "most_in_median": MOST_IN_MEDIAN,
    "slope_weights": (NEAR, FAR),
    "smallest_eigenvalue": SMALLEST_EIGENVALUE,
    "undetermined": UNDETERMINED,
    "voxel_tuning": VOXEL_TUNING,
    "witnesses": {module.__name__.rpartition(".")[2]: _numbers(module) for module in WITNESSES},
}
"""Numbers that shape a result and that no settings change, since kernels or derivations depend on them."""


@dataclass(frozen=True)
class RegisterSettings:
    """Settings of all steps, in the order in which `register` takes them."""

    problem: ProblemSettings = field(default_factory=ProblemSettings)
    starts: StartSettings = field(default_factory=StartSettings)
    refinement: RefinementSettings = field(default_factory=RefinementSettings)
    uncertainty: UncertaintySettings = field(default_factory=UncertaintySettings)
    tissue_motion: TissueMotionSettings = field(default_factory=TissueMotionSettings)
    both_directions: BothDirectionsSettings = field(default_factory=BothDirectionsSettings)
    surface_fusion: SurfaceFusionSettings = field(default_factory=SurfaceFusionSettings)
    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    verdict: VerdictSettings = field(default_factory=VerdictSettings)

    def record(self) -> dict[str, Any]:
        """Return all settings and the constants beside them, ready for JSON: two calibrations differ in it."""
        return {**asdict(self), "constants": dict(CONSTANTS)}

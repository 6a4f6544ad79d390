"""hepareg: rigid alignment of the phases of a contrast-enhanced liver CT. Research use only, not a medical device."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hepareg.api import apply, compare, read_image, read_mask, read_transform, register
    from hepareg.errors import (
        DeviceError,
        FileFormatError,
        HeparegError,
        ImageError,
        InputError,
        MaskError,
        MissingExtraError,
        OutputError,
        PairError,
        RigidityError,
        SettingsError,
        TrainingError,
        TransformError,
    )
    from hepareg.geometry import Grid
    from hepareg.pool import RegistrationPool
    from hepareg.refinement.settings import RefinementSettings
    from hepareg.registration import Decision, Method, RegisterSettings, RegistrationResult, Verdict
    from hepareg.registration.both_directions import BothDirectionsSettings
    from hepareg.registration.evidence import EvidenceSettings
    from hepareg.registration.pose_uncertainty import UncertaintySettings
    from hepareg.registration.problem import ProblemSettings
    from hepareg.registration.starts import StartSettings
    from hepareg.registration.surface_fusion import SurfaceFusionSettings
    from hepareg.registration.tissue_motion import TissueMotionSettings
    from hepareg.registration.verdict_settings import VerdictSettings
    from hepareg.transforms import AffineTransform, RigidTransform
    from hepareg.volume import Phase, Provenance, Volume
    from hepareg.workflows.apply import Applied, ApplySettings
    from hepareg.workflows.compare import Comparison
    from hepareg.workflows.registration import Registration

__version__ = "0.2.0"

__all__ = [
    "AffineTransform",
    "Applied",
    "ApplySettings",
    "BothDirectionsSettings",
    "Comparison",
    "Decision",
    "DeviceError",
    "EvidenceSettings",
    "FileFormatError",
    "Grid",
    "HeparegError",
    "ImageError",
    "InputError",
    "MaskError",
    "Method",
    "MissingExtraError",
    "OutputError",
    "PairError",
    "Phase",
    "ProblemSettings",
    "Provenance",
    "RefinementSettings",
    "RegisterSettings",
    "Registration",
    "RegistrationPool",
    "RegistrationResult",
    "RigidTransform",
    "RigidityError",
    "SettingsError",
    "StartSettings",
    "SurfaceFusionSettings",
    "TissueMotionSettings",
    "TrainingError",
    "TransformError",
    "UncertaintySettings",
    "Verdict",
    "VerdictSettings",
    "Volume",
    "apply",
    "compare",
    "read_image",
    "read_mask",
    "read_transform",
    "register",
]

_NAMES = {
    "hepareg.api": ("apply", "compare", "read_image", "read_mask", "read_transform", "register"),
    "hepareg.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "hepareg.geometry": ("Grid",),
    "hepareg.pool": ("RegistrationPool",),
    "hepareg.refinement.settings": ("RefinementSettings",),
    "hepareg.registration": ("Decision", "Method", "RegisterSettings", "RegistrationResult", "Verdict"),
    "hepareg.registration.both_directions": ("BothDirectionsSettings",),
    "hepareg.registration.evidence": ("EvidenceSettings",),
    "hepareg.registration.pose_uncertainty": ("UncertaintySettings",),
    "hepareg.registration.problem": ("ProblemSettings",),
    "hepareg.registration.starts": ("StartSettings",),
    "hepareg.registration.surface_fusion": ("SurfaceFusionSettings",),
    "hepareg.registration.tissue_motion": ("TissueMotionSettings",),
    "hepareg.registration.verdict_settings": ("VerdictSettings",),
    "hepareg.transforms": ("AffineTransform", "RigidTransform"),
    "hepareg.volume": ("Phase", "Provenance", "Volume"),
    "hepareg.workflows.apply": ("Applied", "ApplySettings"),
    "hepareg.workflows.compare": ("Comparison",),
    "hepareg.workflows.registration": ("Registration",),
}
_HOME = {name: home for home, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import hepareg` stays fast (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'hepareg' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

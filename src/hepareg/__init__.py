"""hepareg: rigid alignment of the phases of a contrast-enhanced liver CT. Research use only, not a medical device."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hepareg.geometry import Grid
    from hepareg.registration import register
    from hepareg.registration.pool import RegistrationPool
    from hepareg.transforms import AffineTransform, RigidTransform
    from hepareg.volume import Phase, Provenance, Volume

__version__ = "0.2.0"

__all__ = ["AffineTransform", "Grid", "Phase", "Provenance", "RegistrationPool", "RigidTransform", "Volume", "register"]

_HOME = {
    "AffineTransform": "hepareg.transforms",
    "Grid": "hepareg.geometry",
    "Phase": "hepareg.volume",
    "Provenance": "hepareg.volume",
    "RegistrationPool": "hepareg.registration.pool",
    "RigidTransform": "hepareg.transforms",
    "Volume": "hepareg.volume",
    "register": "hepareg.registration",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import hepareg` stays fast (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'hepareg' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Names of the measures that the refinement can use, for settings."""

from hepareg.optimisation.measure import LocalAffineMeasure, Measure
from hepareg.optimisation.mind import MINDMeasure
from hepareg.optimisation.mse import MSEMeasure
from hepareg.optimisation.ngf import NGFMeasure
from hepareg.optimisation.scalar import LocalNCCMeasure, MIMeasure, NCCMeasure, NMIMeasure

__all__ = ["MEASURES"]

MEASURES: dict[str, type[Measure]] = {
    "local_affine": LocalAffineMeasure,
    "mse": MSEMeasure,
    "mind": MINDMeasure,
    "ngf": NGFMeasure,
    "ncc": NCCMeasure,
    "local_ncc": LocalNCCMeasure,
    "nmi": NMIMeasure,
    "mi": MIMeasure,
}
"""Each class's defaults are its settings."""

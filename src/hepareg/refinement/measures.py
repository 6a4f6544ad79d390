"""Names of the measures that the refinement can use, for settings."""

from hepareg.refinement.measure import LocalAffineMeasure, Measure
from hepareg.refinement.mind import MINDMeasure
from hepareg.refinement.mse import MSEMeasure
from hepareg.refinement.ngf import NGFMeasure
from hepareg.refinement.scalar import LocalNCCMeasure, MIMeasure, NCCMeasure, NMIMeasure

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

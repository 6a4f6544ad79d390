"""Simulated pairs of CT whose rigid motion is known.

A pair is made in the order of the folders: `anatomy` (tissues and vessels), `contrast` (HU of a phase), `motion` (of
liver and body), `acquisition` (grid, slices, noise), and `pairs`, which joins them.
"""

from hepareg.simulation.acquisition.faults import FAULTS, FaultSettings, Scan
from hepareg.simulation.acquisition.scanner import AcquisitionSettings
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import LABEL_NAMES, Label
from hepareg.simulation.anatomy.liver_vessels import LiverVesselSettings
from hepareg.simulation.anatomy.patient import PatientCT, prepare_patient
from hepareg.simulation.anatomy.phantom import PhantomSettings
from hepareg.simulation.contrast.phases import ContrastPhase
from hepareg.simulation.motion.deformations import DEFORMATIONS
from hepareg.simulation.motion.motion import FREE_BREATHING, Motion, MotionSettings
from hepareg.simulation.pairs.landmarks import Landmark, TissuePoints
from hepareg.simulation.pairs.pair import PairSettings, SimulatedPair, simulate_anatomy, simulate_pair

__all__ = [
    "DEFORMATIONS",
    "FAULTS",
    "FREE_BREATHING",
    "LABEL_NAMES",
    "AcquisitionSettings",
    "Anatomy",
    "ContrastPhase",
    "FaultSettings",
    "Label",
    "Landmark",
    "LiverVesselSettings",
    "Motion",
    "MotionSettings",
    "PairSettings",
    "PatientCT",
    "PhantomSettings",
    "Scan",
    "SimulatedPair",
    "TissuePoints",
    "prepare_patient",
    "simulate_anatomy",
    "simulate_pair",
]

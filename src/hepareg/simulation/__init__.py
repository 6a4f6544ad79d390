"""Pairs of CT with a known rigid answer: anatomy, contrast phases, motion and acquisition."""

from hepareg.simulation.acquisition import AcquisitionSettings
from hepareg.simulation.anatomy import Anatomy
from hepareg.simulation.labels import LABEL_NAMES, Label
from hepareg.simulation.landmarks import Landmark
from hepareg.simulation.liver_vessels import LiverVesselSettings
from hepareg.simulation.motion import Motion, MotionSettings
from hepareg.simulation.pair import PairSettings, SimulatedPair, simulate_pair
from hepareg.simulation.patient import PatientCT, prepare_patient
from hepareg.simulation.phantom import PhantomSettings
from hepareg.simulation.phases import ContrastPhase

__all__ = [
    "LABEL_NAMES",
    "AcquisitionSettings",
    "Anatomy",
    "ContrastPhase",
    "Label",
    "Landmark",
    "LiverVesselSettings",
    "Motion",
    "MotionSettings",
    "PairSettings",
    "PatientCT",
    "PhantomSettings",
    "SimulatedPair",
    "prepare_patient",
    "simulate_pair",
]

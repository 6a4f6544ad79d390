"""A pair in memory: the images and masks that a method is given, and the answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.pairs import Answer, Pair, liver_tissue
from hepareg.io.nifti import read_nifti
from hepareg.simulation import SimulatedPair
from hepareg.volume import Volume

__all__ = ["Case"]


@dataclass(frozen=True, eq=False)
class Case:
    """Images, masks and the answer of one pair.

    Parameters
    ----------
    moving, fixed, moving_liver, fixed_liver
        Images in HU and liver masks, which may be wrong on purpose.
    answer
        True transform, liver and vessels.
    parameters
        Content of ``pair.json``.
    """

    moving: Volume
    fixed: Volume
    moving_liver: Volume
    fixed_liver: Volume
    answer: Answer
    parameters: dict[str, Any]

    @classmethod
    def of(cls, pair: SimulatedPair) -> "Case":
        """Return the case of a simulated pair."""
        vessels_mm = np.array([landmark.fixed_mm for landmark in pair.landmarks])
        answer = Answer(pair.truth, liver_tissue(pair.labels), vessels_mm)
        return cls(pair.moving, pair.fixed, pair.moving_liver, pair.fixed_liver, answer, pair.parameters)

    @classmethod
    def read(cls, pair: Pair) -> "Case":
        """Read the folder of a pair."""
        names = ("moving", "fixed", "moving_liver", "fixed_liver")
        return cls(*(read_nifti(pair.image(name)) for name in names), pair.answer, pair.parameters)

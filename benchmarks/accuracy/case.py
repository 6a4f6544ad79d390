"""A pair as a folder, read for a registration and for its score."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.arrays import Points
from hepareg.io.landmarks import read_landmarks
from hepareg.io.matrix_text import read_matrix_text
from hepareg.io.nifti import read_nifti
from hepareg.simulation import Label, SimulatedPair
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Case", "case_folders"]

PARENCHYMA = (Label.LIVER, Label.TUMOUR, Label.CYST)


@dataclass(frozen=True, eq=False)
class Case:
    """Images, masks and the answer of one pair.

    Parameters
    ----------
    moving, fixed, moving_liver, fixed_liver
        As a method gets them.
    true_liver
        Fixed liver without the error that the mask may have; errors are taken over it.
    truth
        moving_from_fixed.
    vessels_mm
        (N, 3) points on the liver's vessels in the fixed world.
    parameters
        Content of ``pair.json``.
    """

    moving: Volume
    fixed: Volume
    moving_liver: Volume
    fixed_liver: Volume
    true_liver: Volume
    truth: RigidTransform
    vessels_mm: Points
    parameters: dict[str, Any]

    @classmethod
    def of(cls, pair: SimulatedPair) -> "Case":
        """Return the case of a pair in memory."""
        return cls(
            moving=pair.moving,
            fixed=pair.fixed,
            moving_liver=pair.moving_liver,
            fixed_liver=pair.fixed_liver,
            true_liver=_parenchyma(pair.labels),
            truth=pair.truth,
            vessels_mm=np.array([landmark.fixed_mm for landmark in pair.landmarks]),
            parameters=pair.parameters,
        )

    @classmethod
    def read(cls, folder: Path) -> "Case":
        """Read the folder that the simulator wrote."""
        names = ("moving", "fixed", "moving_liver", "fixed_liver", "labels")
        moving, fixed, moving_liver, fixed_liver, labels = (read_nifti(folder / f"{name}.nii.gz") for name in names)
        return cls(
            moving=moving,
            fixed=fixed,
            moving_liver=moving_liver,
            fixed_liver=fixed_liver,
            true_liver=_parenchyma(labels),
            truth=RigidTransform(read_matrix_text(folder / "truth.txt").matrix),
            vessels_mm=read_landmarks(folder / "landmarks.csv").points,
            parameters=json.loads((folder / "pair.json").read_text()),
        )


def _parenchyma(labels: Volume) -> Volume:
    return labels.with_data(np.isin(labels.data, PARENCHYMA))


def case_folders(folder: Path) -> list[Path]:
    """Return the folders of the pairs in a set, by name."""
    return [path.parent for path in sorted(folder.glob("*/truth.txt"))]

"""Pairs with a known answer, as folders that the simulator wrote, and the errors of a transform against that answer."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from hepareg.arrays import Points
from hepareg.evaluation import transform_error, tre_of_points, tre_over_mask
from hepareg.io.landmarks import read_landmarks
from hepareg.io.nifti import read_nifti
from hepareg.simulation import Label
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Answer", "Pair", "find_pairs", "liver_tissue"]


@dataclass(frozen=True, eq=False)
class Answer:
    """The true transform of a pair, and the places at which a transform is compared with it.

    Parameters
    ----------
    truth
        moving_from_fixed of the liver.
    liver
        Fixed liver without the error that a mask may have on purpose.
    vessels_mm
        (N, 3) points on the liver's vessels in the fixed world, or None.
    """

    truth: RigidTransform
    liver: Volume
    vessels_mm: Points | None

    def errors(self, found: RigidTransform) -> dict[str, float | None]:
        """Compare a moving_from_fixed with the truth.

        Returns
        -------
        dict
            ``liver_tre_mean_mm`` and ``liver_tre_worst_mm`` over the voxels of the liver; ``vessel_tre_mean_mm`` and
            ``vessel_tre_worst_mm`` over the points on vessels, None if there are none; ``rotation_error_deg``;
            ``translation_error_mm`` at the liver's centroid.
        """
        liver, vessels = tre_over_mask(found, self.truth, mask=self.liver), None
        if self.vessels_mm is not None:
            vessels = tre_of_points(found, self.truth, points_mm=self.vessels_mm)
        error = transform_error(found, self.truth, at_mm=self.liver.centroid_mm)
        return {
            "liver_tre_mean_mm": liver.mean_mm, "liver_tre_worst_mm": liver.worst_mm,
            "vessel_tre_mean_mm": vessels and vessels.mean_mm, "vessel_tre_worst_mm": vessels and vessels.worst_mm,
            "rotation_error_deg": error.rotation_deg, "translation_error_mm": error.translation_mm,
        }  # fmt: skip


def liver_tissue(labels: Volume) -> Volume:
    """Return the mask of the liver, its tumours and its cysts in a label map."""
    return labels.with_data(np.isin(labels.data, (Label.LIVER, Label.TUMOUR, Label.CYST)))


@dataclass(frozen=True)
class Pair:
    """A folder with images, masks and ``truth.txt``; ``labels``, landmarks and ``pair.json`` may be missing."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    def image(self, name: str) -> Path:
        """Return the path of ``moving``, ``fixed``, ``moving_liver``, ``fixed_liver`` or ``labels``."""
        return self.folder / f"{name}.nii.gz"

    def shape(self, name: str) -> tuple[int, int, int]:
        """Return the shape of an image."""
        return nib.load(self.image(name)).shape

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Content of ``pair.json``: how the pair was made, and its place in the set."""
        path = self.folder / "pair.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @cached_property
    def answer(self) -> Answer:
        """The answer; without a label map the liver is the fixed mask."""
        labels, landmarks = self.image("labels"), self.folder / "landmarks.csv"
        return Answer(
            truth=RigidTransform(np.loadtxt(self.folder / "truth.txt")),
            liver=liver_tissue(read_nifti(labels)) if labels.exists() else read_nifti(self.image("fixed_liver")),
            vessels_mm=read_landmarks(landmarks).points if landmarks.exists() else None,
        )


def find_pairs(folder: Path) -> list[Pair]:
    """Return the pairs in a folder by name, or the folder itself if it is a pair; paths are absolute."""
    folder = folder.resolve()
    if (folder / "truth.txt").exists():
        return [Pair(folder)]
    return [Pair(path.parent) for path in sorted(folder.glob("*/truth.txt"))]

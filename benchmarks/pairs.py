"""Pairs with a known answer as folders, and the score of a transform against that answer."""

import json
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path

import nibabel as nib
import numpy as np

from benchmarks.accuracy.case import PARENCHYMA
from hepareg.evaluation import transform_error, tre_of_points, tre_over_mask
from hepareg.geometry import Grid
from hepareg.io.landmarks import read_landmarks
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Pair", "Score", "find_pairs"]


@dataclass(frozen=True)
class Score:
    """Errors of a transform: TRE over all voxels of the true fixed liver, TRE of points on its vessels (None where
    a pair has none), rotation, translation at the liver's centroid.
    """

    tre_mean_mm: float
    tre_worst_mm: float
    vessel_tre_mm: float | None
    rotation_error_deg: float
    translation_error_mm: float


@dataclass(frozen=True)
class Pair:
    """A folder that the simulator wrote: images, masks, ``truth.txt`` and ``pair.json``."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the pair, which is its folder's."""
        return self.folder.name

    def image(self, name: str) -> Path:
        """Return the path of ``moving``, ``fixed``, ``moving_liver`` or ``fixed_liver``."""
        return self.folder / f"{name}.nii.gz"

    @cached_property
    def truth(self) -> RigidTransform:
        """The true moving_from_fixed of the liver."""
        return RigidTransform(np.loadtxt(self.folder / "truth.txt"))

    @cached_property
    def parameters(self) -> dict:
        """What the simulator and the core set wrote about the pair."""
        path = self.folder / "pair.json"
        return json.loads(path.read_text()) if path.exists() else {}

    @cached_property
    def liver(self) -> Volume:
        """True fixed liver, over which errors are taken: from the label map, for a mask may be wrong on purpose."""
        labels = self.image("labels")
        image = nib.load(labels if labels.exists() else self.image("fixed_liver"))
        data = np.asanyarray(image.dataobj)
        return Volume(np.isin(data, PARENCHYMA) if labels.exists() else data > 0, Grid(image.shape, image.affine))

    def shape(self, name: str) -> tuple[int, int, int]:
        """Return the shape of an image."""
        return nib.load(self.image(name)).shape

    @property
    def num_voxels(self) -> int:
        """Voxels of both images."""
        return prod(self.shape("moving")) + prod(self.shape("fixed"))

    def score(self, found: RigidTransform) -> Score:
        """Return the errors of a transform."""
        tre = tre_over_mask(found, self.truth, mask=self.liver)
        centroid = self.liver.grid.world_points(np.argwhere(self.liver.data).mean(axis=0))
        error = transform_error(found, self.truth, at_mm=centroid)
        return Score(tre.mean_mm, tre.worst_mm, self._vessel_tre(found), error.rotation_deg, error.translation_mm)

    def _vessel_tre(self, found: RigidTransform) -> float | None:
        landmarks = self.folder / "landmarks.csv"
        if not landmarks.exists():
            return None
        return tre_of_points(found, self.truth, points_mm=read_landmarks(landmarks).points).mean_mm


def find_pairs(folder: Path) -> list[Pair]:
    """Return the pairs in a folder, or the folder itself if it is one, by name; their paths are absolute."""
    folder = folder.resolve()
    if (folder / "truth.txt").exists():
        return [Pair(folder)]
    return [Pair(path.parent) for path in sorted(folder.glob("*/truth.txt"))]

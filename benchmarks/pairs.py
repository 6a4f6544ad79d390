"""Pairs with a known answer, in folders or in memory, and the errors of a transform against that answer."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from hepareg.arrays import Points
from hepareg.evaluation import transform_error, tre_over_mask
from hepareg.io.landmarks import read_landmarks
from hepareg.io.nifti import read_nifti
from hepareg.simulation import Label, SimulatedPair, TissuePoints
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["Answer", "Case", "Pair", "find_pairs", "tissue_errors"]


@dataclass(frozen=True, eq=False)
class Answer:
    """The true transform of a pair, and the places at which a transform is compared with it.

    Parameters
    ----------
    truth
        moving_from_fixed of the liver.
    liver
        Fixed liver without the error that a mask may have on purpose.
    tissue
        Points of the fixed liver and the true places of their tissue, or None for a pair that does not state them.
    """

    truth: RigidTransform
    liver: Volume
    tissue: TissuePoints | None = None

    def errors(self, found: RigidTransform) -> dict[str, float]:
        """Compare a moving_from_fixed with the truth.

        Returns
        -------
        dict
            ``liver_tre_mean_mm`` and ``liver_tre_worst_mm``, over the voxels of the liver, against the truth, which is
            the best rigid fit if the tissue does not move rigidly; ``rotation_error_deg``; ``translation_error_mm`` at
            the liver's centroid; and the numbers of `tissue_errors`, if the places of the tissue are known.
        """
        liver = tre_over_mask(found, self.truth, mask=self.liver)
        error = transform_error(found, self.truth, at_mm=self.liver.centroid_mm)
        return {
            "liver_tre_mean_mm": liver.mean_mm, "liver_tre_worst_mm": liver.worst_mm,
            "rotation_error_deg": error.rotation_deg, "translation_error_mm": error.translation_mm,
            **({} if self.tissue is None else tissue_errors(found, self.truth, self.tissue)),
        }  # fmt: skip


def tissue_errors(found: RigidTransform, truth: RigidTransform, tissue: TissuePoints) -> dict[str, float]:
    """Compare a moving_from_fixed, and the best rigid fit, with the true places of tissue.

    Returns
    -------
    dict
        ``tissue_mean_mm``, ``tissue_p95_mm`` and ``tissue_max_mm``: distance between the place to which tissue is sent
        and its true place; ``left_by_rigid_mean_mm``, ``left_by_rigid_p95_mm`` and ``left_by_rigid_max_mm``: the same
        of the best rigid fit; ``rigid_fit_error_mm``: mean distance between the places to which ``found`` and the best
        rigid fit send the tissue.
    """
    sent, best = found.apply(tissue.fixed_mm), truth.apply(tissue.fixed_mm)
    return {
        **_distances("tissue", sent - tissue.moving_mm),
        **_distances("left_by_rigid", best - tissue.moving_mm),
        "rigid_fit_error_mm": float(np.linalg.norm(sent - best, axis=1).mean()),
    }


def _distances(name: str, errors_mm: Points) -> dict[str, float]:
    length = np.linalg.norm(errors_mm, axis=1)
    numbers = {"mean": length.mean(), "p95": np.percentile(length, 95), "max": length.max()}
    return {f"{name}_{key}_mm": float(number) for key, number in numbers.items()}


def liver_tissue(labels: Volume) -> Volume:
    """Return the mask of the liver, its tumours and its cysts in a label map."""
    return labels.with_data(np.isin(labels.data, (Label.LIVER, Label.TUMOUR, Label.CYST)))


@dataclass(frozen=True)
class Pair:
    """A folder with images, masks and ``truth.txt``; ``labels`` and ``pair.json`` may be missing."""

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
        labels = self.image("labels")
        return Answer(
            truth=RigidTransform(np.loadtxt(self.folder / "truth.txt")),
            liver=liver_tissue(read_nifti(labels)) if labels.exists() else read_nifti(self.image("fixed_liver")),
            tissue=_read_tissue(self.folder / "tissue.csv"),
        )


def _read_tissue(path: Path) -> TissuePoints | None:
    """Return the points and places in a table, or None if there is no table, as in pairs of older versions."""
    if not path.exists():
        return None
    table = read_landmarks(path)
    columns = [table.columns.index(f"moving_{axis}") for axis in "xyz"]
    return TissuePoints(table.points, np.array([[float(row[c]) for c in columns] for row in table.rows]))


def find_pairs(folder: Path) -> list[Pair]:
    """Return the pairs in a folder by name, or the folder itself if it is a pair; paths are absolute."""
    folder = folder.resolve()
    if (folder / "truth.txt").exists():
        return [Pair(folder)]
    return [Pair(path.parent) for path in sorted(folder.glob("*/truth.txt"))]


@dataclass(frozen=True, eq=False)
class Case:
    """A pair in memory: images in HU, liver masks, which may be wrong on purpose, and the answer."""

    moving: Volume
    fixed: Volume
    moving_liver: Volume
    fixed_liver: Volume
    answer: Answer

    @classmethod
    def of(cls, pair: SimulatedPair) -> "Case":
        """Return the case of a simulated pair."""
        answer = Answer(pair.truth, liver_tissue(pair.labels), pair.tissue)
        return cls(pair.moving, pair.fixed, pair.moving_liver, pair.fixed_liver, answer)

    @classmethod
    def read(cls, pair: Pair) -> "Case":
        """Read the folder of a pair."""
        names = ("moving", "fixed", "moving_liver", "fixed_liver")
        return cls(*(read_nifti(pair.image(name)) for name in names), pair.answer)

    def operands(self, masks: tuple[bool, bool]) -> dict[str, Volume]:
        """Return the arguments of `hepareg.register`; ``masks`` says whether the moving and the fixed one are given."""
        livers = {"moving_mask": self.moving_liver, "fixed_mask": self.fixed_liver}
        given = {role: liver for (role, liver), wanted in zip(livers.items(), masks, strict=True) if wanted}
        return {"moving": self.moving, "fixed": self.fixed, **given}

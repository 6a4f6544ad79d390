"""What a measure has to do for the refinement, and the default one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.solution import Solution
from hepareg.transforms import RigidTransform

__all__ = ["LocalAffineMeasure", "Measure"]

WINDOW_HU = (-150.0, 250.0)
"""Soft tissue with contrast medium; lung and bone would otherwise take most of the range of these measures."""


class Measure(Protocol):
    """A similarity measure together with the solver that suits it."""

    @property
    def name(self) -> str:
        """Name in settings and results."""

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return one solution for each start, in order; poses are sampled_from_template.

        Histories of one call have to be comparable between starts, lower is better.
        """


@dataclass(frozen=True)
class LocalAffineMeasure:
    """The default: a local affine map of intensities in every small cell, see `LocalAffine`."""

    name: str = field(default="local_affine", init=False)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a Gauss-Newton solution for each start."""
        return images.local_affine.minimise(starts, settings=settings)

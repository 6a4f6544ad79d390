"""Roles of two images: the only module that inverts a pose because two images were exchanged."""

from dataclasses import dataclass
from typing import TypeVar

from hepareg.arrays import Points
from hepareg.transforms import RigidTransform

__all__ = ["Direction"]

ImageT = TypeVar("ImageT")


@dataclass(frozen=True)
class Direction:
    """Relation between the roles of two images for a caller (the user side) and for a solver: equal, or exchanged.

    Images may be exchanged at two places, and each place has one Direction:

    ======== ============================ ============================ =========================
    Side     image whose points are given image that is interpolated   pose
    ======== ============================ ============================ =========================
    user     fixed                        moving                       moving_from_fixed
    problem  reference (has the mask)     searched                     searched_from_reference
    level    template (thicker slices)    sampled                      sampled_from_template
    ======== ============================ ============================ =========================

    `registration.problem.Problem` holds the Direction between the first two rows, `refinement.level.Level` the one
    between the last two.

    Parameters
    ----------
    exchanged
        True if the first image of the user side is the second image of the solver side.
    """

    exchanged: bool = False

    def to_solver(self, pose: RigidTransform) -> RigidTransform:
        """Return a pose of the user side in the roles of the solver side."""
        return pose.inverse() if self.exchanged else pose

    def to_user(self, pose: RigidTransform) -> RigidTransform:
        """Return a pose of the solver side in the roles of the user side."""
        return pose.inverse() if self.exchanged else pose

    def reverse(self) -> "Direction":
        """Return the direction with the images exchanged once more."""
        return Direction(not self.exchanged)

    def order(self, first: ImageT, second: ImageT) -> tuple[ImageT, ImageT]:
        """Return two images of one side in the order of the other side."""
        return (second, first) if self.exchanged else (first, second)

    def carry(self, points_mm: Points, pose: RigidTransform) -> Points:
        """Map (..., 3) world points in mm from one side's first image to the other side's first image.

        Parameters
        ----------
        points_mm
            World points of the first image of the side on which they are given.
        pose
            Pose in the roles of that same side.
        """
        return pose.apply(points_mm) if self.exchanged else points_mm

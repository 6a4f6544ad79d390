"""Mean squared difference of intensities as a registration objective."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hepareg.refinement.channel_residual import ChannelResidual
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.measure import WINDOW_HU
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings, gauss_newton
from hepareg.refinement.solvers.solution import Solution
from hepareg.transforms import RigidTransform

__all__ = ["MSEMeasure"]


@dataclass(frozen=True)
class MSEMeasure:
    """Robustly weighted squared difference of intensities at the samples, by Gauss-Newton.

    For two images of one contrast phase. Between phases what changed with the contrast medium pulls
    the pose; the robust weights only soften that.

    Parameters
    ----------
    window_hu
        Intensities are clamped to this range.
    robust
        Down-weight large differences.
    """

    window_hu: tuple[float, float] = WINDOW_HU
    robust: bool = True
    name: str = field(default="mse", init=False)

    def residual(self, images: LevelImages) -> ChannelResidual:
        """Return the residual on a level's images."""
        images = images.windowed(self.window_hu)
        return ChannelResidual(images.samples, images.samples.values[None], images.features, robust=self.robust)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a Gauss-Newton solution for each start, all starts in one batch."""
        return gauss_newton(self.residual(images), starts, centre_mm=images.centre_mm, settings=settings)

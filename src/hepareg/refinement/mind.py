"""Self-similarity descriptors (MIND-SSC) as a registration objective."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from hepareg.refinement.channel_residual import ChannelResidual, anchored_residual, minimise_anchored
from hepareg.refinement.images.level_images import LevelImages
from hepareg.refinement.measure import WINDOW_HU
from hepareg.refinement.solvers.gauss_newton import GaussNewtonSettings
from hepareg.refinement.solvers.solution import Solution
from hepareg.similarity.inputs import voxels_within
from hepareg.similarity.mind import mind_descriptor
from hepareg.transforms import RigidTransform

__all__ = ["MINDMeasure"]


@dataclass(frozen=True)
class MINDMeasure:
    """Squared difference of twelve self-similarity channels at the samples, by Gauss-Newton.

    The channels compare neighbours along the voxel axes, so the sampled image is first brought to
    the template's axes by the start; the rest of the pose is found on those channels. Dense
    descriptors cost time and memory: about 200 bytes a voxel of the level.

    Parameters
    ----------
    distance_mm, radius_mm
        As in `hepareg.similarity.mind.mind_loss`.
    window_hu
        Intensities are clamped to this range.
    robust
        Down-weight voxels whose descriptors differ much.

    References
    ----------
    Heinrich, M. P. et al. Towards realtime multimodal fusion for image-guided interventions using
    self-similarities. MICCAI 2013, LNCS 8149. doi:10.1007/978-3-642-40811-3_24
    """

    distance_mm: float = 3.0
    radius_mm: float = 3.0
    window_hu: tuple[float, float] = WINDOW_HU
    robust: bool = True
    name: str = field(default="mind", init=False)

    def residual(self, images: LevelImages, anchor: RigidTransform) -> ChannelResidual:
        """Return the residual on a level's images, for poses near ``anchor``."""
        images = images.windowed(self.window_hu)
        spacing = images.template.grid.spacing_mm
        distance = voxels_within(self.distance_mm, spacing.tolist(), at_least=1)
        radius = voxels_within(self.radius_mm, spacing.tolist())

        def describe(image: Tensor, weights: Tensor) -> Tensor:
            return mind_descriptor(image, weights, distance_vox=distance, radius_vox=radius)[0]

        return anchored_residual(images, anchor, describe, robust=self.robust)

    def minimise(
        self, images: LevelImages, starts: Sequence[RigidTransform], *, settings: GaussNewtonSettings
    ) -> list[Solution]:
        """Return a Gauss-Newton solution for each start, each with descriptors along its own axes."""
        return minimise_anchored(self.residual, images, starts, settings=settings)

"""The two images of a pair, from anatomy, phase, motion and scanner."""

import numpy as np
from numpy.random import Generator

from hepareg.geometry import Grid
from hepareg.simulation.acquisition import DEFAULT_NOISE_HU, AcquisitionSettings, add_noise, finish
from hepareg.simulation.anatomy import Anatomy
from hepareg.simulation.imperfect_masks import disturb_mask
from hepareg.simulation.motion import Motion
from hepareg.simulation.noise import correlated_noise
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.phases import ContrastPhase, PhaseHU, draw_phase, render_phase
from hepareg.simulation.sampling import Scene, sample_liver, sample_scene, subsample_offsets
from hepareg.simulation.sliding import sliding_field
from hepareg.volume import Volume

__all__ = ["Imaging"]


class Imaging:
    """Takes the two images of one pair.

    Parameters
    ----------
    anatomy, motion, space
        The patient, the motion and the liver's space.
    source_phase
        Phase that a real CT was scanned in.
    shared_noise
        Whether both images get the same noise, which then moves with the body.
    rng
        For what both images share.
    """

    def __init__(
        self,
        anatomy: Anatomy,
        motion: Motion,
        space: OrganSpace,
        *,
        source_phase: ContrastPhase,
        shared_noise: bool,
        rng: Generator,
    ) -> None:
        self.anatomy, self.motion, self.space = anatomy, motion, space
        self.source = draw_phase(source_phase, rng=rng) if anatomy.ct_hu is not None else None
        self.level = anatomy.noise_level_hu or DEFAULT_NOISE_HU
        self.noise_seed = int(rng.integers(2**31)) if shared_noise else None
        self.field_spacing_mm = float(np.clip(2 * anatomy.grid.spacing_mm.min(), 2.0, 4.0))
        self.drawn: dict[str, object] = {}

    def fixed(
        self, grid: Grid, settings: AcquisitionSettings, phase: ContrastPhase, *, rng: Generator
    ) -> tuple[Volume, Volume]:
        """Return the fixed image and its liver mask.

        A real CT on its own grid keeps its own noise, and only its partner gets artificial noise.
        """
        image = self._phase_image("fixed", phase, rng)
        own = self._share_noise(image)
        unsampled = grid.same_as(self.anatomy.grid) and settings.slice_thickness_mm is None
        if not own and unsampled and self.anatomy.noise_hu is not None and settings.noise_hu is None:
            image += self.anatomy.noise_hu
            own = True
        scene = Scene(self.anatomy.grid, image, self.anatomy.liver.view(np.uint8), np.eye(4), None)
        taken = image if unsampled else self._sample(scene, grid, settings)
        liver = scene.liver.copy() if unsampled else (sample_liver(scene, grid) > 0.5).astype(np.uint8)
        return self._finish(taken, liver, grid, settings, phase, rng, noisy=own)

    def moving(
        self, grid: Grid, settings: AcquisitionSettings, phase: ContrastPhase, *, rng: Generator
    ) -> tuple[Volume, Volume]:
        """Return the moving image and its liver mask."""
        image = self._phase_image("moving", phase, rng)
        own = self._share_noise(image)
        way_back = sliding_field(self.anatomy, self.motion, space=self.space, spacing_mm=self.field_spacing_mm)
        body_inverse = self.motion.body.inverse().matrix
        scene = Scene(self.anatomy.grid, image, self.anatomy.liver.view(np.uint8), body_inverse, way_back)
        taken = self._sample(scene, grid, settings)
        liver = (sample_liver(scene, grid) > 0.5).astype(np.uint8)
        return self._finish(taken, liver, grid, settings, phase, rng, noisy=own)

    def _phase_image(self, role: str, phase: ContrastPhase, rng: Generator) -> np.ndarray:
        hu: PhaseHU = draw_phase(phase, rng=rng)
        if self.source is not None and phase is self.source.phase:
            hu = self.source
        self.drawn[f"{role}_hu"] = {label.name.lower(): round(value, 2) for label, value in hu.values.items()}
        return render_phase(self.anatomy, hu, source=self.source, rng=rng)

    def _share_noise(self, image: np.ndarray) -> bool:
        """Add noise that belongs to the anatomy where it is shared; return whether it was."""
        if self.noise_seed is None:
            return False
        if self.anatomy.noise_hu is not None:
            image += self.anatomy.noise_hu
            return True
        grid, rng = self.anatomy.grid, np.random.default_rng(self.noise_seed)
        image += np.float32(self.level) * correlated_noise(grid.shape, grid.spacing_mm, rng=rng)
        return True

    def _sample(self, scene: Scene, grid: Grid, settings: AcquisitionSettings) -> np.ndarray:
        offsets = subsample_offsets(grid, scene.grid, settings.slice_thickness_mm)
        return sample_scene(scene, grid, offsets=offsets)

    def _finish(
        self,
        taken: np.ndarray,
        liver: np.ndarray,
        grid: Grid,
        settings: AcquisitionSettings,
        phase: ContrastPhase,
        rng: Generator,
        *,
        noisy: bool,
    ) -> tuple[Volume, Volume]:
        level = self.level if settings.noise_hu is None else settings.noise_hu
        add_noise(taken, grid, level_hu=0.0 if noisy else level, settings=settings, rng=rng)
        if settings.mask_error_mm > 0 and liver.any():
            liver = disturb_mask(liver, grid, error_mm=settings.mask_error_mm, rng=rng)
        return Volume(finish(taken, settings), grid, phase=phase.phase), Volume(liver, grid, phase=phase.phase)

"""The two images of a pair, rendered from anatomy, phase, motion and acquisition."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from hepareg.arrays import Matrix
from hepareg.geometry import Grid
from hepareg.simulation.acquisition.faults import Scan
from hepareg.simulation.acquisition.imperfect_masks import disturb_mask
from hepareg.simulation.acquisition.noise import correlated_noise
from hepareg.simulation.acquisition.renderer import Scene, sample_liver, sample_scene, subsample_offsets
from hepareg.simulation.acquisition.scanner import DEFAULT_NOISE_HU, AcquisitionSettings, add_noise, finish
from hepareg.simulation.acquisition.subslices import split_grid, split_slices, subslice_count
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.contrast.lipiodol import add_lipiodol
from hepareg.simulation.contrast.phases import ContrastPhase, PhaseHU, draw_phase, render_phase
from hepareg.simulation.interpolation import sample_affine
from hepareg.simulation.motion.motion import Motion
from hepareg.simulation.motion.sliding import SlidingField, sliding_field
from hepareg.simulation.organ_space import OrganSpace
from hepareg.volume import Volume

__all__ = ["Imaging"]

Image32 = NDArray[np.float32]
FLUID_HU = 8.0
"""Ascites is a little denser than water."""


class Imaging:
    """Renderer of the two images of one pair.

    Parameters
    ----------
    anatomy, motion, space
        The patient, the motion, and the liver on its coarse grid.
    source_phase
        Phase that a real CT was scanned in.
    shared_noise
        Give both images the same noise, which then moves with the body.
    rng
        Source of the random numbers that both images share.
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
        """Return the fixed image in HU and its liver mask.

        A real CT on its own grid keeps its own noise; then only the moving image gets simulated noise.
        """
        image = self._phase_image("fixed", phase, rng)
        own = self._share_noise(image)
        unsampled = grid.same_as(self.anatomy.grid) and settings.slice_thickness_mm is None
        if not own and unsampled and self.anatomy.noise_hu is not None and settings.noise_hu is None:
            image += self.anatomy.noise_hu
            own = True
        if unsampled:
            return self._finish(image, self.anatomy.liver.astype(np.uint8), grid, settings, phase, rng, noisy=own)
        taken, liver = self._take(self._scene(image, np.eye(4), None), grid, settings)
        return self._finish(taken, liver, grid, settings, phase, rng, noisy=own)

    def moving(
        self,
        scan: Scan,
        settings: AcquisitionSettings,
        phase: ContrastPhase,
        *,
        rng: Generator,
        lipiodol: Generator | None = None,
    ) -> tuple[Volume, Volume]:
        """Return the moving image in HU and its liver mask, with lipiodol if there is a generator for it."""
        image = self._phase_image("moving", phase, rng)
        if lipiodol is not None:
            add_lipiodol(image, self.anatomy.grid, self.space, rng=lipiodol)
        own = self._share_noise(image)
        parts = [self._moving_part(image, motion, grid, scan, settings) for motion, grid in scan.parts()]
        taken, liver = (
            part[0] if len(part) == 1 else np.concatenate(part, axis=2) for part in zip(*parts, strict=True)
        )
        whole, mask = self._finish(taken, liver, scan.grid, settings, phase, rng, noisy=own)
        if scan.is_faultless:
            return whole, mask
        first, second = (
            Volume(np.ascontiguousarray(volume.data[:, :, scan.shown]), scan.image_grid, phase=volume.phase)
            for volume in (whole, mask)
        )
        return first, second

    def _moving_part(
        self, image: Image32, motion: Motion, grid: Grid, scan: Scan, settings: AcquisitionSettings
    ) -> tuple[Image32, NDArray[np.uint8]]:
        """Return the noise-free image and the liver mask on a part of the scan's grid, during one motion."""
        way_back = sliding_field(self.anatomy, motion, space=self.space, spacing_mm=self.field_spacing_mm)
        to_body = motion.body.inverse().matrix @ scan.measured_from_header
        scene = self._scene(image, to_body, way_back)
        taken, liver = self._take(scene, grid, settings)
        if motion.fluid:
            back = self.anatomy.grid.voxel_from_world @ motion.liver.inverse().matrix @ to_body @ grid.world_from_voxel
            before = sample_affine(self._right_side(), back, grid.shape, outside=0.0)
            left = np.clip(before - sample_liver(scene, grid), 0, 1)
            taken += left * (np.float32(FLUID_HU) - taken)
        return taken, liver

    def _right_side(self) -> NDArray[np.uint8]:
        """Return the part of the fixed liver to the right of its centroid, beside which ascites gathers."""
        grid = self.anatomy.grid
        row = grid.world_from_voxel[0]
        i, j, k = np.indices(grid.shape, sparse=True)
        x = row[0] * i + row[1] * j + row[2] * k + row[3]
        return (self.anatomy.liver & (x > self.space.points[:, 0].mean())).view(np.uint8)

    def _phase_image(self, role: str, phase: ContrastPhase, rng: Generator) -> Image32:
        hu: PhaseHU = draw_phase(phase, rng=rng)
        if self.source is not None and phase is self.source.phase:
            hu = self.source
        self.drawn[f"{role}_hu"] = {label.name.lower(): round(value, 2) for label, value in hu.values.items()}
        return render_phase(self.anatomy, hu, source=self.source, rng=rng)

    def _share_noise(self, image: Image32) -> bool:
        """Add the noise that both images share to an image in place, if ``noise_seed`` is set; return whether it is."""
        if self.noise_seed is None:
            return False
        if self.anatomy.noise_hu is not None:
            image += self.anatomy.noise_hu
            return True
        grid, rng = self.anatomy.grid, np.random.default_rng(self.noise_seed)
        image += np.float32(self.level) * correlated_noise(grid.shape, grid.spacing_mm, rng=rng)
        return True

    def _scene(self, image: Image32, body_inverse: Matrix, way_back: SlidingField | None) -> Scene:
        """Return the scene to render, with the slices of a real CT split into thin ones.

        Slices of the new image average over thin slices. A procedural anatomy needs no splitting, for its voxels are
        samples at their centres and not averages over slices.
        """
        anatomy = self.anatomy
        count = 1 if anatomy.ct_hu is None else subslice_count(anatomy.grid)
        liver = np.repeat(anatomy.liver.view(np.uint8), count, axis=2)
        return Scene(split_grid(anatomy.grid, count), split_slices(image, count), liver, body_inverse, way_back)

    def _take(self, scene: Scene, grid: Grid, settings: AcquisitionSettings) -> tuple[Image32, NDArray[np.uint8]]:
        """Return the scene's image, averaged over its slices, and the liver mask on a grid."""
        offsets = subsample_offsets(grid, scene.grid, settings.slice_thickness_mm)
        return sample_scene(scene, grid, offsets=offsets), (sample_liver(scene, grid) > 0.5).astype(np.uint8)

    def _finish(
        self,
        taken: Image32,
        liver: NDArray[np.uint8],
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

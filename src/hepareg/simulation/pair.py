"""A pair of images with a known answer, from settings and a seed."""

from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.random import Generator

from hepareg.arrays import Points
from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.simulation.acquisition import (
    DEFAULT_NOISE_HU,
    AcquisitionSettings,
    acquisition_grid,
    add_noise,
    finish,
)
from hepareg.simulation.anatomy import Anatomy
from hepareg.simulation.labels import Label
from hepareg.simulation.landmarks import Landmark, vessel_landmarks
from hepareg.simulation.liver_vessels import LiverVesselSettings
from hepareg.simulation.motion import Motion, MotionSettings, draw_motion
from hepareg.simulation.noise import correlated_noise
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.patient import PatientCT, patient_anatomy
from hepareg.simulation.phantom import PhantomSettings, phantom_anatomy
from hepareg.simulation.phases import ContrastPhase, PhaseHU, draw_phase, render_phase
from hepareg.simulation.sampling import Scene, sample_liver, sample_scene, subsample_offsets
from hepareg.simulation.sliding import sliding_field
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume

__all__ = ["PairSettings", "SimulatedPair", "simulate_pair"]


@dataclass(frozen=True)
class PairSettings:
    """Everything that shapes a pair besides the seed.

    Parameters
    ----------
    phantom
        The procedural anatomy; not used where a patient is given.
    vessels
        The liver's vessel trees.
    moving_phase, fixed_phase
        Contrast phases of the two images.
    source_phase
        Phase that a real CT was scanned in.
    motion
        From the fixed to the moving image.
    moving, fixed
        The two acquisitions.
    shared_noise
        Give both images the same noise, which moves with the body: wrong on purpose, to show how much it flatters.
    """

    phantom: PhantomSettings = field(default_factory=PhantomSettings)
    vessels: LiverVesselSettings = field(default_factory=LiverVesselSettings)
    moving_phase: ContrastPhase = ContrastPhase.LATE_ARTERIAL
    fixed_phase: ContrastPhase = ContrastPhase.PORTAL_VENOUS
    source_phase: ContrastPhase = ContrastPhase.EARLY_ARTERIAL
    motion: MotionSettings = field(default_factory=MotionSettings)
    moving: AcquisitionSettings = field(default_factory=AcquisitionSettings)
    fixed: AcquisitionSettings = field(default_factory=AcquisitionSettings)
    shared_noise: bool = False


@dataclass(frozen=True, eq=False)
class SimulatedPair:
    """Two images of one liver, and how it moved.

    Parameters
    ----------
    moving, fixed
        int16 HU.
    moving_liver, fixed_liver
        uint8 masks on the images' grids, as imperfect as the settings say.
    labels
        uint8 of `Label` on the fixed grid.
    truth
        moving_from_fixed of the liver, world RAS mm.
    landmarks
        Points on the liver's vessels in both worlds.
    motion
        The whole motion; `Motion.forward` places any liver point.
    anatomy
        What the images were made from.
    parameters
        Settings, seed and everything drawn, ready for JSON.
    """

    moving: Volume
    fixed: Volume
    moving_liver: Volume
    fixed_liver: Volume
    labels: Volume
    truth: RigidTransform
    landmarks: tuple[Landmark, ...]
    motion: Motion
    anatomy: Anatomy
    parameters: dict[str, object]


def simulate_pair(*, settings: PairSettings, seed: int, patient: PatientCT | None = None) -> SimulatedPair:
    """Make a pair; the same settings, seed and patient give the same voxels.

    Parameters
    ----------
    settings
        What kind of pair.
    seed
        What is drawn within the settings.
    patient
        A real CT (`prepare_patient`), or None for a procedural anatomy.

    Raises
    ------
    SettingsError
        If the motion throws the liver out of the image.
    """
    rngs = [np.random.default_rng([seed, part]) for part in range(8)]
    anatomy = _anatomy(settings, patient, rngs[0])
    space = OrganSpace(anatomy.liver, anatomy.grid)
    motion = draw_motion(settings.motion, space=space, body_centre_mm=anatomy.grid.centre_mm, rng=rngs[1])
    points = space.points
    fixed_grid = acquisition_grid(
        settings.fixed, anatomy=anatomy.grid, pose=RigidTransform.identity(), liver_points=points, rng=rngs[2]
    )
    moved = motion.forward(points)
    moving_grid = acquisition_grid(
        settings.moving, anatomy=anatomy.grid, pose=motion.body, liver_points=moved, rng=rngs[3]
    )
    _check_in_view(moving_grid, moved, settings.moving)
    images = _Renderer(settings, anatomy, space, motion, rngs[4:8])
    fixed, fixed_liver = images.fixed(fixed_grid)
    moving, moving_liver = images.moving(moving_grid)
    parameters = {"seed": seed, "settings": _plain(asdict(settings)), "anatomy": anatomy.parameters, **images.drawn}
    return SimulatedPair(
        moving=moving, fixed=fixed, moving_liver=moving_liver, fixed_liver=fixed_liver,
        labels=_labels_on(anatomy, fixed_grid), truth=motion.truth, landmarks=vessel_landmarks(anatomy, motion, space),
        motion=motion, anatomy=anatomy, parameters=parameters,
    )  # fmt: skip


def _anatomy(settings: PairSettings, patient: PatientCT | None, rng: Generator) -> Anatomy:
    if patient is None:
        return phantom_anatomy(settings.phantom, vessels=settings.vessels, rng=rng)
    return patient_anatomy(patient, vessels=settings.vessels, rng=rng)


def _check_in_view(grid: Grid, liver_points: Points, settings: AcquisitionSettings) -> None:
    inside = float(grid.contains(liver_points).mean())
    expected = 0.6 * (1 - settings.cut_top - settings.cut_bottom)
    if inside < expected:
        raise SettingsError(
            f"expected the moved liver inside the moving image, got {100 * inside:.0f} % of it in view: "
            "choose a smaller motion or a larger image"
        )


class _Renderer:
    """Makes the two images of one pair."""

    def __init__(
        self, settings: PairSettings, anatomy: Anatomy, space: OrganSpace, motion: Motion, rngs: list[Generator]
    ) -> None:
        self.settings, self.anatomy, self.space, self.motion = settings, anatomy, space, motion
        self.rngs = rngs
        self.noise_seed = int(rngs[3].integers(2**31))
        self.source = draw_phase(settings.source_phase, rng=rngs[0]) if anatomy.ct_hu is not None else None
        self.drawn: dict[str, object] = {}
        self.level = anatomy.noise_level_hu or DEFAULT_NOISE_HU

    def fixed(self, grid: Grid) -> tuple[Volume, Volume]:
        return self._image(grid, "fixed", self.settings.fixed, self.settings.fixed_phase, self.rngs[1], moved=False)

    def moving(self, grid: Grid) -> tuple[Volume, Volume]:
        return self._image(grid, "moving", self.settings.moving, self.settings.moving_phase, self.rngs[2], moved=True)

    def _image(
        self, grid: Grid, role: str, settings: AcquisitionSettings, phase: ContrastPhase, rng: Generator, *, moved: bool
    ) -> tuple[Volume, Volume]:
        anatomy = self.anatomy
        hu = self._hu(phase, rng)
        self.drawn[f"{role}_hu"] = {label.name.lower(): round(value, 2) for label, value in hu.values.items()}
        image = render_phase(anatomy, hu, source=self.source, texture=None)
        keeps_noise = self._own_noise(image, role, grid, settings)
        body_inverse = self.motion.body.inverse().matrix if moved else np.eye(4)
        spacing = float(np.clip(2 * anatomy.grid.spacing_mm.min(), 2.0, 4.0))
        field_ = sliding_field(anatomy, self.motion, space=self.space, spacing_mm=spacing) if moved else None
        scene = Scene(anatomy.grid, image, anatomy.liver.view(np.uint8), body_inverse, field_)
        if not moved and grid.same_as(anatomy.grid) and settings.slice_thickness_mm is None:
            taken, liver = image, anatomy.liver.view(np.uint8).copy()
        else:
            offsets = subsample_offsets(grid, anatomy.grid, settings.slice_thickness_mm)
            taken = sample_scene(scene, grid, offsets=offsets)
            liver = (sample_liver(scene, grid) > 0.5).astype(np.uint8)
        if not keeps_noise:
            level = self.level if settings.noise_hu is None else settings.noise_hu
            add_noise(taken, grid, level_hu=level, settings=settings, rng=rng)
        volume = Volume(finish(taken, settings), grid, phase=phase.phase)
        return volume, Volume(liver, grid, phase=phase.phase)

    def _hu(self, phase: ContrastPhase, rng: Generator) -> PhaseHU:
        if self.source is not None and phase is self.source.phase:
            return self.source
        return draw_phase(phase, rng=rng)

    def _own_noise(self, image: np.ndarray, role: str, grid: Grid, settings: AcquisitionSettings) -> bool:
        """Add noise that belongs to the anatomy, not to the acquisition; return whether that is all the image gets."""
        if self.settings.shared_noise:
            if self.anatomy.noise_hu is not None:
                image += self.anatomy.noise_hu
            else:
                rng = np.random.default_rng(self.noise_seed)
                shared = correlated_noise(self.anatomy.grid.shape, self.anatomy.grid.spacing_mm, rng=rng)
                image += np.float32(self.level) * shared
            return True
        is_source = role == "fixed" and self.anatomy.noise_hu is not None and grid.same_as(self.anatomy.grid)
        if is_source and settings.noise_hu is None:
            image += self.anatomy.noise_hu
            return True
        return False


def _labels_on(anatomy: Anatomy, grid: Grid) -> Volume:
    labels = anatomy.label_map()
    if grid.same_as(anatomy.grid):
        return Volume(labels, grid)
    from scipy import ndimage

    matrix = anatomy.grid.voxel_from_world @ grid.world_from_voxel
    taken = ndimage.affine_transform(
        labels, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=0, cval=int(Label.OUTSIDE)
    )
    return Volume(taken, grid)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, ContrastPhase) else value

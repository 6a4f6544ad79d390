"""Simulation of a pair of images whose rigid motion is known, from settings and a seed."""

import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
from scipy import ndimage

from hepareg.arrays import Points
from hepareg.errors import SettingsError
from hepareg.geometry import Grid
from hepareg.geometry.rotations import rotation_angle
from hepareg.simulation.acquisition.faults import FaultSettings, Scan, draw_scan
from hepareg.simulation.acquisition.scanner import AcquisitionSettings, acquisition_grid
from hepareg.simulation.anatomy.anatomy import Anatomy
from hepareg.simulation.anatomy.labels import Label
from hepareg.simulation.anatomy.liver_vessels import LiverVesselSettings
from hepareg.simulation.anatomy.patient import PatientCT, patient_anatomy
from hepareg.simulation.anatomy.phantom import PhantomSettings, phantom_anatomy
from hepareg.simulation.contrast.phases import ContrastPhase
from hepareg.simulation.motion.motion import FREE_BREATHING, Motion, MotionSettings, draw_motion
from hepareg.simulation.motion.residual import ResidualField, residual_field
from hepareg.simulation.organ_space import OrganSpace
from hepareg.simulation.pairs.imaging import Imaging
from hepareg.simulation.pairs.landmarks import Landmark, TissuePoints, tissue_points, vessel_landmarks
from hepareg.transforms import RigidTransform
from hepareg.transforms.fit import fit_rigid
from hepareg.volume import Volume

__all__ = [
    "STAGES",
    "PairSettings",
    "SimulatedPair",
    "check_ct_size",
    "check_request",
    "simulate_anatomy",
    "simulate_pair",
]

STAGES = ("anatomy", "motion", "fixed image", "moving image", "labels")
"""Names of the stages that a caller's progress function receives, in this order."""

BYTES_PER_VOXEL = 30
"""Peak memory of a simulation divided by the voxels of its largest array; measured."""

CT_BYTES_PER_VOXEL = 52
"""Peak memory of a simulation from a real CT divided by the CT's voxels; measured."""


@dataclass(frozen=True)
class PairSettings:
    """Everything that shapes a pair besides the seed.

    Parameters
    ----------
    phantom
        The procedural anatomy; without effect if a patient is given.
    vessels
        The liver's vessel trees.
    moving_phase, fixed_phase
        Contrast phases of the two images.
    source_phase
        Phase that a real CT was scanned in.
    motion
        Motion from the fixed to the moving image; by default a free breath, with which the liver bends.
    moving, fixed
        Acquisitions of the two images.
    fault
        Fault of the moving image's acquisition.
    lipiodol
        Whether the moving image shows lipiodol in the liver, as after a treatment.
    shared_noise
        Give both images the same noise, which moves with the body. Unrealistic on purpose: it shows how much better
        a registration looks on such images.
    """

    phantom: PhantomSettings = field(default_factory=PhantomSettings)
    vessels: LiverVesselSettings = field(default_factory=LiverVesselSettings)
    moving_phase: ContrastPhase = ContrastPhase.LATE_ARTERIAL
    fixed_phase: ContrastPhase = ContrastPhase.PORTAL_VENOUS
    source_phase: ContrastPhase = ContrastPhase.LATE_ARTERIAL
    motion: MotionSettings = FREE_BREATHING
    moving: AcquisitionSettings = field(default_factory=AcquisitionSettings)
    fixed: AcquisitionSettings = field(default_factory=AcquisitionSettings)
    fault: FaultSettings = field(default_factory=FaultSettings)
    lipiodol: bool = False
    shared_noise: bool = False


@dataclass(frozen=True, eq=False)
class SimulatedPair:
    """Two images of one liver, and the liver's motion between them.

    Parameters
    ----------
    moving, fixed
        Images, int16 HU.
    moving_liver, fixed_liver
        Liver masks on the images' grids, uint8, with the boundary error of the settings.
    labels
        Label map of `Label` on the fixed grid, uint8.
    truth
        moving_from_fixed of the liver, world RAS mm; if its tissue does not move rigidly, the least-squares rigid fit.
    landmarks
        Points on the liver's vessels in both worlds.
    tissue
        Points spread evenly over the liver in both worlds.
    motion
        Motion of body and liver without the scan's fault.
    scan
        Measurement of the moving image; `Scan.forward` maps any point of the liver to the place where that image shows
        it.
    anatomy
        The patient.
    residual
        Displacement of the liver that the rigid truth does not explain, or None if it moves rigidly.
    seed
        Seed of the pair.
    parameters
        Settings, seed and all values drawn at random, ready for JSON.
    """

    moving: Volume
    fixed: Volume
    moving_liver: Volume
    fixed_liver: Volume
    labels: Volume
    truth: RigidTransform
    landmarks: tuple[Landmark, ...]
    tissue: TissuePoints
    motion: Motion
    scan: Scan
    anatomy: Anatomy
    residual: ResidualField | None
    seed: int
    parameters: dict[str, object]


def simulate_pair(
    *,
    settings: PairSettings,
    seed: int,
    patient: PatientCT | None = None,
    anatomy: Anatomy | None = None,
    progress: Callable[[str], None] | None = None,
) -> SimulatedPair:
    """Simulate a pair; the same settings, seed, patient and anatomy give the same voxels.

    Parameters
    ----------
    settings
        Anatomy, phases, motion and acquisition.
    seed
        Seed of everything that is drawn within the settings.
    patient
        A real CT (`prepare_patient`), or None for a procedural anatomy.
    anatomy
        Anatomy of an earlier pair, which saves the time of building one for each pair, or None.
    progress
        Called with the name of each of `STAGES` when the stage begins.

    Raises
    ------
    SettingsError
        If the pair does not fit in memory, the motion takes the liver out of the moving image, a deformation folds it,
        or a fault does not fit into it.
    """
    check_request(settings)
    progress = progress or (lambda _: None)
    progress("anatomy")
    rngs = [np.random.default_rng([seed, part]) for part in range(9)]
    anatomy = anatomy or simulate_anatomy(settings, seed=seed, patient=patient)
    progress("motion")
    space = OrganSpace(anatomy.liver, anatomy.grid)
    motion = draw_motion(
        settings.motion, space=space, in_the_way=anatomy.fraction_static, rng=rngs[1],
    )  # fmt: skip
    points = space.points
    fixed_grid = acquisition_grid(
        settings.fixed, anatomy=anatomy.grid, pose=RigidTransform.identity(), liver_points=points, rng=rngs[2]
    )
    moved = motion.forward(points)
    moving_grid = acquisition_grid(
        settings.moving, anatomy=anatomy.grid, pose=motion.body, liver_points=moved, rng=rngs[3]
    )
    _check_in_view(moving_grid, moved, settings.moving)
    scan = draw_scan(settings.fault, motion=motion, grid=moving_grid, liver_points=moved, rng=rngs[7])
    imaging = Imaging(
        anatomy, motion, space, source_phase=settings.source_phase, shared_noise=settings.shared_noise, rng=rngs[4]
    )
    progress("fixed image")
    fixed, fixed_liver = imaging.fixed(fixed_grid, settings.fixed, settings.fixed_phase, rng=rngs[5])
    progress("moving image")
    moving, moving_liver = imaging.moving(
        scan, settings.moving, settings.moving_phase, rng=rngs[6], lipiodol=rngs[8] if settings.lipiodol else None
    )
    progress("labels")
    tissue = tissue_points(scan.forward, space)
    truth = motion.truth if scan.is_faultless else fit_rigid(tissue.fixed_mm, tissue.moving_mm)
    rigid = scan.is_faultless and motion.bend is None
    residual = None if rigid else residual_field(scan.forward, truth, space)
    parameters = {
        "seed": seed, "settings": _plain(asdict(settings)), "source": "phantom" if anatomy.ct_hu is None else "real CT",
        "anatomy": anatomy.parameters, "motion": _describe(motion, truth, space, residual), **imaging.drawn,
    }  # fmt: skip
    return SimulatedPair(
        moving=moving, fixed=fixed, moving_liver=moving_liver, fixed_liver=fixed_liver,
        labels=_labels_on(anatomy, fixed_grid), truth=truth, tissue=tissue,
        landmarks=vessel_landmarks(anatomy, scan.forward, space), motion=motion, scan=scan, anatomy=anatomy,
        residual=residual, seed=seed, parameters=parameters,
    )  # fmt: skip


def simulate_anatomy(settings: PairSettings, *, seed: int, patient: PatientCT | None = None) -> Anatomy:
    """Return the anatomy that `simulate_pair` makes from the same settings, seed and patient."""
    rng = np.random.default_rng([seed, 0])
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


def check_request(settings: PairSettings) -> None:
    """Check before any work that the arrays fit in memory and that the liver can stay in the moving image.

    Raises
    ------
    SettingsError
        If a pair needs more memory than the machine has, or the smallest motion is longer than the moving image.
    """
    _check_reach(settings)
    sizes = [math.prod(settings.phantom.shape)]
    sizes += [math.prod(image.shape) for image in (settings.moving, settings.fixed) if image.shape is not None]
    _check_memory(BYTES_PER_VOXEL * max(sizes))


def check_ct_size(shape: tuple[int, int, int]) -> None:
    """Check that pairs from a real CT of this shape fit in memory.

    Raises
    ------
    SettingsError
        If they need more memory than the machine has.
    """
    _check_memory(CT_BYTES_PER_VOXEL * math.prod(shape))


def _check_memory(needed: int) -> None:
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > installed:
        raise SettingsError(
            f"expected images that fit in memory ({installed / 2**30:.1f} GiB), got a size that needs about "
            f"{needed / 2**30:.1f} GiB: choose fewer voxels"
        )


def _check_reach(settings: PairSettings) -> None:
    moving, phantom = settings.moving, settings.phantom
    extent = np.multiply(moving.shape or phantom.shape, moving.spacing_mm or phantom.spacing_mm).max()
    shortest = settings.motion.translation_mm[0]
    if settings.motion.kind != "still" and shortest > extent / 2:
        raise SettingsError(
            f"expected a motion that leaves the liver in view of the moving image ({extent:.0f} mm), got one of "
            f"at least {shortest:.0f} mm: choose a smaller motion or a larger image"
        )


def _describe(
    motion: Motion, truth: RigidTransform, space: OrganSpace, residual: ResidualField | None
) -> dict[str, object]:
    """Return the truth in numbers, and the TRE in mm of an alignment of the body instead of the liver."""
    points = space.points
    moved = truth.apply(points)
    return {
        "moving_from_fixed": truth.matrix.tolist(),
        "body_moving_from_fixed": motion.body.matrix.tolist(),
        "liver_rotation_deg": math.degrees(rotation_angle(motion.liver.linear)),
        "liver_displacement_mm": float(np.linalg.norm(moved.mean(0) - points.mean(0))),
        "body_alignment_tre_mm": float(np.linalg.norm(motion.body.apply(points) - moved, axis=1).mean()),
        "bend_rms_mm": 0.0 if residual is None else residual.rms_mm,
    }


def _labels_on(anatomy: Anatomy, grid: Grid) -> Volume:
    """Return the anatomy's label map on a grid, by nearest neighbours."""
    labels = anatomy.label_map()
    if grid.same_as(anatomy.grid):
        return Volume(labels, grid)
    matrix = anatomy.grid.voxel_from_world @ grid.world_from_voxel
    taken = ndimage.affine_transform(
        labels, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=0, cval=int(Label.OUTSIDE)
    )
    return Volume(taken, grid)


def _plain(value: object) -> object:
    """Return settings as dictionaries, lists, strings and numbers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, ContrastPhase) else value

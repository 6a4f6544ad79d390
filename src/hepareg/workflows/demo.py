"""`hepareg demo`: simulate a pair with a known answer, register it from its files, compare with the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hepareg.evaluation import TargetRegistrationError, tre_over_mask
from hepareg.io.images import read_image
from hepareg.io.transforms import read_transform
from hepareg.simulation import (
    AcquisitionSettings,
    ContrastPhase,
    MotionSettings,
    PairSettings,
    PhantomSettings,
    simulate_pair,
)
from hepareg.transforms import AffineTransform, RigidTransform
from hepareg.workflows.atomic import atomic_directory, check_output_directory, check_replaceable
from hepareg.workflows.register_files import Registered, RegisterRequest, register_files
from hepareg.workflows.register_outputs import OUTPUT_NAMES
from hepareg.workflows.simulate import OUTPUT_NAMES as PAIR_NAMES
from hepareg.workflows.simulate import write_pair

__all__ = ["DEMO_SETTINGS", "DemoResult", "demo"]

DEMO_SETTINGS = PairSettings(
    phantom=PhantomSettings(shape=(224, 184, 120), spacing_mm=(1.7, 1.7, 1.9)),
    moving_phase=ContrastPhase.LATE_ARTERIAL,
    fixed_phase=ContrastPhase.PORTAL_VENOUS,
    motion=MotionSettings(kind="breathing", translation_mm=(15.0, 20.0), rotation_deg=(2.0, 5.0)),
    moving=AcquisitionSettings(offset_mm=4.0, spacing_mm=(1.8, 1.8, 2.5)),
)
"""A late arterial and a portal-venous phase; the liver moves with the breath, spine and ribs do not move."""


@dataclass(frozen=True)
class DemoResult:
    """Result of the demonstration: the report of the registration, and errors against the known truth.

    Parameters
    ----------
    registered
        Report of the registration.
    before, after
        Target registration error over the liver without and with registration; ``after`` is None if the result was
        rejected.
    network, network_refined
        Target registration error of the trained network alone, and of the refinement that starts at the network's
        prediction.
    """

    registered: Registered
    before: TargetRegistrationError
    after: TargetRegistrationError | None
    network: TargetRegistrationError
    network_refined: TargetRegistrationError


def demo(
    out: str | Path,
    *,
    seed: int = 1,
    settings: PairSettings = DEMO_SETTINGS,
    progress: Callable[[str], None] | None = None,
) -> DemoResult:
    """Simulate a pair into ``out``, register it from the files there, and measure the error against the truth.

    Parameters
    ----------
    out
        Folder of the pair and of all results. The folder of an earlier demonstration is replaced.
    seed
        Another seed is another patient and another motion.
    settings
        Anatomy, phases, motion and acquisition of the pair.
    progress
        Called with the name of each stage when the stage begins.

    Raises
    ------
    OutputError
        If ``out`` has other files than those of an earlier demonstration, or cannot be written.
    """
    check_replaceable(out, own=(*PAIR_NAMES, *OUTPUT_NAMES))
    check_output_directory(out, overwrite=True)
    with atomic_directory(out, overwrite=True) as folder:
        if progress is not None:
            progress("simulation")
        write_pair(folder, simulate_pair(settings=settings, seed=seed))
        registered = register_files(
            RegisterRequest(
                moving=folder / "moving.nii.gz",
                fixed=folder / "fixed.nii.gz",
                out=folder / "result",
                moving_mask=folder / "moving_liver.nii.gz",
                fixed_mask=folder / "fixed_liver.nii.gz",
                seed=seed,
            ),
            progress=progress,
        )
        for path in (folder / "result").iterdir():
            path.rename(folder / path.name)
        (folder / "result").rmdir()
        if progress is not None:
            progress("network")
        return _measured(folder, registered)


def _measured(folder: Path, registered: Registered) -> DemoResult:
    """Return the errors of the written transform and of the methods with a network, against the truth."""
    from hepareg.registration import Method, register

    images: dict[str, Any] = {name: read_image(folder / f"{name}.nii.gz") for name in ("moving", "fixed")}
    images |= {f"{name}_mask": read_image(folder / f"{name}_liver.nii.gz") for name in ("moving", "fixed")}
    truth = read_transform(folder / "truth.txt")

    def error(transform: AffineTransform) -> TargetRegistrationError:
        return tre_over_mask(transform, truth, mask=images["fixed_mask"])

    found = folder / "moving_from_fixed.txt"
    return DemoResult(
        registered,
        before=error(RigidTransform.identity()),
        after=error(read_transform(found)) if found.exists() else None,
        network=error(register(**images, method=Method.NETWORK).transform),
        network_refined=error(register(**images, method=Method.NETWORK_REFINE).transform),
    )

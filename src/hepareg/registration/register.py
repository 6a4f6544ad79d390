"""`register`: one pair of images in memory to a rigid transform and a verdict."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hepareg.errors import DeviceError, PairError, SettingsError
from hepareg.evaluation.lattice_dice import dice_on_lattice
from hepareg.io.in_memory import as_volume
from hepareg.preprocessing.ct_check import check_finite
from hepareg.preprocessing.masks import prepare_mask
from hepareg.refinement.level_objective import LevelObjective
from hepareg.refinement.measure import LocalAffineMeasure
from hepareg.refinement.multilevel import LevelResult, refine
from hepareg.refinement.solvers.solution import Status
from hepareg.registration.both_directions import BothDirections, both_directions
from hepareg.registration.evidence import (
    Evidence,
    Precision,
    agreement,
    decoys,
    interpolation_pull,
    inverse_consistency,
    precision,
    spread,
    tissue_share,
)
from hepareg.registration.full_precision import full_precision
from hepareg.registration.liver_bend import Bend, find_bend
from hepareg.registration.method import Method
from hepareg.registration.problem import Images, Roles, assign_roles, near_the_mask
from hepareg.registration.result import RegistrationResult, Verdict
from hepareg.registration.settings import RegisterSettings
from hepareg.registration.starts import Start, find_starts
from hepareg.registration.verdict import judge
from hepareg.transforms import RigidTransform
from hepareg.volume import Volume
from hepareg.voxel_tensor import on_device

if TYPE_CHECKING:
    from hepareg.networks.weights import LoadedWeights
    from hepareg.registration.prediction import Predictor

__all__ = ["register"]

DECOY_MM = 8.0


def register(
    *,
    moving: Any,
    fixed: Any,
    moving_mask: Any = None,
    fixed_mask: Any = None,
    start: RigidTransform | None = None,
    method: Method = Method.REFINE,
    weights: "LoadedWeights | str | Path | None" = None,
    device: str = "cpu",
    seed: int = 0,
    settings: RegisterSettings | None = None,
    progress: Callable[[str], None] | None = None,
) -> RegistrationResult:
    """Find the rigid transform that takes the fixed liver to the moving liver, and judge it.

    Parameters
    ----------
    moving, fixed
        CT in HU: a Volume, a nibabel or SimpleITK image, or a pair (array or tensor, world_from_voxel). What is a
        tensor on the device already does not travel.
    moving_mask, fixed_mask
        Liver masks on the grids of their images, in any of these forms; one is enough, two are
        better, none works and is never accepted without review.
    start
        A guess of moving_from_fixed; tried first, beside the library's own.
    method
        How the transform is found. A network begins at the first start: the given one, that of the masks, or the
        identity. Its prediction alone is judged by how far the refinement would still move it.
    weights
        Trained network of a method that uses one, or its file; None is the one that comes with the package.
    device
        ``cpu`` or ``cuda``, as torch names it.
    seed
        Kept for methods that draw; the default method draws nothing and ignores it.
    settings
        `RegisterSettings`; defaults where None.
    progress
        Called with the name of each stage as it begins.

    Returns
    -------
    RegistrationResult
        ``transform`` is moving_from_fixed in world RAS mm. Look at ``verdict`` before using it.

    Raises
    ------
    DeviceError
        If CUDA is asked for and absent.
    SettingsError, FileFormatError
        If weights are given to a method that uses none, or cannot be read.
    ImageError, MaskError
        If an image or a mask is not usable, voxels that are NaN or infinite included, or missing and the network was
        trained to need it.
    PairError
        If no start brings the two images together.

    Notes
    -----
    Results have the same bytes for the same number of threads. On a machine that other programs keep busy, set
    ``GOMP_SPINCOUNT=20000`` in the environment before torch is imported, as the command does: threads
    that spin at a barrier cost many times what the registration does.

    Examples
    --------
    >>> from hepareg import register                                     # doctest: +SKIP
    >>> result = register(moving=arterial, fixed=venous, fixed_mask=liver)  # doctest: +SKIP
    >>> result.verdict.decision.value                                    # doctest: +SKIP
    'accept'
    """
    settings = settings or RegisterSettings()
    target = _device(device)
    clock = _Clock(progress)
    predictor = _predictor(method, weights)
    with torch.no_grad(), full_precision(target):
        with clock("region"):
            images = _images(moving, fixed, moving_mask, fixed_mask, target)
            if predictor is not None:
                predictor.check(images)
            roles = assign_roles(**vars(images), device=target)
        with clock("starts"):
            starts = _starts(roles, start)
            roles = near_the_mask(roles, starts)
        if predictor is not None:
            with clock("network"):
                first = starts[0].transform
                starts.insert(0, predictor.start(images.on_host(), first, swapped=roles.swapped, device=device))
        with clock("refinement"):
            levels = refine(
                roles.region,
                roles.moving,
                [s.transform for s in starts],
                settings=settings.refinement,
                device=target,
                prefer_moving=roles.swapped,  # the user's fixed image, whichever mask was given
            )
            if not levels:
                raise PairError(
                    "expected images that show the same part of the body, got a pair that no start brings together; "
                    "give both liver masks or a start"
                )
        with clock("bend"):
            rigid = levels[-1].solutions[0].transform
            certain = precision(levels[-1].objective, rigid, points_mm=roles.points_mm)
            bend = _bend(roles, levels, certain, settings, target)
        with clock("both_directions"):
            both = None if bend is not None else _both(roles, levels, certain, settings)
            refined = (bend or both or levels[-1].solutions[0]).transform
            transform = refined if method.refines else starts[0].transform
        with clock("verdict"):
            if bend is not None:
                certain = precision(levels[-1].objective, bend.transform, points_mm=roles.points_mm)
            count = len(settings.refinement.levels)
            untouched = [RigidTransform.identity(), starts[0].transform]
            before, at_start = 1 - levels[-1].objective.unexplained(untouched)
            begun = starts[0].transform, float(at_start)
            evidence = _evidence(roles, levels, begun, transform, bend, both, certain, num_levels=count)
            if not method.refines:
                # A prediction is no optimum: its error is the way to the optimum and the optimum's own.
                evidence = replace(evidence, correction_mm=float(spread([refined], transform, roles.points_mm)[0]))
            verdict = judge(evidence, settings=settings.verdict)
        result = _result(roles, levels, starts, float(before), evidence, verdict, clock.seconds, settings, transform)
    return replace(
        result,
        method=method,
        weights_sha256=None if predictor is None else predictor.weights.sha256,
        history=result.history if method.refines else (),
    )


class _Clock:
    """Seconds of each stage, in the order in which they ran."""

    def __init__(self, progress: Callable[[str], None] | None) -> None:
        self.seconds: dict[str, float] = {}
        self.progress = progress

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        if self.progress is not None:
            self.progress(stage)
        began = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - began


def _device(name: str) -> torch.device:
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError("expected a CUDA device, got none on this machine; use --device cpu")
    return device


def _predictor(method: Method, weights: "LoadedWeights | str | Path | None") -> "Predictor | None":
    if not method.uses_network:
        if weights is not None:
            raise SettingsError(
                f"expected no weights beside the method {method.value}, got some; choose network or network+refine"
            )
        return None
    from hepareg.registration.prediction import predictor_of  # the refinement alone does without the networks

    return predictor_of(weights)


def _images(moving: Any, fixed: Any, moving_mask: Any, fixed_mask: Any, device: torch.device) -> Images:
    """Return the pair with its masks, where the work is done."""
    moving, fixed = as_volume(moving), as_volume(fixed)
    check_finite(moving, name="moving image")
    check_finite(fixed, name="fixed image")
    moving, fixed = on_device(moving, device), on_device(fixed, device)
    masks = ((moving_mask, moving, "moving mask"), (fixed_mask, fixed, "fixed mask"))
    return Images(moving, fixed, *(_mask(*mask, device) for mask in masks))


def _mask(mask: Any, image: Volume, name: str, device: torch.device) -> Volume | None:
    return None if mask is None else prepare_mask(on_device(as_volume(mask), device), like=image, name=name)


def _starts(roles: Roles, given: RigidTransform | None) -> list[Start]:
    if given is not None and roles.swapped:
        given = given.inverse()
    return find_starts(
        moving=roles.moving,
        fixed=roles.fixed,
        moving_mask=roles.moving_mask,
        fixed_mask=roles.fixed_mask,
        centre_mm=roles.region.centre_mm,
        given=given,
    )


def _bend(
    roles: Roles, levels: list[LevelResult], certain: Precision, settings: RegisterSettings, device: torch.device
) -> Bend | None:
    """Look for a bend only where the parts of the liver disagree on the pose.

    The bend is found with the default measure; a pose that another measure was asked for stays as it is.
    """
    if not isinstance(settings.refinement.measure, LocalAffineMeasure):
        return None
    if not settings.bend_search_mm < certain.expected_tre_mm < np.inf:
        return None
    return find_bend(roles, levels, settings=settings.bend, device=device)


def _both(
    roles: Roles, levels: list[LevelResult], certain: Precision, settings: RegisterSettings
) -> BothDirections | None:
    """Search the other way round too where the parts of the liver disagree on the pose, or noise can pull it.

    Noise can where interpolation's blur is put back, for it is sharpened with the image.
    """
    if not isinstance(settings.refinement.measure, LocalAffineMeasure):
        return None
    least_mm = settings.both_directions_mm
    if levels[-1].objective.images.sharpness and np.isfinite(least_mm):
        least_mm = 0.0
    if not least_mm < certain.expected_tre_mm < np.inf:
        return None
    return both_directions(levels[-1], levels[-1].solutions[0].transform, certain, points_mm=roles.points_mm)


def _evidence(
    roles: Roles,
    levels: list[LevelResult],
    begun: tuple[RigidTransform, float],
    transform: RigidTransform,
    bend: Bend | None,
    both: BothDirections | None,
    certain: Precision,
    *,
    num_levels: int,
) -> Evidence:
    finest, centre = levels[-1].objective, roles.region.centre_mm
    flags = roles.flags if len(levels) == num_levels else (*roles.flags, "finest_level_not_reached")
    compared = levels[min(1, len(levels) - 1)]
    model = finest.residual(finest.oriented(transform).matrix[None])
    explained = 1 - float(model.objective[0])
    dice = None
    if roles.moving_mask is not None and roles.fixed_mask is not None:
        dice = dice_on_lattice(moving_mask=roles.moving_mask, fixed_mask=roles.fixed_mask, moving_from_fixed=transform)
    return Evidence(
        pose_uncertainty_mm=certain.expected_tre_mm if both is None else both.precision_mm,
        voxel_mm=finest.voxel_mm,
        explained_share=explained,
        explained_share_start=_explained_at_start(finest, begun, transform, explained),
        basin_depth=_lead(compared.objective, transform, decoys(transform, centre, distance_mm=DECOY_MM)),
        rival_gap=_rival_gap(levels, roles, transform),
        overlap_share=float(model.overlap[0]),
        displacement_mm=float(spread([RigidTransform.identity()], transform, roles.points_mm)[0]),
        dice_after=dice,
        status=levels[-1].solutions[0].status,
        bend_rms_mm=0.0 if bend is None else bend.residual_rms_mm,
        directions_error_mm=None if both is None else both.standard_error_mm,
        inverse_consistency_mm=inverse_consistency(compared, transform, roles.points_mm),
        agreeing_share=agreement(levels[0], transform, roles.points_mm),
        liver_ml=roles.liver_ml,
        soft_tissue_share=tissue_share(compared, roles.points_mm),
        interpolation_pull_mm=interpolation_pull(finest, transform),
        flags=flags,
    )


def _explained_at_start(
    objective: LevelObjective, begun: tuple[RigidTransform, float], transform: RigidTransform, explained: float
) -> float:
    """Return the share that the start explains; where it seems the better one, as it compares on what both poses show.

    A whole slice of the liver at the image's border may come into view, or leave it, by a tenth of a millimetre.
    """
    start, at_start = begun
    if at_start <= explained:
        return at_start
    poses = np.stack([objective.oriented(pose).matrix for pose in (transform, start)])
    here, there = objective.residual.unexplained_in_view(poses)
    return explained + float(here - there) if np.isfinite(here - there) else at_start


def _rival_gap(levels: list[LevelResult], roles: Roles, transform: RigidTransform) -> float:
    """Return by how much the best solution of another basin is worse at the level that compared several."""
    compared = levels[min(1, len(levels) - 1)]
    found = [s for s in compared.solutions if s.status is not Status.NO_OVERLAP]
    apart = spread([s.transform for s in found], transform, roles.points_mm) if found else np.zeros(0)
    rivals = [s.transform for s, distance in zip(found, apart, strict=True) if distance > DECOY_MM / 2]
    return _lead(compared.objective, transform, rivals) if rivals else float("inf")


def _lead(objective: LevelObjective, transform: RigidTransform, others: Sequence[RigidTransform]) -> float:
    """Return by how much the best of other poses explains less, as a share of what this pose leaves unexplained.

    What of the liver lies outside the moving image is unexplained whatever the pose and does not count.
    """
    shares, overlaps = objective.unexplained_and_overlap([transform, *others])
    (here, *elsewhere), outside = shares, 1 - float(overlaps[0])
    return float((min(elsewhere) - here) / max(here - outside, 0.1 * here, 1e-6))


def _result(
    roles: Roles,
    levels: list[LevelResult],
    starts: list[Start],
    similarity_before: float,
    evidence: Evidence,
    verdict: Verdict,
    seconds: dict[str, float],
    settings: RegisterSettings,
    found: RigidTransform,
) -> RegistrationResult:
    nearest = int(np.argmin(spread([s.transform for s in starts], found, roles.points_mm)))
    start = starts[nearest]
    centre = roles.region.centre_mm
    return RegistrationResult(
        transform=found.inverse() if roles.swapped else found,
        verdict=verdict,
        centre_mm=found.apply(centre) if roles.swapped else centre,
        start=start.transform.inverse() if roles.swapped else start.transform,
        start_name=start.name,
        history=tuple(level.solutions[0] for level in levels),
        similarity_before=similarity_before,
        similarity_after=evidence.explained_share,
        timings_s=seconds,
        settings=asdict(settings),
    )

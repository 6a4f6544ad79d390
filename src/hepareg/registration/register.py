"""`register`: one pair of images in memory to a rigid transform and a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hepareg.clock import Clock
from hepareg.errors import PairError, SettingsError
from hepareg.refinement.multilevel import Refinement, refine
from hepareg.registration.both_directions import average_directions
from hepareg.registration.evidence import explained_shares, gather_evidence
from hepareg.registration.full_precision import full_precision
from hepareg.registration.images import move_to_host, prepare_images
from hepareg.registration.method import Method
from hepareg.registration.pose_uncertainty import estimate_pose
from hepareg.registration.problem import Problem, build_problem
from hepareg.registration.result import RegistrationResult
from hepareg.registration.settings import RegisterSettings
from hepareg.registration.starts import Start, find_starts, nearest_start
from hepareg.registration.surface_fusion import fuse_surfaces
from hepareg.registration.tissue_motion import estimate_tissue_motion, fit_bending_liver
from hepareg.registration.verdict import judge
from hepareg.torch_device import torch_device
from hepareg.transforms import RigidTransform

if TYPE_CHECKING:
    from hepareg.networks.weights import LoadedWeights
    from hepareg.registration.prediction import Predictor

__all__ = ["register"]


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
        CT in HU: a Volume, a nibabel or SimpleITK image, or a pair (array or tensor, world_from_voxel). Tensors that
        are on the device already are not copied.
    moving_mask, fixed_mask
        Liver masks on the grids of their images, in any of these forms; one is enough, two are
        better, none works and is never accepted without review.
    start
        Approximate moving_from_fixed; the first start to be tried, beside the library's own starts.
    method
        Way in which the transform is found. A network begins at the first start: the given one, that of the
        masks, or the identity. Its prediction alone is judged by how far the refinement would still move it.
    weights
        Trained network of a method that uses one, or its file; None is the one that comes with the package.
    device
        ``cpu`` or ``cuda``, as torch names it.
    seed
        Kept for methods that draw random numbers; no method does today.
    settings
        `RegisterSettings`; None for the defaults.
    progress
        Function that is called with the name of each stage when the stage begins.

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
    that spin at a barrier cost many times the registration itself.

    Examples
    --------
    >>> from hepareg import register                                     # doctest: +SKIP
    >>> result = register(moving=arterial, fixed=venous, fixed_mask=liver)  # doctest: +SKIP
    >>> result.verdict.decision.value                                    # doctest: +SKIP
    'accept'
    """
    settings = settings or RegisterSettings()
    target, clock, predictor = torch_device(device), Clock(progress), _predictor(method, weights)
    with torch.no_grad(), full_precision(target):
        with clock("region"):
            images = prepare_images(moving, fixed, moving_mask, fixed_mask, device=target)
            if predictor is not None:
                predictor.check(images)
            problem = build_problem(images, device=target, settings=settings.problem)
        with clock("starts"):
            starts = find_starts(problem, given=start, settings=settings.starts)
            problem = problem.limit_search([guess.transform for guess in starts if not guess.derived])
        if predictor is not None:
            with clock("network"):
                first, roles = starts[0].transform, problem.direction
                starts.insert(0, predictor.predict(move_to_host(images), first, direction=roles, device=device))
        with clock("refinement"):
            refinement = _refine(problem, starts, settings)
            level, points_mm, blocks = refinement.finest.level, problem.points_mm, settings.uncertainty
            rigid = estimate_pose(level, refinement.pose, points_mm=points_mm, settings=blocks)
        with clock("tissue_motion"):
            motion = estimate_tissue_motion(problem, refinement, settings=settings.tissue_motion)
            bent = fit_bending_liver(motion, refinement, settings=settings.tissue_motion, blocks=blocks)
        with clock("both_directions"):
            limits = settings.both_directions
            mean = bent or average_directions(refinement, rigid, points_mm=points_mm, settings=limits, blocks=blocks)
        with clock("surface_fusion"):
            estimate = fuse_surfaces(problem, level, mean or rigid, settings=settings.surface_fusion)
        with clock("verdict"):
            pose = estimate.transform if method.refines else starts[0].transform
            shares = explained_shares(level, result=pose, start=starts[0].transform)
            evidence = gather_evidence(
                problem, refinement, estimate, motion, result=pose, shares=shares, settings=settings.evidence
            )
            verdict = judge(evidence, settings=settings.verdict)
        nearest = nearest_start(starts, pose, points_mm)
    return RegistrationResult(
        transform=problem.direction.to_user(pose),
        verdict=verdict,
        centre_mm=problem.direction.carry(problem.region.centre_mm, pose),
        start=problem.direction.to_user(nearest.transform),
        start_name=nearest.name,
        history=refinement.history if method.refines else (),
        similarity_before=shares.identity,
        similarity_after=shares.result,
        timings_s=clock.seconds,
        settings=settings.record(),
        method=method,
        weights_sha256=None if predictor is None else predictor.weights.sha256,
        notes=images.reader_notes,
    )


def _predictor(method: Method, weights: "LoadedWeights | str | Path | None") -> "Predictor | None":
    if not method.uses_network:
        if weights is not None:
            raise SettingsError(
                f"expected no weights beside the method {method.value}, got some; choose network or network+refine"
            )
        return None
    from hepareg.registration.prediction import load_predictor  # the refinement alone needs no networks

    return load_predictor(weights)


def _refine(problem: Problem, starts: list[Start], settings: RegisterSettings) -> Refinement:
    """Return the refinement from all starts; if no image has thicker slices, the user's fixed image is the template.

    Raises
    ------
    PairError
        If no start brings the images together.
    """
    poses = [start.transform for start in starts]
    found = refine(problem.region, problem.searched, poses, when_alike=problem.direction, settings=settings.refinement)
    if found is None:
        raise PairError(
            "expected images that show the same part of the body, got a pair that no start brings together; "
            "give both liver masks or a start"
        )
    return found

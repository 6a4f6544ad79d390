"""The content of ``result.json``, for programs; its schema lies beside this file."""

import json
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hepareg import __version__
from hepareg.evaluation.dice_approximate import dice_approximate
from hepareg.registration.verdict_rules import rule_of
from hepareg.transforms import RigidTransform
from hepareg.transforms.resample import PADDING_HU
from hepareg.volume import Volume
from hepareg.workflows.inputs import CheckedPair
from hepareg.workflows.register_outputs import WARPED, Written

if TYPE_CHECKING:
    from hepareg.registration import RegistrationResult

__all__ = ["dice_of_masks", "load_schema", "report"]

NOTICE = "Research use only, not a medical device."
SCHEMA_VERSION = 2
LIBRARIES = ("numpy", "scipy", "torch", "SimpleITK", "nibabel", "isal", "pydicom", "pillow")


def load_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``result.json``."""
    return json.loads(files("hepareg.workflows").joinpath("result.schema.json").read_text("utf-8"))


def dice_of_masks(pair: CheckedPair, result: "RegistrationResult") -> dict[str, float] | None:
    """Return the Dice of the masks before and after registration, or None if a mask is missing.

    Both numbers are sampled on a lattice; the second is that of the verdict's evidence, if it has one.
    """
    moving, fixed = pair.moving_mask, pair.fixed_mask
    if moving is None or fixed is None:
        return None
    sampled = partial(dice_approximate, moving_mask=moving, fixed_mask=fixed)
    after = result.verdict.evidence.get("dice_after")
    return {
        "before": sampled(moving_from_fixed=RigidTransform.identity()),
        "after": sampled(moving_from_fixed=result.transform) if after is None else after,
    }


def report(
    result: "RegistrationResult",
    pair: CheckedPair,
    *,
    dice: Mapping[str, float] | None,
    written: Written,
    options: Mapping[str, Any],
    timings_s: Mapping[str, float],
) -> dict[str, Any]:
    """Return the content of ``result.json``, which `load_schema` describes.

    The content holds no path, name or date, and depends on the input alone, except for ``timings``. The transform of a
    rejected result is left out, so that no program takes it by mistake.

    Parameters
    ----------
    result
        Result of the registration.
    pair
        The images and masks, as read.
    dice
        Return value of `dice_of_masks`.
    written
        Files beside ``result.json``.
    options
        Options of the command that shape the result.
    timings_s
        Seconds of each stage.
    """
    rejected = result.verdict.decision.value == "reject"
    return _plain(
        {
            "notice": NOTICE,
            "schema_version": SCHEMA_VERSION,
            "verdict": _verdict(result),
            "transform": None if rejected else _transform(result),
            "similarity": {"before": result.similarity_before, "after": result.similarity_after},
            "dice": dice,
            "inputs": {
                "moving": _input(pair.moving, pair.moving_mask),
                "fixed": _input(pair.fixed, pair.fixed_mask),
            },
            "notes": [*pair.notes, *([written.header.note] if written.header and written.header.note else [])],
            "outputs": {"written": sorted(written.names), "left_out": dict(written.left_out)},
            "moving_in_fixed_space": _header(written),
            "warped": {"interpolation": "linear", "padding_hu": PADDING_HU} if WARPED in written.names else None,
            "method": {"name": result.method, "weights_sha256": result.weights_sha256},
            "refinement": _refinement(result),
            "settings": {"command": dict(options), "registration": result.settings},
            "timings": {f"{stage}_s": seconds for stage, seconds in timings_s.items()},
            "versions": _versions(),
        }
    )


def _verdict(result: "RegistrationResult") -> dict[str, Any]:
    verdict = result.verdict
    return {
        "decision": verdict.decision,
        "already_aligned": verdict.already_aligned,
        "expected_liver_tre_mm": verdict.expected_liver_tre_mm,
        "expected_liver_p95_mm": verdict.expected_liver_p95_mm,
        "rigid_fit_error_mm": verdict.rigid_fit_error_mm,
        "left_by_rigid": None if verdict.left_by_rigid is None else asdict(verdict.left_by_rigid),
        "reasons": list(verdict.reasons),
        "explanations": [
            {"code": rule.code, "decision": rule.decision, "meaning": rule.meaning, "what_to_do": rule.what_to_do}
            for rule in map(rule_of, verdict.reasons)
        ],
        "evidence": dict(verdict.evidence),
    }


def _transform(result: "RegistrationResult") -> dict[str, Any]:
    translation = result.transform.translation_at(result.centre_mm)
    return {
        "moving_from_fixed_ras": result.transform.matrix,
        "moving_from_fixed_lps": result.transform.matrix_lps,
        "fixed_from_moving_ras": result.transform.inverse().matrix,
        "rotation_deg": result.transform.rotation_deg,
        "liver_centroid_mm": result.centre_mm,
        "translation_at_centroid_mm": translation,
        "translation_length_mm": math.sqrt(sum(float(t) ** 2 for t in translation)),
    }


def _header(written: Written) -> dict[str, float] | None:
    if written.header is None:
        return None
    return {"sform_error_mm": written.header.sform_mm, "qform_error_mm": written.header.qform_mm}


def _refinement(result: "RegistrationResult") -> dict[str, Any]:
    return {
        "start": result.start_name,
        "levels": [
            {
                "status": solution.status,
                "iterations": solution.iterations,
                "objective_history": list(solution.objective_history),
            }
            for solution in result.history
        ],
    }


def _input(image: Volume, mask: Volume | None) -> dict[str, Any]:
    return {
        "file_format": image.provenance.file_format,
        "shape": list(image.shape),
        "spacing_mm": image.grid.spacing_mm,
        "world_from_voxel": image.grid.world_from_voxel,
        "has_mask": mask is not None,
    }


def _versions() -> dict[str, str]:
    found = {"hepareg": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # the library has no metadata of an installation
            found[name] = "unknown"
    return found


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: None for NaN and infinity, words for enums, lists for arrays."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value

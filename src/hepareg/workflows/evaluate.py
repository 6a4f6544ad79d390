"""Workflow of `hepareg evaluate`: every method on every pair from the same start, with all pairs counted."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hepareg.data.augmentation import PairKey, keyed_generator, random_bias
from hepareg.data.case_pair import CasePair
from hepareg.errors import HeparegError, InputError, SettingsError
from hepareg.evaluation.dice import dice_after
from hepareg.evaluation.summary import summarise
from hepareg.evaluation.transform_error import transform_error
from hepareg.evaluation.tre import tre_over_mask
from hepareg.networks.weights import LoadedWeights, load_weights
from hepareg.registration import Method, register
from hepareg.transforms import RigidTransform
from hepareg.workflows.atomic import atomic_directory, check_output_directory, check_replaceable

__all__ = [
    "METHODS",
    "EvaluationRow",
    "UnusablePair",
    "evaluate",
    "manifest_pairs",
    "simulated_test_pairs",
    "summary_table",
]

Estimate = Callable[[CasePair, RigidTransform], RigidTransform]
"""Function from a pair and its start to moving_from_fixed."""

METHODS = ("identity", "centroid", "start", "network", "refine", "network+refine")
"""Names of the methods. ``centroid`` joins the centroids of the masks, and ``start`` adds a random shift to it. The
last three are the methods of `hepareg register` and begin at ``start``."""
OUTPUT_NAMES = ("pairs.csv", "summary.csv", "summary.json")


@dataclass(frozen=True)
class EvaluationRow:
    """Result of one method on one pair; a number that cannot be computed is None.

    Parameters
    ----------
    case
        Name of the case.
    draw
        Number of the random shift of the start, from 0.
    method
        One of `METHODS`.
    tre_mm
        Mean target registration error over all voxels of the fixed mask; None without a truth, or if the method failed.
    rotation_deg
        Rotation error.
    translation_mm
        Translation error at the centroid of the fixed mask.
    dice
        Dice overlap of the masks after the transform.
    seconds
        Wall time of the method without the reading of files. A method of `hepareg register` includes its verdict.
    error
        Message of the error that stopped the method, or None.
    """

    case: str
    draw: int
    method: str
    tre_mm: float | None
    rotation_deg: float | None
    translation_mm: float | None
    dice: float | None
    seconds: float | None
    error: str | None = None


@dataclass(frozen=True)
class UnusablePair:
    """A case with unusable files and the message of the error: a failure of every method in the tables."""

    case: str
    error: str


def evaluate(
    pairs: Iterable[CasePair | UnusablePair],
    *,
    out: str | Path,
    weights: str | Path | None = None,
    methods: Sequence[str] = METHODS,
    bias_mm: float = 3.0,
    num_draws: int = 1,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[EvaluationRow], None] = lambda row: None,
) -> list[EvaluationRow]:
    """Compare methods on pairs; write ``pairs.csv``, ``summary.csv`` and ``summary.json`` to a new folder.

    Parameters
    ----------
    pairs
        Pairs to evaluate. The start of a pair without both masks is the identity with the random shift.
    out
        Folder of the tables.
    weights
        File of a trained network, for the methods that use one.
    methods
        Some of `METHODS`.
    bias_mm
        Length of the shift that is added to the start in a random direction.
    num_draws
        Number of random shifts for each pair.
    seed
        Seed of the shifts.
    overwrite
        Whether ``out`` may exist; it then has to hold an older evaluation and nothing else, which is replaced.
    progress
        Called with every new row.

    Raises
    ------
    SettingsError
        If a method is unknown, or needs weights and none are given; if a number is out of range.
    FileFormatError, OutputError
        If the weights cannot be read or the folder cannot be written. These errors come before any pair is read.
    """
    if num_draws < 1 or seed < 0 or not 0 <= bias_mm < np.inf:
        raise SettingsError(
            "expected at least one draw, a seed of 0 or more and a shift of 0 mm or more, "
            f"got {num_draws}, {seed} and {bias_mm:g} mm"
        )
    check_output_directory(out, overwrite=overwrite)
    if overwrite:
        check_replaceable(out, own=OUTPUT_NAMES)
    chosen = _methods(methods, None if weights is None else load_weights(weights))
    rows = []
    for index, pair in enumerate(pairs):
        for draw in range(num_draws):
            if isinstance(pair, UnusablePair):
                failed = [_failure(pair.case, draw, name, pair.error) for name in chosen]
                rows += failed
                progress(failed[0])
                continue
            bias = random_bias(keyed_generator(seed, PairKey(draw, index), stream=2), bias_mm)
            start = RigidTransform((pair.start() @ bias).matrix)
            for name, method in chosen.items():
                rows.append(_row(pair, draw, name, method, start))
                progress(rows[-1])
    if not rows:
        raise SettingsError("expected at least one pair to evaluate, got none")
    settings = {"bias_mm": bias_mm, "num_draws": num_draws, "seed": seed, "methods": list(chosen)}
    summary = summary_table(rows)
    with atomic_directory(out, overwrite=overwrite) as folder:
        (folder / "pairs.csv").write_text(_csv([asdict(row) for row in rows]))
        (folder / "summary.csv").write_text(_csv(summary))
        (folder / "summary.json").write_text(json.dumps({"settings": settings, "methods": summary}, indent=1) + "\n")
    return rows


def summary_table(rows: Sequence[EvaluationRow]) -> list[dict[str, object]]:
    """Return one line for each method: distribution of the TRE, number of failures, medians of the other numbers."""
    table: list[dict[str, object]] = []
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        tre = summarise([np.nan if row.tre_mm is None else row.tre_mm for row in own])
        line: dict[str, object] = {"method": method, "num_runs": len(own), "num_failed": _count_failed(own)}
        line |= {f"tre_{name}_mm": _rounded(getattr(tre, name)) for name in ("median", "q1", "q3", "worst")}
        for name in ("rotation_deg", "translation_mm", "dice", "seconds"):
            values = [value for row in own if (value := getattr(row, name)) is not None]
            line[f"{name}_median"] = _rounded(float(np.median(values))) if values else None
        table.append(line)
    return table


def simulated_test_pairs(num_pairs: int, *, seed: int) -> Iterator[CasePair]:
    """Yield simulated pairs of anatomies that no training uses; SettingsError if ``num_pairs`` is below 1."""
    if num_pairs < 1:
        raise SettingsError(f"expected at least one simulated pair, got {num_pairs}")
    from hepareg.data.settings import SimulatedSettings
    from hepareg.data.simulated_pairs import TEST, simulated_pair

    settings = SimulatedSettings(spacing_mm=TEST_SPACING_MM, vessel_density=1.0)
    for index in range(num_pairs):
        yield simulated_pair(settings, seed=seed, family=TEST, index=index)


TEST_SPACING_MM = 2.5
"""Voxel size of simulated pairs for tests, which is finer than in training and nearer to a scanner's."""


def manifest_pairs(path: str | Path, *, geometry: str | None = None) -> Iterator[CasePair | UnusablePair]:
    """Yield the pairs of a manifest, read one at a time; all rows are checked before the first pair is read.

    Parameters
    ----------
    path
        Manifest.
    geometry
        ``sform`` or ``qform`` for NIfTI headers in which the two disagree.
    """
    from hepareg.data.manifest_pairs import read_pair
    from hepareg.io.manifest import read_manifest, without_paths

    for row in read_manifest(path):
        try:
            yield read_pair(row, geometry=geometry)
        except InputError as error:
            yield UnusablePair(row.case, without_paths(str(error), row))


def _methods(names: Sequence[str], weights: LoadedWeights | None) -> dict[str, Estimate]:
    """Return the functions of the named methods."""
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise SettingsError(f"expected some of the methods {', '.join(METHODS)}, got {', '.join(unknown)}")
    every: dict[str, Estimate] = {
        "identity": lambda pair, start: RigidTransform.identity(),
        "centroid": lambda pair, start: pair.start(),
        "start": lambda pair, start: start,
        **{method.value: _registration(method, weights) for method in Method},
    }
    if weights is None and any(Method(name).uses_network for name in names if name in {m.value for m in Method}):
        raise SettingsError(
            "expected weights for the methods with a network, got none; give a file or leave these methods out",
            options=["weights"],
        )
    return {name: every[name] for name in names}


def _registration(method: Method, weights: LoadedWeights | None) -> Estimate:
    """Return the function of a method of `hepareg register`."""

    def estimate(pair: CasePair, start: RigidTransform) -> RigidTransform:
        return register(
            moving=pair.moving,
            fixed=pair.fixed,
            moving_mask=pair.moving_mask,
            fixed_mask=pair.fixed_mask,
            start=start,
            method=method,
            weights=weights if method.uses_network else None,
        ).transform

    return estimate


def _row(pair: CasePair, draw: int, name: str, method: Estimate, start: RigidTransform) -> EvaluationRow:
    begin = time.perf_counter()
    try:
        estimate = method(pair, start)
    except HeparegError as error:
        return _failure(pair.case, draw, name, str(error), seconds=time.perf_counter() - begin)
    seconds = time.perf_counter() - begin
    tre = rotation = translation = dice = None
    if pair.moving_from_fixed is not None and pair.fixed_mask is not None:
        tre = tre_over_mask(estimate, pair.moving_from_fixed, mask=pair.fixed_mask).mean_mm
        errors = transform_error(estimate, pair.moving_from_fixed, at_mm=pair.fixed_mask.centroid_mm)
        rotation, translation = errors.rotation_deg, errors.translation_mm
    if pair.moving_mask is not None and pair.fixed_mask is not None:
        dice = dice_after(moving_mask=pair.moving_mask, fixed_mask=pair.fixed_mask, moving_from_fixed=estimate)
    return EvaluationRow(pair.case, draw, name, tre, rotation, translation, dice, seconds)


def _failure(case: str, draw: int, name: str, error: str, *, seconds: float | None = None) -> EvaluationRow:
    return EvaluationRow(case, draw, name, None, None, None, None, seconds, error)


def _count_failed(rows: Sequence[EvaluationRow]) -> int:
    return sum(row.error is not None for row in rows)


def _rounded(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()

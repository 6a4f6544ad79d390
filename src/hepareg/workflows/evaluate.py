"""What `hepareg evaluate` does: every method on every pair from one start, all pairs counted."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hepareg.data.augmentation import PairKey, keyed_generator, random_bias
from hepareg.data.pair import Pair
from hepareg.errors import HeparegError, InputError, SettingsError
from hepareg.evaluation.dice import dice_after
from hepareg.evaluation.summary import summarise
from hepareg.evaluation.transform_error import transform_error
from hepareg.evaluation.tre import tre_over_mask
from hepareg.networks.predictor import predict_rigid
from hepareg.networks.weights import LoadedWeights, load_weights
from hepareg.registration import register
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

Method = Callable[[Pair, RigidTransform], RigidTransform]

METHODS = ("identity", "centroid", "start", "network", "refine", "network+refine")
"""``centroid`` joins the masks' centroids; ``start`` is that with the stated bias, where the three last ones begin:
those of `hepareg register`, by the same names."""
OUTPUT_NAMES = ("pairs.csv", "summary.csv", "summary.json")


@dataclass(frozen=True)
class EvaluationRow:
    """One method on one pair; what cannot be known is None.

    Parameters
    ----------
    case, draw, method
        Which pair, which random bias of the start, and which method.
    tre_mm
        Mean liver TRE over all voxels of the fixed mask; None without a truth, or where the method failed.
    rotation_deg, translation_mm
        Errors of the transform, the latter at the liver's centroid.
    dice
        Overlap of the masks after the transform.
    seconds
        Wall time of the method, reading of files not counted.
    error
        Why the method failed, or None.
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
    """A pair whose files cannot be used, and why: it stays in the tables, as a failure of every method."""

    case: str
    error: str


def evaluate(
    pairs: Iterable[Pair | UnusablePair],
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
        With masks of both images where the start is to be their centroids.
    weights
        Trained network; without it the methods that need one are left out.
    methods
        Some of `METHODS`.
    bias_mm, num_draws
        The start is the centroids' translation and a shift of this length in a random direction, drawn so many times.
    overwrite
        Whether the folder may be there already, with an older evaluation and nothing else, which is replaced.

    Raises
    ------
    SettingsError
        If a method is unknown, or needs weights and there are none; if a number is out of range.
    FileFormatError, OutputError
        If the weights cannot be read or the folder cannot be written; before any pair is looked at.
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
    """Return one line a method: median, quartiles and worst TRE, failures counted, and medians of the rest."""
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


def simulated_test_pairs(num_pairs: int, *, seed: int) -> Iterator[Pair]:
    """Give simulated pairs of anatomies that no training sees; SettingsError where none is asked for."""
    if num_pairs < 1:
        raise SettingsError(f"expected at least one simulated pair, got {num_pairs}")
    from hepareg.data.settings import SimulatedSettings
    from hepareg.data.simulated_pairs import TEST, simulated_pair

    settings = SimulatedSettings(spacing_mm=TEST_SPACING_MM, vessel_density=1.0)
    for index in range(num_pairs):
        yield simulated_pair(settings, seed=seed, family=TEST, index=index)


TEST_SPACING_MM = 2.5
"""Voxel size of simulated pairs for tests: finer than for training, as a scanner's."""


def manifest_pairs(path: str | Path) -> Iterator[Pair | UnusablePair]:
    """Give the pairs of a manifest, read one at a time; all rows are checked before the first is read."""
    from hepareg.data.manifest_pairs import read_pair
    from hepareg.io.manifest import read_manifest, without_paths

    for row in read_manifest(path):
        try:
            yield read_pair(row)
        except InputError as error:
            yield UnusablePair(row.case, without_paths(str(error), row))


def _methods(names: Sequence[str], weights: LoadedWeights | None) -> dict[str, Method]:
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise SettingsError(f"expected some of the methods {', '.join(METHODS)}, got {', '.join(unknown)}")
    if weights is None and any(name.startswith("network") for name in names):
        raise SettingsError("expected --weights FILE for the methods with a network, got none; or leave them out")

    def network(pair: Pair, start: RigidTransform) -> RigidTransform:
        assert weights is not None
        return predict_rigid(weights, start=start, **_images(pair))

    def refine(pair: Pair, start: RigidTransform) -> RigidTransform:
        return register(start=start, **_images(pair)).transform

    every: Mapping[str, Method] = {
        "identity": lambda pair, start: RigidTransform.identity(),
        "centroid": lambda pair, start: pair.start(),
        "start": lambda pair, start: start,
        "network": network,
        "refine": refine,
        "network+refine": lambda pair, start: refine(pair, network(pair, start)),
    }
    return {name: every[name] for name in names}


def _images(pair: Pair) -> dict[str, Any]:
    return {
        "moving": pair.moving, "fixed": pair.fixed, "moving_mask": pair.moving_mask, "fixed_mask": pair.fixed_mask,
    }  # fmt: skip


def _row(pair: Pair, draw: int, name: str, method: Method, start: RigidTransform) -> EvaluationRow:
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

"""Decoders, losses and a deformation on top, each trained alike: ``python -m benchmarks.accuracy.training_variants``.

Every variant gets the same simulated pairs, batches, learning rate, first seed and minutes of CPU time, so that other
programs on the machine do not matter; a variant that fails stays in the table. Minutes are far too few to train a
network to its end: the table says how fast each gets going, not where it ends. Everything else is the preset
``small``. Writes ``benchmarks/results/training_variants.json`` and ``docs/training_variants.md``; ``--page`` writes the
page alone.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results import RESULTS, ROOT, provenance, read_result, write_result
from hepareg.data.simulated_pairs import simulated_sources
from hepareg.data.sources import Sources
from hepareg.errors import HeparegError
from hepareg.training.fit import fit
from hepareg.training.settings_file import load_settings

NAME = "training_variants"
PAGE = ROOT / "docs" / f"{NAME}.md"
COMMON = ["optimiser.schedule=constant", "run.epochs=1000", "data.pairs_per_epoch=20", "run.validate_every_epochs=1",
          "data.simulated.num_validation=12", "tracking.overlays=0", "checkpoints.keep=0"]  # fmt: skip
SOFT_DICE_NCC = "loss={similarity: {ncc: 0.3}, labels: {soft_dice: 1.0}}"
SIMILARITIES = ("mse", "ncc", "local_ncc", "nmi", "mi", "mind")
DEFORMATION = (
    "loss={similarity: {ncc: 0.3}, labels: {soft_dice: 1.0}, regularisation: {bending_energy: 1.0, folding: 1.0}}"
)

VARIANTS: dict[str, tuple[str, list[str]]] = {
    **{
        f"decoder {name}": ("decoder", [f"network.decoder={name}", SOFT_DICE_NCC])
        for name in ("rigid", "affine", "keypoints")
    },
    **{
        f"loss {name}": ("loss", ["network.decoder=keypoints", f"loss={{similarity: {{{name}: 1.0}}}}"])
        for name in SIMILARITIES
    },
    "decoder rigid + deformable": ("deformation", ["network.decoder=rigid", "network.mode=both", DEFORMATION]),
}
TITLES = {
    "decoder": "Three rigid decoders, one loss (0.3 NCC + soft Dice of the liver)",
    "loss": "Six image losses, one decoder (keypoints), no label loss",
    "deformation": "A deformation on top of the rigid branch (the error is that of the rigid part)",
}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="CPU time of each variant")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "training-cache")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, help="some of the variants; the others' rows stay")
    parser.add_argument("--page", action="store_true", help="write the page from the results that are there")
    arguments = parser.parse_args()
    if not arguments.page:
        settings = {"preset": "small", "changed": COMMON, "cpu_minutes": arguments.minutes, "threads": 1}
        for name in arguments.only or VARIANTS:
            _keep(_row(name, arguments.minutes, arguments.cache), settings)
    result = read_result(NAME)
    if result is None:
        raise SystemExit("there are no results yet: run without --page")
    PAGE.write_text(page(result) + encoders_section(read_result("encoders", folder=RESULTS / "training")))
    return 0


def _keep(row: dict[str, Any], settings: dict[str, Any]) -> None:
    """Put a row into the result file, in the place of an older one of that variant; an interrupted run keeps others."""
    old = read_result(NAME)
    rows = [] if old is None or old["settings"] != settings else old["rows"]
    by_name = {other["variant"]: other for other in [*rows, row]}
    ordered = [by_name[name] for name in VARIANTS if name in by_name]
    write_result({"kind": "training", **provenance(settings), "rows": ordered}, RESULTS / f"{NAME}.json")


def _row(name: str, minutes: float, cache: Path) -> dict[str, Any]:
    question, changes = VARIANTS[name]
    overrides = [*COMMON, *changes, f"run.max_minutes={minutes}", "run.threads=1", "data.prepare_processes=1"]
    settings = load_settings("small", overrides)
    cache.mkdir(parents=True, exist_ok=True)
    sources: Sources = simulated_sources(settings.data, seed=settings.seed, folder=cache)
    sources.fill(num_processes=2)
    row: dict[str, Any] = dict.fromkeys(
        ("reason", "cpu_minutes", "steps", "pairs_per_cpu_s", "start_tre_mm", "tre_mm", "worst_tre_mm", "rotation_deg")
    )
    row |= {"variant": name, "question": question, "num_pairs": sources.num_validation}
    print(f"== {name}", flush=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = fit(settings, sources=sources, folder=Path(folder), clock=time.process_time)
    except (HeparegError, RuntimeError) as error:
        return row | {"status": "failed", "reason": " ".join(str(error).split())[:200]}
    pairs = result.steps * settings.data.batch_size
    return row | {
        "status": "done", "cpu_minutes": round(result.minutes, 2), "steps": result.steps,
        "pairs_per_cpu_s": round(pairs / (60 * result.minutes), 3),
        "start_tre_mm": round(result.metrics["val_start_tre_mm"], 3),
        "tre_mm": round(result.metrics["val_tre_mm"], 3), "worst_tre_mm": round(result.metrics["val_worst_tre_mm"], 3),
        "rotation_deg": round(result.metrics["val_rotation_deg"], 3),
    }  # fmt: skip


def page(result: dict[str, Any]) -> str:
    """Return the page's Markdown."""
    minutes, rows = result["settings"]["cpu_minutes"], result["rows"]
    lines = [
        "# Training variants",
        "",
        "Written by `python -m benchmarks.accuracy.training_variants`; nothing here is typed. Simulated pairs; "
        f"{minutes:g} minutes of CPU time on one thread each, same pairs, batches and learning rate; the last weights "
        f"are measured on {rows[0]['num_pairs']} unseen anatomies. Minutes are too few to train to the end: "
        "this says how fast a variant gets going. Failed runs stay in the table.",
        "",
        f"Commit {result['commit'][:12]}, {result['device']['processor']}.",
    ]
    for question, title in TITLES.items():
        lines += ["", f"## {title}", "", "| variant | median liver TRE mm (start) | worst | rotation deg | steps | "
                  "pairs/s |", "|---|---|---|---|---|---|"]  # fmt: skip
        lines += [_line(row) for row in rows if row["question"] == question or _is_reference(row, question)]
    return "\n".join(lines) + "\n"


def encoders_section(result: dict[str, Any] | None) -> str:
    """Return the section on the two encoders, or nothing where `benchmarks.speed.encoders` has not been run."""
    if result is None:
        return ""
    settings, ratio = result["settings"], result["efficient_over_published"]
    shape = " x ".join(map(str, settings["shape"]))
    lines = [
        "", "## Published and efficient encoder", "",
        f"One pair of {shape} voxels a step: predict, warp, MIND inside a mask, gradients, Adam; {settings['device']}, "
        f"written by `python -m benchmarks.speed.encoders`, commit {result['commit'][:12]}. The wall's seconds contain "
        "what else ran on the machine; the processor's do not. At this size the fixed costs weigh more than at a "
        "region's; what each takes there is counted in [training](training.md).", "",
        "| encoder | pairs per s of the CPU | pairs per s | peak MB |", "|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {row['encoder']} | {row['pairs_per_cpu_s']:.3f} | {row['pairs_per_s']:.3f} | "
        f"{row['peak_bytes'] / 1e6:.0f} |"
        for row in result["rows"]
    ]
    lines.append(
        f"| efficient over published | {ratio['pairs_per_cpu_s']:.1f} | {ratio['pairs_per_s']:.1f} | "
        f"{ratio['peak_bytes']:.2f} |"
    )
    return "\n".join(lines) + "\n"


def _is_reference(row: dict[str, Any], question: str) -> bool:
    """Return whether a row of another question is the one to compare with."""
    return question == "deformation" and row["variant"] == "decoder rigid"


def _line(row: dict[str, Any]) -> str:
    if row["status"] == "failed":
        return f"| {row['variant']} | failed: {row['reason']} | | | | |"
    return (
        f"| {row['variant']} | {row['tre_mm']:.2f} ({row['start_tre_mm']:.2f}) | {row['worst_tre_mm']:.2f} | "
        f"{row['rotation_deg']:.2f} | {row['steps']} | {row['pairs_per_cpu_s']:.2f} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""Keep a trained network with its settings, metrics and evaluations, and write the page about it.

``python -m benchmarks.trained_network keep RUN --evaluation "TITLE=DIR" ...`` copies the weights of a run of
`hepareg train` into the package, with one JSON file of its settings, metrics and the summaries of `hepareg evaluate`;
``python -m benchmarks.trained_network page`` writes ``docs/trained_network.md`` from that file and
from the result of `benchmarks.accuracy.training_seeds`.
"""

import argparse
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.accuracy.training_seeds import NAME as SEEDS
from benchmarks.results import ROOT, provenance, read_result
from hepareg.networks.trained import trained_weights
from hepareg.workflows.atomic import atomic_file

PAGE = ROOT / "docs" / "trained_network.md"
MAX_BYTES = 5_000_000


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("keep", "page"))
    parser.add_argument("run", nargs="?", type=Path, help="folder of `hepareg train`")
    parser.add_argument("--name", default="small")
    parser.add_argument(
        "--evaluation", nargs="+", default=[], metavar="TITLE=DIR", help="folders of `hepareg evaluate`"
    )
    arguments = parser.parse_args()
    if arguments.task == "keep":
        keep(arguments.run, arguments.name, dict(text.split("=", 1) for text in arguments.evaluation))
    record = json.loads(trained_weights(arguments.name).with_suffix(".json").read_text())
    PAGE.write_text(page(record) + spread_over_seeds(read_result(SEEDS)))
    return 0


def keep(run: Path, name: str, evaluations: dict[str, str]) -> None:
    """Copy a run's weights into the package and write what is known of them beside."""
    content = (run / "weights.safetensors").read_bytes()
    if len(content) > MAX_BYTES:
        raise SystemExit(f"expected at most {MAX_BYTES} bytes of weights, got {len(content)}")
    metrics = json.loads((run / "metrics.json").read_text())
    record = {
        "sha256": sha256(content).hexdigest(),
        **provenance(metrics.pop("settings")),
        "training": metrics,
        "evaluations": {title: json.loads((Path(d) / "summary.json").read_text()) for title, d in evaluations.items()},
    }
    target = trained_weights(name)
    for path, data in ((target, content), (target.with_suffix(".json"), json.dumps(record, indent=1).encode() + b"\n")):
        with atomic_file(path, overwrite=True) as temporary:
            temporary.write_bytes(data)


def page(record: dict[str, Any]) -> str:
    """Return the page's Markdown."""
    training = record["training"]
    lines = [
        "# The trained network",
        "",
        "Written by `python -m benchmarks.trained_network`; nothing here is typed. The preset `small`, "
        f"{training['epochs']} epochs, {training['steps']} steps, {training['minutes']:.0f} minutes of wall time "
        f"on {record['device']['cores']} cores that others used as well ({record['device']['processor']}). "
        f"SHA-256 of the weights: `{record['sha256']}`. Trained and evaluated at commit {record['commit'][:12]}: "
        "what the refinement has gained since is not in these numbers.",
        "",
        "Every image, motion and contrast phase below is simulated, also where the anatomy is a real CT. TRE is the "
        "mean over the liver; the start of the three last methods is the masks' centroid translation with a random "
        "shift of stated length. All pairs are counted. The network sees both images limited to the liver masks and "
        "10 mm around them, so it needs both masks, and the masks' quality limits it.",
    ]
    for title, summary in record["evaluations"].items():
        settings = summary["settings"]
        lines += ["", f"## {title}", "",
                  f"{settings['num_draws']} starts a pair, {settings['bias_mm']:g} mm shift.", "",
                  "| method | runs | failed | median TRE mm | quartiles | worst | rotation deg | Dice | seconds |",
                  "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
        lines += [_line(line) for line in summary["methods"]]
    return "\n".join(lines) + "\n"


def spread_over_seeds(result: dict[str, Any] | None) -> str:
    """Return the section on other training seeds, or nothing where that benchmark has not been run."""
    if result is None:
        return ""
    settings, rows = result["settings"], result["rows"]
    minutes = [row["cpu_minutes"] for row in rows]
    lines = [
        "", "## Other training seeds", "",
        f"The same preset trained anew with {len({row['seed'] for row in rows})} seeds for {rows[0]['steps']} steps "
        f"({min(minutes):.1f} to {max(minutes):.1f} minutes of CPU time on one thread), each with anatomies, motions "
        f"and weights of its own; the network alone, {settings['num_draws']} starts a pair, {settings['bias_mm']:g} mm "
        f"shift. The start is what predicting zero gives. Written by `python -m benchmarks.accuracy.training_seeds`, "
        f"commit {result['commit'][:12]}; its pairs made from the real CT are others than those above.", "",
        "| seed | pairs | runs | failed | median TRE mm (start) | of the start | quartiles | worst | worse than it |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {row['seed']} | {row['pairs']} | {row['num_runs']} | {row['num_failed']} | {row['tre_mm']:.2f} "
        f"({row['start_tre_mm']:.2f}) | {row['tre_mm'] / row['start_tre_mm']:.3f} | {row['tre_q1_mm']:.2f} to "
        f"{row['tre_q3_mm']:.2f} | {row['worst_tre_mm']:.2f} | {row['num_worse_than_start']} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _line(line: dict[str, Any]) -> str:
    def shown(name: str) -> str:
        return "" if line[name] is None else f"{line[name]:.2f}"

    return (
        f"| {line['method']} | {line['num_runs']} | {line['num_failed']} | {shown('tre_median_mm')} | "
        f"{shown('tre_q1_mm')} to {shown('tre_q3_mm')} | {shown('tre_worst_mm')} | {shown('rotation_deg_median')} | "
        f"{shown('dice_median')} | {shown('seconds_median')} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())

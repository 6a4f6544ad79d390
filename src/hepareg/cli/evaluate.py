"""`hepareg evaluate`: compare methods on the same pairs."""

import argparse

from hepareg.cli.transform_options import add_geometry_option

SUMMARY = "compare identity, mask centroid, network and refinement on the same pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "manifest", metavar="MANIFEST", nargs="?", help="CSV or JSON list of pairs; with a truth for the TRE"
    )
    source.add_argument("--simulated", type=int, metavar="N", help="use simulated pairs of N unseen anatomies")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="new folder for the tables")
    parser.add_argument("--weights", metavar="FILE", help="trained network (.safetensors)")
    parser.add_argument(
        "--methods",
        nargs="+",
        metavar="M",
        help="some of identity, centroid, start, network, refine, network+refine; default: all",
    )
    parser.add_argument(
        "--bias-mm", type=float, default=3.0, metavar="MM", help="length of the random shift of the start (default: 3)"
    )
    parser.add_argument(
        "--draws", type=int, default=1, metavar="N", help="number of random starts for each pair (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of anatomies and starts (default: 0)")
    add_geometry_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an older evaluation in DIR")
    parser.add_argument("--threads", type=int, metavar="N", help="number of CPU threads")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from hepareg._optional import require
    from hepareg.cli.progress import count_shown

    for module in ("pydantic", "monai"):
        require(module, extra="train")
    from hepareg.workflows.evaluate import METHODS, evaluate, manifest_pairs, simulated_test_pairs, summary_table
    from hepareg.workflows.threads import set_threads

    if arguments.threads is not None:
        set_threads(arguments.threads)
    with_network = arguments.weights is not None
    methods = arguments.methods or [name for name in METHODS if with_network or not name.startswith("network")]
    simulated = arguments.simulated is not None
    pairs = (
        simulated_test_pairs(arguments.simulated, seed=arguments.seed)
        if simulated
        else manifest_pairs(arguments.manifest, geometry=arguments.geometry)
    )
    with count_shown(unit="run", quiet=arguments.quiet) as show:
        rows = evaluate(
            pairs,
            out=arguments.out,
            weights=arguments.weights,
            methods=methods,
            bias_mm=arguments.bias_mm,
            num_draws=arguments.draws,
            seed=arguments.seed,
            overwrite=arguments.overwrite,
            progress=lambda row: show(_line(row)),
        )
    print(
        f"{'method':<20} {'runs':>5} {'failed':>6} {'median TRE mm':>14} {'worst':>8} {'deg':>6} {'Dice':>6} {'s':>7}"
    )
    for line in summary_table(rows):
        cells = [line["tre_median_mm"], line["tre_worst_mm"], line["rotation_deg_median"], line["dice_median"]]
        shown = ["-" if cell is None else f"{cell:.2f}" for cell in cells]
        seconds = "-" if line["seconds_median"] is None else line["seconds_median"]  # no pair could be read
        print(
            f"{line['method']:<20} {line['num_runs']:>5} {line['num_failed']:>6} {shown[0]:>14} {shown[1]:>8} "
            f"{shown[2]:>6} {shown[3]:>6} {seconds:>7}"
        )
    return 0


def _line(row: object) -> str:
    tre = getattr(row, "tre_mm", None)
    result = getattr(row, "error", None) or ("no truth" if tre is None else f"TRE {tre:.2f} mm")
    return f"{getattr(row, 'case', '')}, {getattr(row, 'method', '')}: {result}"

"""Write every page of numbers from the result files: ``python -m benchmarks.page [--check]``.

The words of a page are a template in ``benchmarks/pages``; its tables come from the result files, so that no number is
typed. With ``--check`` nothing is written, and the exit status is 1 if a page is out of date.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from benchmarks.accuracy.real_pair_tables import real_pair_tables
from benchmarks.accuracy.tables import named_tables, stress_tables
from benchmarks.accuracy.tissue_tables import tissue_tables
from benchmarks.accuracy.verdict_tables import verdict_tables
from benchmarks.comparison_tables import comparison_tables, readme_tables
from benchmarks.results import ACCURACY_RESULTS, RESULTS, ROOT
from benchmarks.speed_tables import speed_tables
from benchmarks.tables import Row, middle

__all__ = ["main", "pages", "with_block"]

TEMPLATES = Path(__file__).parent / "pages"
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmark numbers: begin (written by `make docs`) -->", "<!-- benchmark numbers: end -->"


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a page is out of date")
    arguments = parser.parse_args(argv)
    outdated = {path: text for path, text in pages().items() if not path.exists() or path.read_text() != text}
    for path, text in outdated.items():
        if arguments.check:
            print(f"{path.relative_to(ROOT)} is out of date: run `python -m benchmarks.page`", file=sys.stderr)
        else:
            path.write_text(text)
    return 1 if arguments.check and outdated else 0


def pages() -> dict[Path, str]:
    """Return the text of each page by its path, from the result files."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.rglob("*.json"))}
    accuracy = {"core": named_tables, "parallel_grids": named_tables, "stress": stress_tables, "tissue": tissue_tables}
    methods = {kind: [results[name] for name in results if name.startswith(f"{kind}_")] for kind in accuracy}
    return {
        ROOT / "docs" / "benchmarks.md": render("benchmarks", results, comparison_tables(results)),
        ROOT / "docs" / "real_pair.md": render("real_pair", results, real_pair_tables(results["real_pair"])),
        ROOT / "docs" / "speed.md": render("speed", results, speed_tables(results)),
        ROOT / "docs" / "verdict.md": render("verdict", results, verdict_tables(results["verdict_limits"])),
        **{
            ACCURACY_RESULTS / f"{kind}.md": render(kind, results, make(methods[kind]))
            for kind, make in accuracy.items()
        },
        README: with_block(README.read_text(), render("readme", results, readme_tables(results))),
    }


def render(name: str, results: dict[str, Any], tables: dict[str, Any]) -> str:
    """Return the text of a template, which knows the results, the tables and `measured`."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined,
                                     trim_blocks=True, keep_trailing_newline=True)  # fmt: skip
    return environment.get_template(f"{name}.md").render(results=results, measured=measured, **tables)


def with_block(text: str, block: str) -> str:
    """Return the README's text with ``block`` between the two marks.

    Raises
    ------
    ValueError
        If one of the marks is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected the lines {BEGIN!r} and {END!r} in the README, found {'one' if begin else 'none'}")
    return f"{before}{BEGIN}\n{block}{END}{after}"


def measured(**results: Row) -> str:
    """Return a list of the results by title, each with the commit, machine and versions of its measurement."""
    return "\n".join(f"- {title.replace('_', ' ')}: {_provenance(result)}" for title, result in results.items())


def _provenance(result: Row) -> str:
    commit, _, changes = result["commit"].partition("+")
    device = {**result["device"], "gpu": result["device"]["gpu"] or "no GPU"}
    told = [f"commit `{commit[:12]}`{' with changes' if changes else ''}"]
    told.append("{processor}, {cores} cores, {memory_gb:g} GB, {gpu}, {system}".format(**device))
    told += [", ".join(f"{key} {value}" for key, value in result[part].items()) for part in ("settings", "versions")]
    return "; ".join([*told, *load(result)])


def load(result: Row) -> list[str]:
    """Return how busy the machine was: its load average, or the share of its processors that other programs took."""
    loads, shares = [], []
    for row in result.get("rows", []):
        loads += np.ravel(row.get("load_average") or []).tolist()
        if row.get("others_cpu_s") is not None:
            taken = np.ravel(row["others_cpu_s"]) / np.ravel(row["process_s"]) / result["device"]["cores"]
            shares += taken.tolist()
    told = [f"load average {middle(loads):.1f}, at most {max(loads):.1f}"] if loads else []
    told += [f"other programs took {middle(shares):.1%} of the processors, at most {max(shares):.1%}"] if shares else []
    return told


if __name__ == "__main__":
    sys.exit(main())

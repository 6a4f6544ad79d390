"""Write ``docs/benchmarks.md`` and README's numbers from the result files: ``python -m benchmarks.page [--check]``.

Nothing on that page is typed. With ``--check`` nothing is written; the status is 1 if a file is out of date.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.comparison_page import comparison_sections, readme_block
from benchmarks.goals_page import goals_section
from benchmarks.gpu_page import gpu_sections
from benchmarks.results import RESULTS, ROOT, read_result
from benchmarks.simulation_page import simulation_sections
from benchmarks.speed_page import speed_sections

__all__ = ["build_page", "build_readme", "main"]

PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- benchmark numbers: begin (written by `make docs`) -->", "<!-- benchmark numbers: end -->"
COMPARISONS = {
    "comparison": "hepareg and the tools people use, with liver masks",
    "comparison_without_masks": "The same without masks",
    "comparison_same_grid": "Both images on one grid, with liver masks",
}
INTRODUCTION = """\
# Benchmarks

Written by `python -m benchmarks.page` from `benchmarks/results/*.json`; nothing here is typed. `make bench` runs
everything again, `make bench BENCH_OPTIONS="--minutes 40"` as much of it as fits into the time for which a machine is
quiet. **The contrast phase of every partner image, and every motion, is simulated**, also where the anatomy comes from
a real CT: that is how the true transform is known. TRE is the mean distance, over the true fixed liver, between where a
transform and the truth send a voxel centre.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a file is out of date")
    arguments = parser.parse_args(argv)
    results = {name: read_result(name) for name in (*COMPARISONS, "speed")}
    results["gpu"] = read_result("gpu", folder=RESULTS / "gpu")
    results["simulation_speed"] = read_result("simulation_speed", folder=RESULTS / "accuracy")
    wanted = {PAGE: build_page(results), README: build_readme(README.read_text(), results)}
    old = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in old:
        if arguments.check:
            print(f"{path.relative_to(ROOT)} is out of date: run `python -m benchmarks.page`", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path])
    return 1 if arguments.check and old else 0


def build_page(results: dict[str, dict[str, Any] | None]) -> str:
    """Return the page's Markdown from the result files by name, None where there is none."""
    sections = [INTRODUCTION, goals_section(results)]
    for name, title in COMPARISONS.items():
        result = results[name]
        sections += comparison_sections(result, title=title) if result else [f"## {title}", "Has not been run."]
    speed = results["speed"]
    sections += speed_sections(speed) if speed else ["## Speed", "Has not been measured."]
    simulation = results["simulation_speed"]
    sections += simulation_sections(simulation) if simulation else ["## Simulation", "Has not been measured."]
    gpu = results["gpu"]
    sections += gpu_sections(gpu) if gpu else ["## On a GPU", "Has not been measured."]
    return "\n\n".join(section.strip() for section in sections if section) + "\n"


def build_readme(text: str, results: dict[str, dict[str, Any] | None]) -> str:
    """Return README's text with the block between the two marks written anew; unchanged where it has no marks."""
    if BEGIN not in text:
        return text
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{Path(README).name} has the mark that begins the numbers and not the one that ends them")
    comparison = results["comparison"]
    block = readme_block(comparison, results["comparison_without_masks"]) if comparison else "Not measured yet."
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())

"""Section of the documentation page on the speed of the simulation."""

from statistics import median
from typing import Any

from benchmarks.comparison_page import provenance_text
from benchmarks.tables import markdown, number

__all__ = ["simulation_sections"]


def simulation_sections(result: dict[str, Any]) -> list[str]:
    """Return the page's sections from the result of `benchmarks.speed.simulation`."""
    rows = []
    for size in dict.fromkeys(row["size"] for row in result["rows"]):
        runs = [row for row in result["rows"] if row["size"] == size]
        promised = runs[0]["promised"]
        seconds, peak = median(run["seconds"] for run in runs), max(run["peak_bytes"] for run in runs)
        kept = seconds <= promised["seconds"] and peak <= promised.get("peak_bytes", peak)
        bound = f"{number(promised['seconds'], 0)} s"
        bound += f", {number(promised['peak_bytes'] / 2**30, 0)} GiB" if "peak_bytes" in promised else ""
        rows.append([size, number(seconds, 1), number(peak * 1e-9, 2), bound, "yes" if kept else "**no**"])
    on_device = result["device_pairs"]
    return [
        "## Simulation",
        provenance_text(result),
        "Whole processes of `hepareg simulate`, files included: median of the seconds and largest peak.",
        markdown(["pair", "seconds", "GB", "promised", "kept"], rows),
        f"Training pairs of {on_device['size']} voxels made in torch on the processor: "
        f"{number(on_device['pairs_per_minute'], 0)} a minute.",
    ]

"""Sections of the documentation page on what a GPU gives, and what the goals ask of it."""

from statistics import median
from typing import Any

from benchmarks.comparison_page import provenance_text
from benchmarks.tables import markdown, number

__all__ = ["gpu_sections", "pairs_per_second", "warm_seconds"]

WHERE = {"cuda": "on the device", "host": "in the host's memory", "cpu": "in the host's memory"}
TEXT = """\
One pair, 512x512x119 and 476x476x153 voxels, procedural, both masks, in a warm process {alone} NVIDIA's multi-process
service (MPS); the distance is the mean over the liver from what the processor of the same machine finds. A batch is
{batch} pairs of {anatomies} anatomies, volumes on the device, given to a `RegistrationPool` {shared} MPS. A training
step is one pair: predict, warp, MIND, gradients, Adam, in mixed precision; memory is the most that torch allocated."""
TOOLS = {"fireants": "FireANTs", "hepareg": "hepareg"}
PEER_TEXT = """\
FireANTs {version} (without its fused operations, which its package does not hold) and hepareg on one card ({gpu}),
pairs of the same kind, one after the other in one process, images on the device: medians over the pairs; cold is the
first call on a pair."""


def gpu_sections(result: dict[str, Any]) -> list[str]:
    """Return the page's sections from the result of `benchmarks.speed.gpu`."""
    registration = [
        [WHERE[row["volumes"]], row["device"],
         *(number(1e3 * seconds, 1) for seconds in (row["median_s"], min(row["call_s"]), max(row["call_s"]))),
         number(row["tre_mm"], 3), number(row["from_cpu_mm"], 4)]
        for row in result["registration"]
    ]  # fmt: skip
    calls = ["volumes", "work on", "median ms", "shortest", "longest", "TRE mm", "from the processor's mm"]
    batches = [[str(row["workers"]), number(median(row["batch_s"]), 2), number(row["pairs_per_s"], 1),
                number(row["worst_tre_mm"], 3)] for row in result["batches"]]  # fmt: skip
    training = [
        ["x".join(map(str, row["shape"])), row["encoder"], number(row["pairs_per_s"], 1),
         number(row["peak_bytes"] * 1e-9, 2)]
        for row in result["training"]
    ]  # fmt: skip
    (simulated,) = result["simulation"]
    alone, shared = ("under" if result[part][0]["mps"] else "without" for part in ("registration", "batches"))
    return [
        "## On a GPU",
        provenance_text(result),
        TEXT.format(**result["settings"], alone=alone, shared=shared),
        markdown(calls, registration),
        markdown(["workers", "batch s", "pairs a second", "worst TRE mm"], batches),
        markdown(["region", "encoder", "pairs a second", "GB"], training),
        f"Training pairs of {simulated['size']} voxels made on the device in batches of {simulated['batch']}: "
        f"{number(simulated['pairs_per_minute'], 0)} a minute.",
        *(_peer_sections(result["fireants"]) if "fireants" in result else []),
    ]


def _peer_sections(part: dict[str, Any]) -> list[str]:
    """Return FireANTs' rows beside hepareg's, as `benchmarks.speed.gpu_peer` measured them, and what failed."""
    table = []
    for masks in (True, False):
        for tool, name in TOOLS.items():
            rows = [row for row in part["rows"] if (row["tool"], row["masks"]) == (tool, masks)]
            found = [row for row in rows if row["status"] == "found"]
            if not found:
                continue
            errors = [row["tre_mm"] for row in found]
            table.append([name, "yes" if masks else "no", f"{len(found)} of {len(rows)}",
                          number(median(errors), 3), number(max(errors), 3),
                          number(1e3 * median(median(row["warm_s"]) for row in found), 1),
                          number(1e3 * median(row["cold_s"] for row in found), 1),
                          number(max(row["peak_bytes"] for row in found) * 1e-9, 2)])  # fmt: skip
    failed = [f"{TOOLS[row['tool']]} failed on pair {row['seed']} {'with' if row['masks'] else 'without'} masks: "
              f"{row['reason']}." for row in part["rows"] if row["status"] != "found"]  # fmt: skip
    header = ["tool", "masks", "pairs", "TRE median mm", "worst", "warm ms", "cold ms", "GB"]
    return [
        "### FireANTs on the same card",
        provenance_text(part),
        PEER_TEXT.format(version=part["version"], gpu=part["device"]["gpu"]),
        markdown(header, table),
        *failed,
    ]


def warm_seconds(result: dict[str, Any]) -> float:
    """Return the median of the warm call with the volumes on the device."""
    return next(row["median_s"] for row in result["registration"] if row["volumes"] == "cuda")


def pairs_per_second(result: dict[str, Any]) -> float:
    """Return the pool's best rate."""
    return max(row["pairs_per_s"] for row in result["batches"])

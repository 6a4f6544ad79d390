"""Summaries of the comparison with other tools, and the tables of its page and of the README."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.accuracy.scoring import GOOD_MM
from benchmarks.contenders import contenders
from benchmarks.peers import REFERENCE
from benchmarks.results import ROOT
from benchmarks.tables import Column, Row, cell, middle, table

__all__ = ["comparison_tables", "is_reported", "is_silent", "losses", "readme_tables", "summaries"]

OURS, START = "hepareg", "start"
SEPARATE = "shared_noise"
"""Difficulty that favours every tool: shown pair by pair, left out of summaries of accuracy."""
ENDED_WELL = ("found", "rejected")
"""Statuses whose seconds and memory are those of a whole run."""
SETS = {"comparison": "core set", "comparison_same_grid": "one grid", "comparison_without_masks": "without masks"}

ACCURACY: tuple[Column, ...] = (
    ("tool", "name", ""), ("pairs", "num_pairs", ""), ("transforms", "num_found", ""),
    ("TRE median mm", "tre_mm", ".3f"), ("TRE worst mm", "worst_mm", ".3f"),
    ("failures reported", "num_reported", ""), ("silent failures", "num_silent", ""),
)  # fmt: skip
COSTS: tuple[Column, ...] = (
    ("tool", "name", ""), ("process s", "process_s", ".1f"), ("/ ANTsPy", "process_ratio", ".3f"),
    ("call s", "call_s", ".2f"), ("/ ANTsPy", "call_ratio", ".3f"), ("peak MB", "peak_mb", ".0f"),
    ("/ ANTsPy", "peak_ratio", ".3f"),
)  # fmt: skip
README: tuple[Column, ...] = (
    ("tool", "name", ""), ("TRE median mm", "tre_mm", ".2f"), ("worst", "worst_mm", ".2f"),
    ("silent failures", "num_silent", ""), ("seconds", "process_s", ".1f"),
    ("time / ANTsPy", "process_ratio", ".3f"), ("memory / ANTsPy", "peak_ratio", ".3f"),
    ("silent without masks", "unmasked", ""),
)  # fmt: skip
PROOFS: tuple[Column, ...] = (
    ("tool", "name", ""), ("version", "version", ""), ("convention", lambda row: _words(row["status"]), ""),
    ("distance mm", "distance_mm", ".3f"), ("reason", lambda row: row["reason"] or "", ""),
)  # fmt: skip
LOSSES: tuple[Column, ...] = (
    ("pair", "pair", ""), ("set", "set", ""), ("tool", "name", ""), ("its TRE mm", "tre_mean_mm", ".3f"),
    ("TRE of hepareg mm", "our_mm", ".3f"), ("difference mm", "loss_mm", ".3f"),
)  # fmt: skip


def comparison_tables(results: dict[str, Any]) -> dict[str, str]:
    """Return the tables of ``docs/benchmarks.md`` by name."""
    rows = {name: [{**row, "set": title} for row in results[name]["rows"]] for name, title in SETS.items()}
    lost = [row for part in rows.values() for row in losses(part)]
    return {
        **{f"accuracy_{name}": table(accuracy_summaries(part), ACCURACY) for name, part in rows.items()},
        "costs": table(cost_summaries(rows["comparison"]), COSTS),
        "losses": table(sorted(lost, key=lambda row: -(row["loss_mm"] or float("inf"))), LOSSES),
        "proofs": table(map(_named, results["comparison"]["proofs"]), PROOFS),
        **{f"pairs_{name}": by_pair(part) for name, part in rows.items()},
    }


def readme_tables(results: dict[str, Any]) -> dict[str, Any]:
    """Return the table of the README's block, and the number of its pairs."""
    found = accuracy_summaries(results["comparison"]["rows"])
    unmasked = {row["tool"]: row for row in accuracy_summaries(results["comparison_without_masks"]["rows"])}
    for row in found:
        row["unmasked"] = _silent_of(unmasked.get(row["tool"]))
    return {"numbers": table(found, README), "num_pairs": found[0]["num_pairs"]}


def _silent_of(row: Row | None) -> str | None:
    return None if row is None or row["num_silent"] is None else f"{row['num_silent']} of {row['num_pairs']}"


def is_silent(row: Row) -> bool:
    """Return whether a tool returned a wrong transform as good."""
    tre = row["tre_mean_mm"]
    wrong = tre is not None and tre > GOOD_MM and row["tool"] != START
    return wrong and row["decision"] in (None, "accept")


def is_reported(row: Row) -> bool:
    """Return whether a tool gave no good transform and said so."""
    tre = row["tre_mean_mm"]
    doubted = tre is not None and tre > GOOD_MM and row["decision"] == "review"
    return doubted or row["status"] in ("rejected", "failed", "timed_out")


def losses(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of other tools with a smaller TRE than ours on the same pair, with ``our_mm`` and ``loss_mm``."""
    ours = {row["pair"]: row["tre_mean_mm"] for row in rows if row["tool"] == OURS}
    found = []
    for row in rows:
        tre, own = row["tre_mean_mm"], ours.get(row["pair"])
        if row["tool"] not in (OURS, START) and tre is not None and row["pair"] in ours and (own is None or tre < own):
            found.append(_named(row) | {"our_mm": own, "loss_mm": None if own is None else own - tre})
    return found


def summaries(rows: Sequence[Row]) -> list[Row]:
    """Return a row for each tool: errors over its transforms, failures, and medians of seconds and memory.

    Ratios are medians, over the pairs, of the tool's value divided by the reference tool's value on the same pair.
    """
    tools = dict.fromkeys(row["tool"] for row in rows)
    by_tool = {tool: [row for row in rows if row["tool"] == tool] for tool in tools}
    reference = {row["pair"]: row for row in by_tool.get(REFERENCE, []) if row["status"] in ENDED_WELL}
    return [_summary(own, reference) for own in by_tool.values()]


def _summary(own: Sequence[Row], reference: dict[str, Row]) -> Row:
    errors = [row["tre_mean_mm"] for row in own if row["tre_mean_mm"] is not None]
    ended = [row for row in own if row["status"] in ENDED_WELL]

    def ratio(key: str) -> float | None:
        others = [(row[key], reference[row["pair"]][key]) for row in ended if row["pair"] in reference]
        return middle(value / other for value, other in others if value and other)

    peak = middle(row["peak_bytes"] for row in ended)
    return _named(own[0]) | {
        "num_pairs": len(own),
        "num_found": len(errors),
        "tre_mm": middle(errors),
        "worst_mm": max(errors, default=None),
        "num_reported": sum(map(is_reported, own)),
        "num_silent": None if own[0]["tool"] == START else sum(map(is_silent, own)),
        "process_s": middle(row["process_s"] for row in ended),
        "process_ratio": ratio("process_s"),
        "call_s": middle(row["call_s"] for row in ended),
        "call_ratio": ratio("call_s"),
        "peak_mb": None if peak is None else peak * 1e-6,
        "peak_ratio": ratio("peak_bytes"),
        "was_run": any(row["status"] != "not_run" for row in own),
        # A contender that is only timed ends well without a transform.
        "gives_transform": bool(errors) or any(row["status"] not in ("found", "not_run") for row in own),
    }


def accuracy_summaries(rows: Iterable[Row]) -> list[Row]:
    """Return the summaries of the tools that give transforms, without the difficulty that favours every tool."""
    return [row for row in summaries([r for r in rows if r["difficulty"] != SEPARATE]) if row["gives_transform"]]


def cost_summaries(rows: Sequence[Row]) -> list[Row]:
    """Return the summaries of all tools that were run but the start, which costs nothing."""
    return [row for row in summaries(rows) if row["was_run"] and row["tool"] != START]


def by_pair(rows: Sequence[Row]) -> str:
    """Return a table with a line for each pair and a column of TRE in mm for each tool that gives transforms."""
    tools = [row for row in summaries(rows) if row["gives_transform"]]
    lines: dict[str, Row] = {}
    for row in rows:
        blank = {"pair": row["pair"], "kind": f"{row['difficulty']}, {row['source']}"}
        line = lines.setdefault(row["pair"], blank | dict.fromkeys(each["tool"] for each in tools))
        line[row["tool"]] = _told(row)
    columns = [("pair", "pair", ""), ("kind", "kind", ""), *((row["name"], row["tool"], "") for row in tools)]
    return table(lines.values(), columns)


def _told(row: Row) -> str:
    """Return a TRE with its failure or its doubt, or the status of a run without a transform."""
    if row["tre_mean_mm"] is None:
        return _words(row["status"])
    doubt = f" ({row['decision']})" if row["decision"] in ("review", "reject") else ""
    return cell(row["tre_mean_mm"], ".3f") + (" **silent**" if is_silent(row) else "") + doubt


def _words(code: str) -> str:
    return code.replace("_", " ")


def _named(row: Row) -> Row:
    return {**row, "name": NAMES[row["tool"]]}


NAMES = {"fireants": "FireANTs", **{contender.key: contender.name for contender in contenders(ROOT)}}

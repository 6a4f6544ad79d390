"""Sections of the documentation page on hepareg against the peers."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.load import load_text
from benchmarks.peers import REFERENCE
from benchmarks.tables import (
    ENDED_WELL,
    SILENT_MM,
    TOLERATED_LOSS_MM,
    Row,
    ToolSummary,
    is_reported,
    is_rigid_and_masked,
    is_silent,
    losses,
    markdown,
    names,
    number,
    ratio_to_reference,
    summarise_tool,
)

__all__ = ["comparison_sections", "provenance_text", "readme_block"]

UNTRAINED = """\
The published network (Christodoulidis et al. 2018, its encoder and linear branch on a region of 3 mm) has no trained
weights here: its row is the time of the untrained architecture, and nothing about its accuracy."""
SEPARATE = ("shared_noise",)
"""Difficulties that flatter every tool: shown pair by pair, left out of summaries."""


KNOWN_LEVEL_MM = {"antspy": 0.19, "elastix": 0.35}
"""Largest liver TRE of each on five real-CT pairs that were made before this project, rigid and masked, up to 33 mm of
motion: an adapter with a larger median on pairs of this kind is wrong, or the pairs are."""


def comparison_sections(result: dict[str, Any], *, title: str) -> list[str]:
    """Return the page's sections from a comparison."""
    rows = result["rows"]
    sections = [f"## {title}", provenance_text(result), _proofs(result["proofs"]), _pairs_not_run(result)]
    sections += [
        "### Accuracy",
        _accuracy(rows),
        _level(rows),
        _not_run(rows),
        "### Failures",
        _reported(rows),
        _silent(rows),
    ]
    sections += ["### Time and memory", _cost(rows, result["device"]["cores"]), "### Every pair", _by_pair(rows)]
    return [*sections, "### Where a peer is better", _losses(rows)]


def readme_block(result: dict[str, Any], without_masks: dict[str, Any] | None) -> str:
    """Return the short table for the README: accuracy, silent failures, time and memory with masks.

    A last column has the silent failures without masks, where that was run.
    """
    unmasked = _by_tool(without_masks["rows"]) if without_masks else {}
    rows = [row for row in result["rows"] if row["difficulty"] not in SEPARATE]
    table = []
    for tool, own in _by_tool(rows).items():
        if _finds_none(own) or _is_absent(own):
            continue
        summary = summarise_tool(own)
        cells = [number(summary.median_tre_mm), number(summary.worst_tre_mm), _num_silent(tool, summary)]
        cells += [
            number(_median(own, "process_s"), 1),
            _ratio(rows, tool, "process_s"),
            _ratio(rows, tool, "peak_bytes"),
        ]
        table.append([names()[tool], *cells, *([_silent_of(tool, unmasked.get(tool, []))] if unmasked else [])])
    header = ["tool", "TRE median mm", "worst", "silent failures", "seconds", "time / ANTsPy", "memory / ANTsPy"]
    header += ["silent without masks"] if unmasked else []
    num_pairs = len({row["pair"] for row in rows})
    text = f"{num_pairs} pairs with a simulated partner phase, masks given, {result['device']['cores']} cores:"
    return f"{text}\n\n{markdown(header, table)}"


def _silent_of(tool: str, rows: Sequence[Row]) -> str:
    """Return "2 of 6": wrong transforms that a tool returned as good, of the pairs that it was run on."""
    summary = summarise_tool(rows)
    return "–" if tool == "start" or not rows or _is_absent(rows) else f"{summary.num_silent} of {summary.num_pairs}"


def provenance_text(result: dict[str, Any]) -> str:
    """Return where and with what a result was measured."""
    device, versions = result["device"], result["versions"]
    commit, _, changes = result["commit"].partition("+")
    gpu = device["gpu"] or "no GPU"
    machine = f"{device['processor']}, {device['cores']} cores, {device['memory_gb']:g} GB, {gpu}, {device['system']}"
    return (
        f"Commit `{commit[:12]}`{' with changes' if changes else ''}; {machine}. "
        f"Settings: {', '.join(f'{k} {v}' for k, v in result['settings'].items())}. "
        f"Versions: {', '.join(f'{k} {v}' for k, v in versions.items())}."
    )


def _proofs(proofs: Sequence[dict[str, Any]]) -> str:
    table = [
        [names()[p["tool"]], p["version"] or "–", p["status"], number(p["distance_mm"], 3), p["reason"] or ""]
        for p in proofs
    ]
    text = "Before anything is scored, each adapter has to find a known transform between two grids that share nothing:"
    return f"{text}\n\n{markdown(['tool', 'version', 'convention', 'distance mm', 'reason'], table)}" if proofs else ""


def _accuracy(rows: Sequence[Row]) -> str:
    table = []
    for tool, own in _by_tool([row for row in rows if row["difficulty"] not in SEPARATE]).items():
        if _finds_none(own) or _is_absent(own):
            continue
        s = summarise_tool(own)
        counts = [str(n) for n in (s.num_pairs, s.num_found, s.num_reported)] + [_num_silent(tool, s)]
        table.append([names()[tool], number(s.median_tre_mm, 3), number(s.worst_tre_mm, 3), *counts])
    header = ["tool", "TRE median mm", "TRE worst mm", "pairs", "transforms", "reported failures", "silent failures"]
    return markdown(header, table)


def _level(rows: Sequence[Row]) -> str:
    """Return how the adapters of known level do on real-CT pairs, rigid and masked."""
    told = []
    for tool, own in _by_tool([row for row in rows if is_rigid_and_masked(row) and row["source"] == "real CT"]).items():
        value, known = summarise_tool(own).median_tre_mm, KNOWN_LEVEL_MM.get(tool)
        if value is not None and known is not None:
            judged = "reached" if value <= known else "**not reached: adapter or pairs are wrong**"
            told.append(f"{names()[tool]} {number(value)} mm, at most {number(known)} known: {judged}")
    text = "Level of the adapters on the real CT's rigid masked pairs, median against what is known of the tool"
    return f"{text}: {'; '.join(told)}." if told else ""


def _num_silent(tool: str, summary: ToolSummary) -> str:
    return "–" if tool == "start" else str(summary.num_silent)


def _not_run(rows: Sequence[Row]) -> str:
    absent = [f"{names()[tool]} ({own[0]['reason']})" for tool, own in _by_tool(rows).items() if _is_absent(own)]
    return f"Not run: {'; '.join(absent)}." if absent else ""


def _pairs_not_run(result: dict[str, Any]) -> str:
    left, done = result.get("pairs_not_run", []), len({row["pair"] for row in result["rows"]})
    return f"{done} of {done + len(left)} pairs; there was no time for {', '.join(left)}." if left else f"{done} pairs."


def _cost(rows: Sequence[Row], cores: int) -> str:
    table = []
    for tool, own in _by_tool(rows).items():
        if tool == "start" or _is_absent(own):
            continue
        cells = []
        for field, digits, scale in (("process_s", 1, 1.0), ("call_s", 2, 1.0), ("peak_bytes", 0, 1e-6)):
            value = _median(own, field)
            cells += [number(None if value is None else value * scale, digits), _ratio(rows, tool, field)]
        table.append([names()[tool], *cells])
    header = ["tool", "process s", "/ ANTsPy", "call s", "/ ANTsPy", "peak MB", "/ ANTsPy"]
    text = (
        "Medians over the pairs; ratios are medians of the ratios on the same pair. The peers' inputs (window, dilated "
        "mask, start) are prepared outside of their time; hepareg reads the original files. Memory is that of the "
        "largest process."
    )
    notes = [text, load_text(rows, cores=cores)]
    published = [row for row in rows if row["tool"] == "published_network"]
    notes += [UNTRAINED] if published and _finds_none(published) else []
    text = "\n\n".join(notes)
    return f"{text}\n\n{markdown(header, table)}"


def _by_pair(rows: Sequence[Row]) -> str:
    tools = [tool for tool, own in _by_tool(rows).items() if not (_finds_none(own) or _is_absent(own))]
    table = []
    for pair in dict.fromkeys(row["pair"] for row in rows):
        own = {row["tool"]: row for row in rows if row["pair"] == pair}
        first = next(iter(own.values()))
        cells = [_cell(own[tool]) if tool in own else "–" for tool in tools]
        table.append([pair, f"{first['difficulty']}, {first['source']}", *cells])
    return "TRE in mm of every pair:\n\n" + markdown(["pair", "kind", *(names()[tool] for tool in tools)], table)


def _cell(row: Row) -> str:
    if row["tre_mean_mm"] is None:
        return row["status"].replace("_", " ")
    note = f" ({row['decision']})" if row["decision"] in ("review", "reject") else ""
    return number(row["tre_mean_mm"], 3) + (" **silent**" if is_silent(row) else "") + note


def _losses(rows: Sequence[Row]) -> str:
    found = losses(rows)
    table = [
        [
            own["pair"],
            names()[peer["tool"]],
            number(peer["tre_mean_mm"], 3),
            _cell(own),
            number(_difference(own, peer), 3),
        ]
        for own, peer in found
    ]
    if not table:
        return "No peer has a smaller TRE than hepareg on any of these pairs."
    worse = sum(
        1 for own, peer in found if peer["tool"] == REFERENCE and (_difference(own, peer) or 1) > TOLERATED_LOSS_MM
    )
    text = f"Where a peer is better than hepareg ({worse} times ANTsPy by more than {TOLERATED_LOSS_MM} mm):"
    return f"{text}\n\n{markdown(['pair', 'peer', 'its TRE mm', 'TRE of hepareg mm', 'difference mm'], table)}"


def _difference(own: Row, peer: Row) -> float | None:
    return None if own["tre_mean_mm"] is None else own["tre_mean_mm"] - peer["tre_mean_mm"]


def _reported(rows: Sequence[Row]) -> str:
    table = [
        [names()[row["tool"]], row["pair"], row["decision"] or row["status"].replace("_", " "), row["reason"] or ""]
        for row in rows
        if is_reported(row)
    ]
    return f"Reported by the tool itself:\n\n{markdown(['tool', 'pair', 'how', 'reason'], table)}" if table else ""


def _silent(rows: Sequence[Row]) -> str:
    table = [[names()[row["tool"]], row["pair"], number(row["tre_mean_mm"], 1)] for row in rows if is_silent(row)]
    text = f"Transforms returned as good that are wrong by more than {SILENT_MM} mm of mean liver TRE: {len(table)}."
    return f"{text}\n\n{markdown(['tool', 'pair', 'TRE mm'], table)}" if table else text


def _by_tool(rows: Sequence[Row]) -> dict[str, list[Row]]:
    tools: dict[str, list[Row]] = {}
    for row in rows:
        tools.setdefault(row["tool"], []).append(row)
    return tools


def _is_absent(rows: Sequence[Row]) -> bool:
    return all(row["status"] == "not_run" for row in rows)


def _finds_none(rows: Sequence[Row]) -> bool:
    """Return whether a contender is timed alone: it ended well and gives no transform."""
    found = [row for row in rows if row["status"] == "found"]
    return bool(found) and all(row["tre_mean_mm"] is None for row in found)


def _median(rows: Sequence[Row], field: str) -> float | None:
    values = [row[field] for row in rows if row[field] is not None and row["status"] in ENDED_WELL]
    return median(values) if values else None


def _ratio(rows: Sequence[Row], tool: str, field: str) -> str:
    return number(ratio_to_reference(rows, tool, field), 3)

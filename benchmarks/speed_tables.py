"""Tables of the page on speed: hepareg alone, and on a GPU."""

from typing import Any

from benchmarks.tables import Column, Row, middle, table

__all__ = ["speed_tables"]


def _shape(key: str) -> Any:
    return lambda row: "x".join(map(str, row[key]))


def _spread(row: Row) -> str | None:
    seconds = row["process_s"]
    return f"{min(seconds):.2f} to {max(seconds):.2f}" if len(seconds) > 1 else None


RUNS: tuple[Column, ...] = (
    ("run", lambda row: row["name"] + ("" if row["status"] == "found" else f" ({row['status']}: {row['reason']})"), ""),
    ("fixed", _shape("fixed_shape"), ""), ("moving", _shape("moving_shape"), ""), ("threads", "threads", ""),
    ("process s", lambda row: middle(row["process_s"]), ".2f"), ("spread", _spread, ""),
    ("call s", lambda row: middle(row["call_s"]), ".3f"), ("processor s", lambda row: middle(row["cpu_s"]), ".2f"),
    ("peak MB", lambda row: row["peak_bytes"] and row["peak_bytes"] * 1e-6, ".0f"),
)  # fmt: skip
CALLS: tuple[Column, ...] = (
    ("volumes", lambda row: "on the device" if row["volumes"] == "cuda" else "in the host's memory", ""),
    ("work on", "device", ""), ("median ms", lambda row: 1e3 * row["median_s"], ".1f"),
    ("shortest", lambda row: 1e3 * min(row["call_s"]), ".1f"), ("longest", lambda row: 1e3 * max(row["call_s"]), ".1f"),
    ("TRE mm", "tre_mm", ".3f"), ("from the processor's result mm", "from_cpu_mm", ".4f"),
)  # fmt: skip
BATCHES: tuple[Column, ...] = (
    ("workers", "workers", ""), ("batch s", lambda row: middle(row["batch_s"]), ".2f"),
    ("pairs a second", "pairs_per_s", ".1f"), ("worst TRE mm", "worst_tre_mm", ".3f"),
)  # fmt: skip


def speed_tables(results: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of ``docs/speed.md`` by name, and whether MPS ran."""
    gpu, rows = results["gpu"], results["speed"]["rows"]
    areas = ("process", "size", "threads")
    return {
        **{area: table([row for row in rows if row["area"] == area], RUNS) for area in areas},
        "calls": table(gpu["registration"], CALLS),
        "batches": table(gpu["batches"], BATCHES),
        "alone_mps": gpu["registration"][0]["mps"],
        "pool_mps": gpu["batches"][0]["mps"],
    }

"""Run hepareg and the peers on the same pairs: ``python -m benchmarks.compare PAIRS [options]``.

Each run is a process of its own with a time limit. A failure, a run stopped at the time limit and a tool that is not
installed are rows, never the end of the benchmark. The result file is written again after each pair and names the pairs
that were not run, so that a stopped benchmark leaves a true result.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import Contender, Job, contenders
from benchmarks.measured import Outcome, run_measured
from benchmarks.pairs import Pair, find_pairs
from benchmarks.peers.preparation import DILATION_MM, WINDOW_HU, prepare
from benchmarks.peers.proof import TOLERANCE_MM, write_known_pair
from benchmarks.results import RESULTS, ROOT, provenance, write_result
from benchmarks.tables import Row
from hepareg.transforms import RigidTransform

__all__ = ["compare", "prove", "run_contender", "run_row"]

UNKNOWN: Row = dict.fromkeys(
    (
        "reason", "process_s", "cpu_s", "call_s", "peak_bytes", "load_average", "decision", "expected_tre_mm",
        "tre_mean_mm", "tre_worst_mm",
    )
)  # fmt: skip
"""Entries of a row that stay None if a tool was not run or did not find a transform."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, help="folder of pairs, as the simulator writes them")
    parser.add_argument("-o", "--out", type=Path, help="result file (default: in benchmarks/results)")
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".peers" / "bin" / "python")
    parser.add_argument("--only", nargs="+", help="names of pairs, or parts of names (default: all)")
    parser.add_argument("--tools", nargs="+", help="keys of the contenders to run (default: all)")
    parser.add_argument("--without-masks", action="store_true", help="give no tool a mask")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-s", type=float, default=600.0, help="time limit of one run")
    arguments = parser.parse_args()
    everything = contenders(arguments.peers_python.absolute())
    chosen = [c for c in everything if not arguments.tools or c.key in arguments.tools]
    masks = not arguments.without_masks
    found = [p for p in find_pairs(arguments.pairs) if not arguments.only or any(t in p.name for t in arguments.only)]
    pairs = [pair for pair in found if not masks or pair.parameters.get("masks", True)]
    out = arguments.out or RESULTS / ("comparison.json" if masks else "comparison_without_masks.json")
    compare(pairs, chosen, masks=masks, threads=arguments.threads, limit_s=arguments.limit_s, out=out)


def compare(pairs: list[Pair], chosen: list[Contender], *, masks: bool, threads: int, limit_s: float, out: Path) -> Row:
    """Prove the peers' conventions, run every contender on every pair, write the result file and return its content."""
    settings = {"masks": masks, "threads": threads, "limit_s": limit_s, "window_hu": list(WINDOW_HU)}
    settings["mask_dilation_mm"] = DILATION_MM
    proofs = [prove(c, threads=threads, limit_s=limit_s) for c in chosen if c.is_peer and c.key != "start"]
    refused = {proof["tool"]: proof for proof in proofs if proof["status"] != "proven"}
    result = {"kind": "comparison", **provenance(settings), "proofs": proofs, "pairs_not_run": [], "rows": []}
    for number, pair in enumerate(pairs, start=1):
        with tempfile.TemporaryDirectory() as folder:
            prepared = prepare(pair.folder, Path(folder) / "prepared", masks=masks)
            for contender in chosen:  # one after the other, so that ratios compare neighbours in time
                job = Job(pair, prepared, masks, threads)
                row = run_row(contender, job, limit_s=limit_s, refused=refused.get(contender.key))
                result["rows"].append(row)
                print(
                    *(f"{key} {row[key]}" for key in ("pair", "tool", "status", "tre_mean_mm", "process_s")), flush=True
                )
        result["pairs_not_run"] = [later.name for later in pairs[number:]]
        write_result(result, out)
    return result


def prove(peer: Contender, *, threads: int, limit_s: float) -> Row:
    """Return a row that says whether a peer finds a known transform between two grids with nothing in common."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known"
        write_known_pair(known)
        job = Job(Pair(known), prepare(known, Path(folder) / "prepared", masks=True), True, threads)
        answer, _ = run_contender(peer, job, limit_s)
        status, distance_mm = answer["status"], None
        if status == "found":
            distance_mm = job.pair.answer.errors(RigidTransform(answer["matrix"]))["liver_tre_mean_mm"]
            status = "proven" if distance_mm < TOLERANCE_MM else "wrong"
    told = {key: answer.get(key) for key in ("reason", "version")}
    return {"tool": peer.key, "status": status, "distance_mm": distance_mm, **told}


def run_row(contender: Contender, job: Job, *, limit_s: float, refused: Row | None = None) -> Row:
    """Return the row of one contender on one pair; a contender that the proof refused is not run."""
    facts = job.pair.parameters
    row = {
        **UNKNOWN,
        "pair": job.pair.name,
        "difficulty": facts.get("difficulty", "unnamed"),
        "source": facts.get("source", "phantom"),
        "masks": job.masks,
        "tool": contender.key,
    }
    if refused:
        reason = refused["reason"] or f"convention not proven: {refused['status']}"
        return row | {"status": "not_run", "reason": reason}
    answer, outcome = run_contender(contender, job, limit_s)
    if outcome:
        row |= {name: getattr(outcome, name) for name in ("process_s", "cpu_s", "peak_bytes", "load_average")}
    matrix, _ = answer.pop("matrix", None), answer.pop("version", None)
    row |= answer
    if matrix is not None:
        errors = job.pair.answer.errors(RigidTransform(matrix))
        row |= {"tre_mean_mm": errors["liver_tre_mean_mm"], "tre_worst_mm": errors["liver_tre_worst_mm"]}
    return row


def run_contender(contender: Contender, job: Job, limit_s: float) -> tuple[Row, Outcome | None]:
    """Run a contender in a process of its own; return its answer, and its measurements unless it cannot run here."""
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT)))}
    reason = contender.missing()
    if reason is not None:
        return {"status": "not_run", "reason": reason}, None
    with tempfile.TemporaryDirectory() as folder:
        job = replace(job, folder=Path(folder))
        command = list(map(str, contender.command(job)))
        outcome = run_measured(command, limit_s=limit_s, cwd=ROOT, environment=environment)
        if outcome.timed_out:
            return {"status": "timed_out", "reason": f"stopped after {limit_s:g} s"}, outcome
        if outcome.exit_status not in contender.good_statuses:
            return {"status": "failed", "reason": _last_line(outcome)}, outcome
        return contender.answer(job, outcome.exit_status), outcome


def _last_line(outcome: Outcome) -> str:
    """Return the last line that a failed tool printed, without the paths in it."""
    lines = [line.strip() for line in outcome.log_tail.splitlines() if line.strip()]
    text = " ".join(word for word in (lines[-1] if lines else "no message").split() if "/" not in word)
    status = outcome.exit_status
    ended = f"exit status {status}" if status >= 0 else f"ended by signal {-status}"
    return f"{ended}: {text}"[:200]


if __name__ == "__main__":
    main()

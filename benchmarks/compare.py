"""Run hepareg and the peers on the same pairs: ``python -m benchmarks.compare PAIRS [options]``.

Every run is a process of its own with a time limit. Failures, time limits and tools that are not
installed are rows, never the end of the benchmark; the result file is written again after every pair.
``--minutes`` ends a sitting before the pair that would not fit and names the pairs that were not run;
``--resume`` goes on with them on the same machine and commit.
"""

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Job, Peer, contenders
from benchmarks.measured import Outcome, run_measured
from benchmarks.pairs import Pair, find_pairs
from benchmarks.peers.inputs import rigid
from benchmarks.peers.preparation import DILATION_MM, WINDOW_HU, prepare
from benchmarks.peers.proof import TOLERANCE_MM, mean_distance_mm, write_known_pair
from benchmarks.results import RESULTS, ROOT, provenance, write_result
from benchmarks.sitting import Clock, continued, ordered, proven

__all__ = ["compare", "prove", "run_row"]

NOTHING = dict.fromkeys(
    (
        "call_s",
        "tre_mean_mm",
        "tre_worst_mm",
        "vessel_tre_mm",
        "rotation_error_deg",
        "translation_error_mm",
        "decision",
        "expected_tre_mm",
    )
)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, help="folder of pairs, as the simulator writes them")
    parser.add_argument("-o", "--out", type=Path, help="result file (default: in benchmarks/results)")
    parser.add_argument("--peers-python", type=Path, default=ROOT / ".peers" / "bin" / "python")
    parser.add_argument("--only", nargs="+", help="names of pairs, or parts of names (default: all)")
    parser.add_argument("--tools", nargs="+", help="keys of the contenders to run (default: all)")
    parser.add_argument("--without-masks", action="store_true", help="give nobody a mask")
    parser.add_argument("--weights", type=Path, help="trained weights of the published network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-s", type=float, default=600.0, help="time limit of one run")
    parser.add_argument("--minutes", type=float, help="end before the pair that would not fit (default: run all)")
    parser.add_argument("--resume", action="store_true", help="keep the pairs that the result file has complete")
    parser.add_argument("--proofs-of", type=Path, help="result of the same run whose proofs need not be repeated")
    arguments = parser.parse_args()
    everything = contenders(arguments.peers_python.absolute(), weights=arguments.weights)
    chosen = [c for c in everything if not arguments.tools or c.key in arguments.tools]
    masks = not arguments.without_masks
    pairs = [p for p in find_pairs(arguments.pairs) if not arguments.only or any(t in p.name for t in arguments.only)]
    out = arguments.out or RESULTS / ("comparison.json" if masks else "comparison_without_masks.json")
    compare(
        ordered(pairs, masks=masks),
        chosen,
        masks=masks,
        threads=arguments.threads,
        limit_s=arguments.limit_s,
        out=out,
        clock=Clock(arguments.minutes),
        resume=arguments.resume,
        proofs=arguments.proofs_of,
    )


def compare(
    pairs: list[Pair],
    chosen: list[Contender],
    *,
    masks: bool,
    threads: int,
    limit_s: float,
    out: Path,
    clock: Clock | None = None,
    resume: bool = False,
    proofs: Path | None = None,
) -> dict[str, Any]:
    """Prove the peers, run everything in the order of ``pairs``, write the result file and return its content.

    The pairs that the clock left no time for are in ``pairs_not_run``. With ``resume``, pairs on which the file
    ``out`` has a row of every contender are kept, where it comes from the same machine, commit and settings.
    ``proofs`` is a result file whose proofs stand for this run's where it comes from the same machine and commit.
    """
    clock = clock or Clock(None)
    settings = {
        "masks": masks,
        "threads": threads,
        "limit_s": limit_s,
        "window_hu": list(WINDOW_HU),
        "mask_dilation_mm": DILATION_MM,
    }
    result = {"kind": "comparison", **provenance(settings), "proofs": [], "pairs_not_run": [], "rows": []}
    if resume and out.exists():
        result["rows"] = _complete(continued(result, json.loads(out.read_text())), chosen)
    known = proven(result, json.loads(proofs.read_text()) if proofs and proofs.exists() else None)
    result["proofs"] = [
        known.get(c.key) or prove(c, threads=threads, limit_s=limit_s)
        for c in chosen
        if isinstance(c, Peer) and c.key != "start"
    ]
    refused = {proof["tool"]: proof for proof in result["proofs"] if proof["status"] != "proven"}
    done = {row["pair"] for row in result["rows"]}
    waiting = [pair for pair in pairs if pair.name not in done]
    while waiting and clock.allows(waiting[0].num_voxels):
        pair = waiting.pop(0)
        clock.begin()
        result["rows"] += _rows_of(pair, chosen, refused, masks=masks, threads=threads, limit_s=limit_s)
        clock.finish(pair.num_voxels)
        result["pairs_not_run"] = [pair.name for pair in waiting]
        write_result(result, out)
    return result


def _complete(rows: list[dict[str, Any]], chosen: list[Contender]) -> list[dict[str, Any]]:
    """Return the rows of the pairs on which every chosen contender has one."""
    tools: dict[str, set[str]] = {}
    for row in rows:
        tools.setdefault(row["pair"], set()).add(row["tool"])
    return [row for row in rows if tools[row["pair"]] >= {contender.key for contender in chosen}]


def prove(peer: Peer, *, threads: int, limit_s: float) -> dict[str, Any]:
    """Return whether a peer finds a known transform between grids that share nothing."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known"
        write_known_pair(known)
        job = Job(Pair(known), prepare(known, Path(folder) / "prepared", masks=True), True, Path(folder), threads)
        answer, _ = _run(peer, job, limit_s)
    known = {key: answer.get(key) for key in ("reason", "version")}
    proof = {"tool": peer.key, "status": answer["status"], "distance_mm": None, **known}
    if answer["status"] == "found":
        distance = mean_distance_mm(rigid(answer["matrix"]))
        proof |= {"distance_mm": distance, "status": "proven" if distance < TOLERANCE_MM else "wrong"}
    return proof


def run_row(contender: Contender, job: Job, *, limit_s: float) -> dict[str, Any]:
    """Return the row of one contender on one pair."""
    answer, outcome = _run(contender, job, limit_s)
    matrix, _ = answer.pop("matrix", None), answer.pop("version", None)
    row = {**_identity(contender, job), **NOTHING, "reason": None, **_measured(outcome), **answer}
    if matrix is not None:
        row |= asdict(job.pair.score(rigid(matrix)))
    return row


def _rows_of(
    pair: Pair, chosen: list[Contender], refused: dict[str, dict], *, masks: bool, threads: int, limit_s: float
) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(pair.folder, Path(folder) / "prepared", masks=masks)
        for contender in chosen:
            answers = Path(folder) / contender.key
            answers.mkdir()
            job = Job(pair, prepared, masks, answers, threads)
            if contender.key in refused:
                rows.append(_refused_row(contender, job, refused[contender.key]))
            else:
                rows.append(run_row(contender, job, limit_s=limit_s))
            _tell(rows[-1])
    return rows


def _run(contender: Contender, job: Job, limit_s: float) -> tuple[dict[str, Any], Outcome | None]:
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT)))}
    reason = contender.missing()
    if reason is not None:
        return {"status": "not_run", "reason": reason}, None
    outcome = run_measured(contender.command(job), limit_s=limit_s, cwd=ROOT, environment=environment)
    if outcome.timed_out:
        return {"status": "timed_out", "reason": f"stopped after {limit_s:g} s"}, outcome
    if outcome.exit_status not in contender.good_statuses:
        return {"status": "failed", "reason": _last_line(outcome)}, outcome
    return contender.answer(job, outcome), outcome


def _identity(contender: Contender, job: Job) -> dict[str, Any]:
    facts = job.pair.parameters
    return {
        "pair": job.pair.name,
        "difficulty": facts.get("difficulty", "unnamed"),
        "source": facts.get("source", "phantom"),
        "masks": job.masks,
        "tool": contender.key,
    }


def _measured(outcome: Outcome | None) -> dict[str, Any]:
    names = ("process_s", "cpu_s", "peak_bytes", "others_cpu_s")
    return {name: getattr(outcome, name) if outcome else None for name in names}


def _refused_row(contender: Contender, job: Job, proof: dict[str, Any]) -> dict[str, Any]:
    reason = proof["reason"] or f"convention not proven: {proof['status']}"
    return {**_identity(contender, job), **NOTHING, **_measured(None), "status": "not_run", "reason": reason}


def _last_line(outcome: Outcome) -> str:
    """Return the last line that a failed tool printed, less the paths in it."""
    lines = [line.strip() for line in outcome.log_tail.splitlines() if line.strip()]
    words = (lines[-1] if lines else "no message").split()
    text = " ".join(word for word in words if "/" not in word)
    ended = (
        f"exit status {outcome.exit_status}" if outcome.exit_status >= 0 else f"ended by signal {-outcome.exit_status}"
    )
    return f"{ended}: {text}"[:200]


def _tell(row: dict[str, Any]) -> None:
    print(
        json.dumps({key: row[key] for key in ("pair", "masks", "tool", "status", "tre_mean_mm", "process_s")}),
        flush=True,
    )


if __name__ == "__main__":
    main()

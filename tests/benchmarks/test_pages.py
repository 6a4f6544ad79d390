"""Numbers and tables of the pages: failures, ratios, losses, and that each page is the one that the results give."""

import json

import jsonschema
import pytest

from benchmarks.accuracy.scoring import judge
from benchmarks.accuracy.tables import named_tables, stress_tables
from benchmarks.comparison_tables import by_pair, is_reported, is_silent, losses, summaries
from benchmarks.page import BEGIN, END, load, main, measured, with_block
from benchmarks.results import ACCURACY_RESULTS, RESULTS, SCHEMA, provenance, write_result
from benchmarks.speed_tables import RUNS
from benchmarks.tables import table

SCHEMA_CONTENT = json.loads(SCHEMA.read_text())
NO_NUMBERS = dict.fromkeys(("call_s", "vessel_tre_mm", "rotation_error_deg", "translation_error_mm", "expected_tre_mm"))


def row(tool, tre, *, pair="p1", status="found", decision=None, process_s=1.0, reason=None, **more):
    return {
        **NO_NUMBERS, "pair": pair, "difficulty": "typical", "source": "phantom", "masks": True, "tool": tool,
        "status": status, "reason": reason, "process_s": process_s, "cpu_s": process_s, "peak_bytes": 1_000_000,
        "tre_mean_mm": tre, "tre_worst_mm": tre, "decision": decision, **more,
    }  # fmt: skip


ROWS = [
    row("hepareg", 0.30, decision="accept", process_s=3.0),
    row("antspy", 0.17, process_s=30.0),
    row("elastix", 16.0, process_s=15.0),
    row("hepareg", 0.10, pair="p2", decision="accept", process_s=4.0),
    row("antspy", 0.20, pair="p2", process_s=20.0),
    row("elastix", None, pair="p2", status="timed_out", reason="stopped after 5 s"),
]


def summary(tool, rows=ROWS):
    return next(line for line in summaries(rows) if line["tool"] == tool)


@pytest.fixture
def comparison():
    return {"kind": "comparison", **provenance({"threads": 2}), "proofs": [], "rows": ROWS}


def test_wrong_and_returned_as_good_is_a_silent_failure():
    assert is_silent(row("elastix", 16.0))
    assert is_silent(row("hepareg", 16.0, decision="accept"))


@pytest.mark.parametrize(
    "told",
    [
        row("hepareg", 16.0, decision="review"),
        row("hepareg", None, status="rejected", decision="reject"),
        row("antspy", None, status="failed"),
        row("antspy", None, status="timed_out"),
    ],
)
def test_a_failure_that_is_told_is_not_silent(told):
    assert is_reported(told)
    assert not is_silent(told)


def test_a_good_result_and_a_tool_that_was_not_run_are_no_failures():
    for good in (row("antspy", 0.2), row("hepareg", 0.2, decision="review"), row("greedy", None, status="not_run")):
        assert not is_silent(good)
        assert not is_reported(good)


def test_summary_counts_runs_without_a_transform():
    found = summary("elastix")
    counts = [found[key] for key in ("num_pairs", "num_found", "num_reported", "num_silent", "tre_mm", "worst_mm")]
    assert counts == [2, 1, 1, 1, 16.0, 16.0]


def test_ratio_is_taken_pair_by_pair_and_over_runs_that_ended():
    assert summary("hepareg")["process_ratio"] == pytest.approx((3 / 30 + 4 / 20) / 2)
    assert summary("antspy")["process_ratio"] == 1.0
    assert summary("elastix")["process_ratio"] == 0.5


def test_a_contender_that_is_only_timed_gives_no_transform_and_has_not_failed():
    timed = summary("published_network", [*ROWS, row("published_network", None, call_s=6.0)])
    assert (timed["gives_transform"], timed["was_run"], timed["call_s"], timed["num_reported"]) == (False, True, 6.0, 0)


def test_losses_name_the_tools_that_are_better_also_where_hepareg_has_no_transform():
    failed = [row("hepareg", None, pair="p3", status="failed"), row("greedy", 0.9, pair="p3")]
    found = [(line["pair"], line["tool"], line["loss_mm"]) for line in losses([*ROWS, *failed])]
    assert found == [("p1", "antspy", pytest.approx(0.13)), ("p3", "greedy", None)]


def test_table_of_pairs_shows_failures_and_doubts():
    text = by_pair([*ROWS, row("hepareg", 2.0, pair="p3", decision="review")])
    assert "| p1 | typical, phantom | 0.300 | 0.170 | 16.000 **silent** |" in text
    assert "| p2 | typical, phantom | 0.100 | 0.200 | timed out |" in text
    assert "| p3 | typical, phantom | 2.000 (review) | – | – |" in text


def test_speed_rows_are_medians_with_their_spread():
    run = {
        "name": "hepareg",
        "threads": 2,
        "status": "found",
        "reason": None,
        "fixed_shape": [5, 6, 7],
        "moving_shape": [5, 6, 8],
        "process_s": [1.0, 1.2, 1.1],
        "cpu_s": [2.0],
        "call_s": [],
        "peak_bytes": 5e8,
    }
    assert "| hepareg | 5x6x7 | 5x6x8 | 2 | 1.10 | 1.00 to 1.20 | – | 2.00 | 500 |" in table([run], RUNS)
    failed = {**run, "status": "failed", "reason": "exit status 1", "process_s": [], "cpu_s": [], "peak_bytes": None}
    assert "| hepareg (failed: exit status 1) | 5x6x7 | 5x6x8 | 2 | – | – | – | – | – |" in table([failed], RUNS)


def test_a_result_tells_commit_machine_and_load(comparison):
    text = measured(core_set={**comparison, "commit": "0123456789abcdef+changes"})
    assert text.startswith("- core set: commit `0123456789ab` with changes; ")
    assert "threads 2; python" in text
    loaded = {
        **comparison,
        "rows": [{"load_average": [0.5, 1.5]}, {"load_average": [[2.0, 3.0]]}, {"load_average": None}],
    }
    assert load(loaded) == ["load average 1.8, at most 3.0"]
    cores = comparison["device"]["cores"]
    shared = {**comparison, "rows": [{"others_cpu_s": [0.2 * cores, 0.0], "process_s": [2.0, 1.0]}]}
    assert load(shared) == ["other programs took 5.0% of the processors, at most 10.0%"]


def test_pairs_worse_than_expected_are_counted():
    known = dict.fromkeys(
        ("start_tre_mean_mm", "liver_tre_worst_mm", "rotation_error_deg", "translation_error_mm", "dice")
    )
    line = {**known, "pair": "a", "difficulty": "5 mm", "status": "found", "liver_tre_mean_mm": 0.25, "judgement": None,
            "expected_tre_mm": 0.33, "decision": "accept", "evidence": {"interpolation_pull_mm": 0.3}, "seconds": 1.0,
            "peak_memory_bytes": 1e9}  # fmt: skip
    rows = [line, {**line, "liver_tre_mean_mm": 0.4}, {**line, "expected_tre_mm": None, "evidence": None}]
    (part,) = named_tables([{"rows": rows}])["parts"]
    assert (part["num_exceeded"], part["num_judged"]) == (1, 2)
    assert "| a | 5 mm | found | – | 0.25 | – | 0.33 | 0.30 |" in part["cases"]


def test_verdicts_of_the_stress_set_are_counted():
    def line(trouble, tre, decision):
        bands = {"translation_mm": [0.0, 10.0], "rotation_deg": [0.0, 9.0]}
        return {**bands, "trouble": trouble, "liver_tre_mean_mm": tre, "expected_tre_mm": 0.3, "decision": decision,
                "judgement": judge(decision, tre)}  # fmt: skip

    rows = [line("none", 0.2, "accept"), line("none", 0.4, "review"), line("noise", 0.8, "review")]
    rows += [line("wrong_patient", None, "accept"), line("no_mask", 5.0, "accept")]
    (part,) = stress_tables([{"rows": rows}])["parts"]
    assert part["num_false_accepts"] == 2
    assert (part["foreseen_accepted"], part["foreseen"]) == ("50.0 % of 2", "50.0 % of 4")
    assert "| 0-9 deg | 60 | – |" in part["capture"]
    assert "| none | 2 | 2 | 1 | 0 | 1 | 0 |" in part["troubles"]


def test_only_the_block_between_the_marks_is_written():
    text = f"# hepareg\n{BEGIN}\nold numbers\n{END}\nafter\n"
    new = with_block(text, "new numbers\n")
    assert new == f"# hepareg\n{BEGIN}\nnew numbers\n{END}\nafter\n"
    for broken in ("# hepareg\n", f"{BEGIN}\n"):
        with pytest.raises(ValueError, match="expected the lines"):
            with_block(broken, "new numbers\n")


def test_a_result_is_written_as_it_is_or_refused(comparison, tmp_path):
    write_result(comparison, tmp_path / "result.json")
    assert json.loads((tmp_path / "result.json").read_text()) == comparison
    del comparison["device"]
    with pytest.raises(jsonschema.ValidationError, match="device"):
        write_result(comparison, tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


def test_committed_results_fit_the_schema():
    files = [*RESULTS.glob("*.json"), *ACCURACY_RESULTS.glob("*_hepareg.json")]
    assert len(files) >= 7
    for path in files:
        jsonschema.validate(json.loads(path.read_text()), SCHEMA_CONTENT)


@pytest.mark.parametrize(("tool", "known_mm"), [("antspy", 0.19), ("elastix", 0.35)])
@pytest.mark.parametrize("name", ["comparison", "comparison_same_grid"])
def test_adapters_reach_the_known_level_of_their_tools(name, tool, known_mm):
    """The known level is the largest TRE on five rigid, masked real-CT pairs that were made before this project."""
    rows = json.loads((RESULTS / f"{name}.json").read_text())["rows"]
    easy = [r for r in rows if r["difficulty"] not in ("bending_liver", "imperfect_mask", "no_mask", "shared_noise")]
    assert summary(tool, [r for r in easy if r["source"] == "real CT"])["tre_mm"] <= known_mm


def test_every_page_is_written_from_the_committed_results(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().err

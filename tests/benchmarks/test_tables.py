"""Tables and pages made from result files: what counts as a failure, ratios, losses, the README block."""

import json

import jsonschema
import pytest

from benchmarks.goals_page import goals_section
from benchmarks.page import BEGIN, COMPARISONS, END, build_page, build_readme, main
from benchmarks.results import SCHEMA, provenance, write_result
from benchmarks.speed_page import distance_from_floor, speed_sections
from benchmarks.tables import is_reported, is_silent, losses, markdown, ratio_to_reference, summarise_tool

NOTHING = dict.fromkeys((*COMPARISONS, "speed", "gpu", "simulation_speed"))
SCHEMA_CONTENT = json.loads(SCHEMA.read_text())


def row(tool, tre, *, pair="p1", masks=True, status="found", decision=None, process_s=1.0, reason=None):
    return {
        "pair": pair,
        "difficulty": "typical",
        "source": "phantom",
        "masks": masks,
        "tool": tool,
        "status": status,
        "reason": reason,
        "process_s": process_s,
        "cpu_s": process_s,
        "call_s": None,
        "peak_bytes": 1_000_000,
        "tre_mean_mm": tre,
        "tre_worst_mm": tre,
        "vessel_tre_mm": tre,
        "rotation_error_deg": tre,
        "translation_error_mm": tre,
        "decision": decision,
        "expected_tre_mm": None,
    }


@pytest.fixture
def comparison():
    rows = [
        row("hepareg", 0.30, decision="accept", process_s=3.0),
        row("antspy", 0.17, process_s=30.0),
        row("elastix", 16.0, process_s=15.0),
        row("hepareg", 0.10, pair="p2", decision="accept", process_s=4.0),
        row("antspy", 0.20, pair="p2", process_s=20.0),
        row("elastix", None, pair="p2", status="timed_out", reason="stopped after 5 s"),
        row("fireants", None, status="not_run", reason="no CUDA device here"),
    ]
    proofs = [{"tool": "antspy", "status": "proven", "reason": None, "version": "0.6.3", "distance_mm": 0.01}]
    return {"kind": "comparison", **provenance({"threads": 2}), "proofs": proofs, "rows": rows}


@pytest.fixture
def speed():
    measured = {"process_s": [1.0, 1.2], "cpu_s": [2.0, 2.1], "call_s": [0.5], "peak_bytes": 500_000_000}
    shapes = {"fixed_shape": [512, 512, 119], "moving_shape": [476, 476, 153]}
    rows = [
        {"area": "process", "name": "hepareg", "threads": 2, "status": "found", "reason": None, **shapes, **measured}
    ]
    return {"kind": "speed", **provenance({"repeats": 2}), "rows": rows}


def test_wrong_and_silent_is_a_silent_failure():
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


def test_a_good_result_and_a_tool_that_is_not_there_are_no_failures():
    for good in (row("antspy", 0.2), row("hepareg", 0.2, decision="review"), row("fireants", None, status="not_run")):
        assert not is_silent(good)
        assert not is_reported(good)


def test_summary_counts_what_is_missing(comparison):
    summary = summarise_tool([r for r in comparison["rows"] if r["tool"] == "elastix"])
    assert (summary.num_pairs, summary.num_found, summary.num_reported, summary.num_silent) == (2, 1, 1, 1)
    assert summary.median_tre_mm == summary.worst_tre_mm == 16.0


def test_ratio_is_taken_pair_by_pair(comparison):
    rows = comparison["rows"]
    assert ratio_to_reference(rows, "hepareg", "process_s") == pytest.approx((3 / 30 + 4 / 20) / 2)
    assert ratio_to_reference(rows, "antspy", "process_s") == 1.0
    assert ratio_to_reference(rows, "greedy", "process_s") is None


def test_losses_name_the_peers_that_are_better(comparison):
    found = losses(comparison["rows"])
    assert [(own["pair"], peer["tool"]) for own, peer in found] == [("p1", "antspy")]


def test_page_shows_failures_losses_and_where_it_was_run(comparison, speed):
    rejected = row("hepareg", None, masks=False, status="rejected", decision="reject", reason="no_liver_mask")
    without = {**comparison, "rows": [rejected]}
    page = build_page({**NOTHING, "comparison": comparison, "comparison_without_masks": without, "speed": speed})
    for text in (
        "16.000 **silent**",
        "timed out",
        "Not run: FireANTs (no CUDA device here).",
        "Where a peer is better than hepareg (1 times",
        comparison["commit"][:12],
    ):
        assert text in page
    assert "512x512x119" in page
    assert "| p1 | typical, phantom | rejected |" in page


@pytest.mark.parametrize(("tre", "words"), [(0.18, "reached"), (0.38, "**not reached: adapter or pairs are wrong**")])
def test_adapters_of_known_level_are_held_to_it_on_real_ct(comparison, tre, words):
    page = build_page({**NOTHING, "comparison": comparison})
    assert "Level of the adapters" not in page
    comparison["rows"].append({**row("antspy", tre, pair="p3"), "source": "real CT"})
    comparison["rows"].append({**row("antspy", 9.0, pair="p4"), "source": "real CT", "difficulty": "bending_liver"})
    page = build_page({**NOTHING, "comparison": comparison})
    assert f"ANTsPy {tre} mm, at most 0.19 known: {words}." in page


def test_what_is_only_timed_is_no_transform_that_failed(comparison):
    comparison["rows"].append({**row("published_network", None), "call_s": 6.0})
    page = build_page({**NOTHING, "comparison": comparison})
    assert "| published network | 1.0 |" in page
    assert "no trained\nweights here" in page
    assert "| published network |" not in build_readme(f"{BEGIN}\n{END}", {**NOTHING, "comparison": comparison})


def test_load_of_the_machine_is_told(comparison):
    assert "was not recorded" in build_page({**NOTHING, "comparison": comparison})
    cores = comparison["device"]["cores"]
    for own in comparison["rows"]:
        own["others_cpu_s"] = 0.01 * own["process_s"] * cores
    assert "a median of 1.0% of its processors and at most 1.0%: a quiet machine." in build_page(
        {**NOTHING, "comparison": comparison}
    )
    comparison["rows"][0]["others_cpu_s"] = 0.5 * comparison["rows"][0]["process_s"] * cores
    assert "**not a quiet machine**, for 1 of 7 runs" in build_page({**NOTHING, "comparison": comparison})


def test_pairs_without_time_are_named_and_silent_failures_without_masks_are_in_the_readme(comparison):
    comparison["pairs_not_run"] = ["real_noise"]
    results = {**NOTHING, "comparison": comparison, "comparison_without_masks": comparison}
    assert "2 of 3 pairs; there was no time for real_noise." in build_page(results)
    text = build_readme(f"{BEGIN}\n{END}", results)
    assert "| silent without masks |" in text
    assert "| 1 of 2 |" in text


def test_goals_are_judged_on_the_standard_pair_and_the_pairs_are_shown_beside(comparison, speed):
    twin = {**speed["rows"][0], "name": "ANTsPy", "process_s": [11.0]}
    table = goals_section({**NOTHING, "comparison": comparison, "speed": {**speed, "rows": [*speed["rows"], twin]}})
    assert "same run | 0.100 | yes | 0.150 (2 pairs) |" in table
    assert "1/25 | not measured: the speed of the standard pair has not been run | – | – |" in table


def test_goals_on_a_gpu_say_which(comparison):
    warm = {
        "volumes": "cuda",
        "device": "cuda",
        "median_s": 0.05,
        "call_s": [0.05, 0.06],
        "tre_mm": 0.1,
        "from_cpu_mm": 0.0,
        "mps": False,
    }
    gpu = {
        **{name: comparison[name] for name in ("commit", "versions")},
        "settings": {"batch": 32, "anatomies": 4, "repeats": 2},
        "device": {**comparison["device"], "gpu": "Some Card"},
        "registration": [warm, {**warm, "volumes": "host", "median_s": 0.08}],
        "batches": [
            {"workers": n, "batch_s": [0.4], "pairs_per_s": 10.0 * n, "worst_tre_mm": 0.1, "mps": True} for n in (8, 12)
        ],
        "training": [{"shape": [200, 512, 512], "encoder": "efficient", "pairs_per_s": 6.0, "peak_bytes": 4.7e9}],
        "simulation": [{"size": "96x96x96", "batch": 32, "pairs_per_minute": 30_000.0}],
    }
    page = build_page({**NOTHING, "gpu": gpu})
    assert "at most 40 ms | 0.050 s (Some Card) | **no** |" in page
    assert "without NVIDIA's multi-process" in page
    assert "`RegistrationPool` under MPS" in page
    assert "100 pairs a second | 120 pairs/s (Some Card) | yes |" in page
    assert "| 200x512x512 | efficient | 6.0 | 4.70 |" in page
    assert "FireANTs" not in page

    def peer_row(tool, seed, tre, warm):
        return {"tool": tool, "seed": seed, "masks": True, "status": "found", "reason": None, "cold_s": 2 * warm[0],
                "warm_s": warm, "peak_bytes": 5_000_000_000, "tre_mm": tre}  # fmt: skip

    part = {
        **{name: gpu[name] for name in ("commit", "versions", "device")},
        "settings": {"repeats": 2},
        "version": "1.5.0",
        "rows": [
            peer_row("fireants", 1, 0.2, [3.0, 3.2]),
            peer_row("fireants", 2, 0.4, [3.1, 3.1]),
            peer_row("hepareg", 1, 0.05, [0.06, 0.06]),
            {"tool": "fireants", "seed": 1, "masks": False, "status": "failed", "reason": "no memory"},
        ],
    }
    page = build_page({**NOTHING, "gpu": {**gpu, "fireants": part}})
    assert "FireANTs 1.5.0 (without its fused" in page
    assert "on one card (Some Card)" in page
    assert "| FireANTs | yes | 2 of 2 | 0.300 | 0.400 | 3100.0 | 6100.0 | 5.00 |" in page
    assert "| hepareg | yes | 1 of 1 | 0.050 | 0.050 | 60.0 | 120.0 | 5.00 |" in page
    assert "FireANTs failed on pair 1 without masks: no memory." in page


def test_simulation_is_held_to_what_was_promised(comparison):
    def run(seconds, gib):
        return {"size": "9x9x9", "seconds": seconds, "peak_bytes": gib * 2**30, "promised": promised}

    promised = {"seconds": 60.0, "peak_bytes": 4 * 2**30}
    simulation = {
        **{name: comparison[name] for name in ("commit", "versions", "device", "settings")},
        "rows": [run(50.0, 2), run(55.0, 2), run(70.0, 2)],
        "device_pairs": {"size": "96x96x96", "pairs_per_minute": 100.0},
    }
    assert "| 9x9x9 | 55.0 | 2.15 | 60 s, 4 GiB | yes |" in build_page({**NOTHING, "simulation_speed": simulation})
    simulation["rows"][0] = run(50.0, 5)
    assert "| 60 s, 4 GiB | **no** |" in build_page({**NOTHING, "simulation_speed": simulation})


def test_page_without_results_says_so():
    page = build_page(NOTHING)
    assert "Has not been run" in page
    assert "| yes |" not in page
    assert "**no**" not in page


@pytest.mark.parametrize(("tre", "share", "worse"), [(0.17, "100% of 2", "yes"), (0.30, "50% of 2", "**no**")])
def test_goals_are_judged_by_the_results(comparison, tre, share, worse):
    comparison["rows"][0]["tre_mean_mm"] = tre
    table = goals_section({**NOTHING, "comparison": comparison})
    assert f"| {share} | yes |" in table
    assert f"and never more than 0.05 mm worse | {tre - 0.17:.3f} mm | {worse} |" in table
    assert "| 0 of 2 runs with masks and 0 without | – |" in table


def test_a_silent_failure_misses_the_goal(comparison):
    comparison["rows"][0]["tre_mean_mm"] = 20.0
    assert "| 1 of 2 runs with masks and 0 without | **no** |" in goals_section({**NOTHING, "comparison": comparison})


def test_readme_block_is_replaced_and_the_rest_kept(comparison):
    results = {**NOTHING, "comparison": comparison}
    text = f"# hepareg\n{BEGIN}\nold numbers\n{END}\nafter\n"
    new = build_readme(text, results)
    assert new.startswith("# hepareg\n")
    assert new.endswith(f"{END}\nafter\n")
    assert "old numbers" not in new
    assert "| ANTsPy |" in new
    assert build_readme(new, results) == new


def test_readme_without_marks_stays_and_half_a_mark_is_an_error(comparison):
    assert build_readme("# hepareg\n", {**NOTHING, "comparison": comparison}) == "# hepareg\n"
    with pytest.raises(ValueError, match="ends them"):
        build_readme(f"{BEGIN}\n", {**NOTHING, "comparison": comparison})


def test_the_distance_from_the_floor_is_a_ratio_on_the_same_volumes_and_threads(speed):
    run = speed["rows"][0]
    rows = [
        run,
        {**run, "name": "hepareg, library call", "call_s": [0.5]},
        {**run, "name": "floor: imports and reading", "process_s": [0.4]},
        {**run, "name": "floor: imports and reading", "process_s": [9.0], "threads": 1},
        {**run, "name": "machine: inflate the four files", "call_s": [0.2]},
        {**run, "name": "machine: read both livers' boxes once", "call_s": [0.02]},
    ]
    assert distance_from_floor(rows[0], rows) == pytest.approx((1.1 / 0.4, 1.1 / 0.22))
    assert distance_from_floor(rows[1], rows) == (None, pytest.approx(25.0))
    assert [distance_from_floor(row, rows) for row in rows[2:]] == [(None, None)] * 4
    assert distance_from_floor(run, [run]) == (None, None)
    text = "\n".join(speed_sections({**speed, "rows": rows}))
    assert "The four files hold 198 MB of voxels; one core inflates 988 MB of them a second." in text
    assert "| 500 | 2.75 | 5.0 |" in text


def test_results_fit_the_schema(comparison, speed, tmp_path):
    for result in (comparison, speed):
        write_result(result, tmp_path / "result.json")
        assert json.loads((tmp_path / "result.json").read_text()) == result


def test_a_result_without_its_device_is_refused(comparison, tmp_path):
    del comparison["device"]
    with pytest.raises(jsonschema.ValidationError, match="device"):
        write_result(comparison, tmp_path / "result.json")
    assert not (tmp_path / "result.json").exists()


def test_committed_results_fit_the_schema():
    for path in sorted(SCHEMA.parent.glob("results/*.json")):
        jsonschema.validate(json.loads(path.read_text()), SCHEMA_CONTENT)


def test_markdown_table():
    assert markdown(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def test_pages_are_written_from_the_committed_results(capsys):
    assert main(["--check"]) == 0, capsys.readouterr().err

"""What is run in one sitting: the order of the pairs, the clock, and what an earlier sitting leaves."""

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import compare as comparing
from benchmarks import run
from benchmarks.accuracy.core_pairs import core_pairs
from benchmarks.compare import compare
from benchmarks.pairs import find_pairs
from benchmarks.peers.proof import TRUTH, write_known_pair
from benchmarks.run import made, steps
from benchmarks.sitting import Clock, continued, ordered, proven
from tests.benchmarks.test_compare import Pretender

RUN = {"kind": "comparison", "commit": "abc", "device": {"cores": 2}, "versions": {"torch": "2"}, "settings": {"a": 1}}


def core():
    """Return the core set's pairs, as far as their order goes."""
    for pair in core_pairs(with_real_ct=True):
        facts = {"difficulty": pair.difficulty, "source": pair.source, "masks": pair.masks}
        yield SimpleNamespace(name=pair.name, parameters=facts)


def test_first_half_has_every_difficulty_once_and_both_sources_in_turn():
    pairs = ordered(list(core()), masks=True)
    assert len(pairs) == 22
    first = pairs[:11]
    assert len({pair.parameters["difficulty"] for pair in first}) == 11
    assert all(a.parameters["source"] != b.parameters["source"] for a, b in pairwise(first[:10]))
    assert [pair.parameters["difficulty"] for pair in first[-2:]] == ["long_scan", "shared_noise"]


def test_without_masks_the_pairs_made_for_it_come_first_and_none_is_left_out():
    pairs = ordered(list(core()), masks=False)
    assert len(pairs) == len({pair.name for pair in pairs}) == 24
    assert pairs[0].parameters["difficulty"] == "no_mask"


def test_clock_stops_before_the_pair_that_would_not_fit():
    now = [0.0]
    clock = Clock(1.0, now=lambda: now[0])
    assert clock.allows(1e9)
    clock.begin()
    now[0] = 25.0
    clock.finish(100)
    assert clock.allows(100)  # 25 s more end at 50 s
    assert not clock.allows(150)
    now[0] = 40.0
    assert not clock.allows(100)
    assert Clock(None, now=lambda: now[0]).allows(1e9)


def test_earlier_rows_count_of_the_same_run_alone():
    earlier = {**RUN, "rows": [{"pair": "p"}], "proofs": [{"tool": "antspy"}]}
    assert continued(RUN, earlier) == [{"pair": "p"}]
    assert proven({**RUN, "settings": {"a": 2}}, earlier) == {"antspy": {"tool": "antspy"}}
    assert continued(RUN, None) == []
    assert continued({**RUN, "settings": {"a": 2}}, earlier) == []
    for key, value in {"commit": "def", "device": {}, "versions": {}}.items():
        assert continued({**RUN, key: value}, earlier) == []
        assert proven({**RUN, key: value}, earlier) == {}
    changed = {**RUN, "commit": "abc+changes"}
    assert continued(changed, {**earlier, "commit": "abc+changes"}) == []


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for name in ("a", "b"):
        write_known_pair(folder / name)
        np.savetxt(folder / name / "truth.txt", TRUTH.matrix)
    return find_pairs(folder)


def test_a_stopped_sitting_names_what_is_left_and_the_next_goes_on(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(comparing, "provenance", lambda settings: {**comparing_provenance(settings), "commit": "abc"})
    tool, out = Pretender("good", "pass", TRUTH.matrix), tmp_path / "r.json"
    now = iter([0.0, 0.0, 0.0, 1.0, 50.0, 50.0, 50.0])
    options = {"masks": True, "threads": 1, "limit_s": 60.0, "out": out}
    stopped = compare(pairs, [tool], clock=Clock(1.0, now=lambda: next(now)), **options)
    assert [row["pair"] for row in stopped["rows"]] == ["a"]
    assert json.loads(out.read_text())["pairs_not_run"] == ["b"]
    kept = stopped["rows"][0]["process_s"]
    whole = compare(pairs, [tool], resume=True, **options)
    assert [row["pair"] for row in whole["rows"]] == ["a", "b"]
    assert whole["rows"][0]["process_s"] == kept
    assert whole["pairs_not_run"] == []
    another = compare(pairs, [tool, Pretender("new", "pass", TRUTH.matrix)], resume=True, **options)
    assert [(row["pair"], row["tool"]) for row in another["rows"]] == [
        ("a", "good"), ("a", "new"), ("b", "good"), ("b", "new"),
    ]  # fmt: skip


comparing_provenance = comparing.provenance


def test_minutes_are_shared_out_and_speed_goes_first(tmp_path):
    arguments = SimpleNamespace(minutes=40.0, resume=False, tools=None, threads=2, peers_python=tmp_path)
    spent = iter([600.0, 1800.0, 2100.0])
    folders = [tmp_path / name for name in ("core", "same_grid", "speed")]
    speed, masked, same_grid, unmasked = steps(*folders, arguments, spent_s=lambda: next(spent))
    assert speed[0] == "benchmarks.speed.measure"
    assert masked[masked.index("--minutes") + 1] == "21.00"
    assert same_grid[same_grid.index("--minutes") + 1] == "6.00"
    assert same_grid[1] == str(folders[1])
    assert Path(same_grid[same_grid.index("-o") + 1]).stem == "comparison_same_grid"
    assert unmasked[unmasked.index("--minutes") + 1] == "5.00"
    assert "--without-masks" in unmasked
    full = SimpleNamespace(minutes=None, resume=False, tools=["antspy"], threads=2, peers_python=tmp_path)
    assert all("--minutes" not in words for words in steps(*folders, full, spent_s=float))


def test_pairs_that_are_there_stay_until_their_sources_change(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(run, "module", lambda name, *words: calls.append(words))
    core = made(tmp_path / "core", "maker", "make", "--keep", "-o")
    assert calls == [("make", "--keep", "-o", str(core))]
    (core / "pair").mkdir()
    made(core, "maker")
    assert (core / "pair").exists()
    monkeypatch.setattr(run, "sources_hash", lambda: "other")
    made(core, "maker")
    assert not (core / "pair").exists()

"""The page about the trained network, and what its result on other seeds says."""

from benchmarks.accuracy.training_seeds import NAME, REAL, SIMULATED
from benchmarks.results import read_result
from benchmarks.trained_network import PAGE, spread_over_seeds


def test_every_seed_halves_the_error_of_its_start_on_both_kinds_of_pairs():
    rows = read_result(NAME)["rows"]
    assert len({row["seed"] for row in rows}) >= 3
    assert {row["pairs"] for row in rows} == {SIMULATED, REAL}
    for row in rows:
        assert row["num_failed"] == 0
        assert row["tre_mm"] <= row["start_tre_mm"] / 2, row
        assert row["worst_tre_mm"] < 2 * row["start_tre_mm"]


def test_the_page_shows_every_row_and_is_the_one_that_is_kept():
    result = read_result(NAME)
    section = spread_over_seeds(result)
    assert section.count("\n| ") == len(result["rows"]) + 1
    assert PAGE.read_text().endswith(section)
    assert spread_over_seeds(None) == ""

from benchmarks.accuracy.parallel_grids import page


def test_the_table_says_how_often_the_expected_error_holds():
    row = {
        "spacing_mm": (1.1, 1.1, 2.5),
        "seed": 1,
        "translation_mm": 5.0,
        "rotation_deg": 0.5,
        "tre_mean_mm": 0.25,
        "expected_tre_mm": 0.33,
        "pull_mm": 0.32,
        "mean_error_mm": [-0.01, 0.02, 0.24],
        "decision": "accept",
    }
    text = page([row, {**row, "tre_mean_mm": 0.4}])
    assert "at least the true one on 1 of 2 pairs" in text
    assert "| 1.1 x 1.1 x 2.5 | 5 mm | 0.5 | 0.25 | 0.33 | 0.32 | -0.01, +0.02, +0.24 | accept |" in text

"""The encoders' benchmark measures both and writes their ratio."""

import json
import sys

import pytest

from benchmarks.speed import encoders


@pytest.mark.slow
def test_both_encoders_are_measured_in_one_run(tmp_path, monkeypatch):
    out = tmp_path / "encoders.json"
    shape = ["--shape", "20", "20", "20"]
    monkeypatch.setattr(sys, "argv", ["encoders", "-o", str(out), *shape, "--repeats", "1"])
    encoders.main()
    result = json.loads(out.read_text())
    assert [row["encoder"] for row in result["rows"]] == ["published", "efficient"]
    published, efficient = result["rows"]
    assert all(row["pairs_per_s"] > 0 and row["peak_bytes"] >= 0 for row in result["rows"])
    ratio = result["efficient_over_published"]["pairs_per_s"]
    assert ratio == pytest.approx(efficient["pairs_per_s"] / published["pairs_per_s"])

"""The measuring of processes: their own memory, their time limit, their exit status."""

import sys

import numpy as np

from benchmarks.measured import run_measured

MB = 1e6


def test_memory_is_of_the_process_and_not_of_the_caller():
    held = np.ones(40_000_000)
    outcome = run_measured([sys.executable, "-c", "pass"], limit_s=30)
    assert outcome.exit_status == 0
    assert outcome.peak_bytes < 60 * MB < held.nbytes


def test_memory_that_the_process_needs_is_seen():
    outcome = run_measured(
        [sys.executable, "-c", "x = bytearray(200_000_000); x[::4096] = b'1' * len(x[::4096])"], limit_s=30
    )
    assert 200 * MB < outcome.peak_bytes < 260 * MB


def test_children_of_the_process_count():
    child = "x = bytearray(150_000_000); x[::4096] = b'1' * len(x[::4096])"
    outcome = run_measured(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"], limit_s=30
    )
    assert outcome.peak_bytes > 150 * MB


def test_time_limit_stops_the_process():
    outcome = run_measured([sys.executable, "-c", "import time; time.sleep(60)"], limit_s=0.5)
    assert outcome.timed_out
    assert outcome.exit_status != 0
    assert outcome.process_s < 10


def test_failure_is_an_outcome_with_its_text():
    outcome = run_measured([sys.executable, "-c", "raise SystemExit('no such image')"], limit_s=30)
    assert outcome.exit_status == 1
    assert not outcome.timed_out
    assert "no such image" in outcome.log_tail


def test_processor_seconds_and_the_load_of_the_machine_are_recorded():
    busy = "import time; end = time.process_time() + 0.4\nwhile time.process_time() < end: pass"
    outcome = run_measured([sys.executable, "-c", busy], limit_s=30)
    assert 0.35 < outcome.cpu_s < 5
    assert len(outcome.load_average) == 2
    assert min(outcome.load_average) >= 0

"""Stages are announced as they begin and timed in their order."""

import time

import pytest

from hepareg.clock import Clock


def test_stages_are_announced_and_timed_in_order():
    announced = []
    clock = Clock(announced.append)
    for stage in ("reading", "writing"):
        with clock(stage):
            assert announced[-1] == stage
            time.sleep(0.01)
    assert list(clock.seconds) == announced == ["reading", "writing"]
    assert all(seconds >= 0.01 for seconds in clock.seconds.values())
    total = clock.with_total()
    assert total["total"] >= sum(clock.seconds.values())
    assert "total" not in clock.seconds


def test_a_stage_that_fails_has_no_time():
    clock = Clock()
    with pytest.raises(KeyError), clock("reading"):
        raise KeyError
    assert clock.seconds == {}

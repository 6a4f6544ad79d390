from types import SimpleNamespace

import pytest

from hepareg.training.time_limit import TimeLimit


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


def limit_of(clock, minutes=1.0):
    limit = TimeLimit(minutes, clock=lambda: clock.now)
    limit.on_train_start(None, None)
    return limit


def is_stopped(limit):
    trainer = SimpleNamespace(should_stop=False, strategy=SimpleNamespace(broadcast=lambda value: value))
    limit.on_train_epoch_end(trainer, None)
    return trainer.should_stop


def test_a_run_stops_once_its_time_is_up(clock):
    limit = limit_of(clock)
    clock.now += 59
    assert not is_stopped(limit)
    clock.now += 2
    assert is_stopped(limit)


def test_time_before_a_resume_counts(clock):
    first = limit_of(clock)
    clock.now += 50
    second = limit_of(clock)
    second.load_state_dict(first.state_dict())
    clock.now += 11
    assert is_stopped(second)
    assert second.seconds() == pytest.approx(61)

"""The command `hepareg demo`: its words for a result, without running one."""

from types import SimpleNamespace

import pytest

from hepareg.cli.main import main
from hepareg.evaluation import TargetRegistrationError


def error(mean_mm):
    return TargetRegistrationError(mean_mm=mean_mm, rms_mm=mean_mm, worst_mm=2 * mean_mm, num_points=10)


@pytest.fixture
def demo(monkeypatch):
    """Install a result of the workflow, and return the arguments that the command called the workflow with."""

    def install(*, after, decision):
        calls = []
        registered = SimpleNamespace(line=f"verdict: {decision}", decision=decision, lines=(), warnings=())
        done = SimpleNamespace(
            registered=registered, before=error(16.0), after=after, network=error(2.5), network_refined=error(0.5)
        )
        monkeypatch.setattr("hepareg.workflows.demo.demo", lambda out, **options: calls.append((out, options)) or done)
        monkeypatch.setattr("hepareg.cli.register.conclude", lambda registered: 3 if decision == "reject" else 0)
        return calls

    return install


def test_errors_before_and_after_are_printed(demo, capsys):
    calls = demo(after=error(0.4), decision="accept")
    assert main(["demo", "-o", "there", "--seed", "5"]) == 0
    assert calls[0][0] == "there"
    assert calls[0][1]["seed"] == 5
    text = capsys.readouterr().out
    for words in ("before: liver 16.00 mm", "after:  liver 0.40 mm", "network: liver 2.50 mm", "verdict: accept"):
        assert words in text


def test_a_rejected_result_has_no_error_after(demo, capsys):
    demo(after=None, decision="reject")
    assert main(["demo"]) == 3
    assert "after:" not in capsys.readouterr().out


def test_quiet_prints_nothing(demo, capsys):
    demo(after=error(0.4), decision="accept")
    assert main(["demo", "--quiet"]) == 0
    assert capsys.readouterr().out == ""

"""Commands about an execution refuse one of another state machine, whichever command it is."""

from __future__ import annotations

import importlib

import pytest

from marla import cli
from tests.unit.fake_executions import FakeExecutions, stack_of

OTHER = "arn:aws:states:us-east-1:000000000000:execution:other:one"
PLACES = {"graph": "marla.graph.command", "report": "marla.report.command", "explain": "marla.clouds"}


@pytest.mark.parametrize("command", ["watch", "result", "explain", "report", "graph", "stop", "rm"])
def test_an_execution_of_another_state_machine_is_refused(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakeExecutions()
    monkeypatch.setattr(fake, "describe_execution", lambda **_: pytest.fail("it is asked for"))
    module = importlib.import_module(PLACES.get(command, "marla.cli"))
    monkeypatch.setattr(module, "connect", lambda options: stack_of(fake))
    assert cli.main([command, OTHER, "--stack", "marla"]) == 2
    assert f"EXECUTION: got {OTHER}, which is not of the stack marla" in capsys.readouterr().err

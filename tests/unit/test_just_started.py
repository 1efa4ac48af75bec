"""An execution that was started a moment ago, and that Step Functions does not know everywhere yet."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from marla import execution, following, past
from marla.arguments import Grammar
from marla.errors import CloudError
from marla.stack import Stack
from tests.unit.console_cloud import BUCKET, FakeStates, missing
from tests.unit.fake_executions import EXECUTION, MACHINE

ARN = EXECUTION + "job"


class Late(FakeStates):
    """A Step Functions that knows no execution, so often; what it starts is over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.late = 0
        self.ends = True

    def _found(self, arn: str) -> Any:
        if self.late:
            self.late -= 1
            raise missing("ExecutionDoesNotExist", "DescribeExecution")
        return super()._found(arn)

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:  # noqa: N803
        answer = super().start_execution(stateMachineArn, name, input)
        if self.ends:
            self.executions[name].end("SUCCEEDED", 3.0, output={})
        return answer

    def stack(self, *, local: bool = False) -> Stack:
        return Stack("marla", "us-east-1", MACHINE, BUCKET, lambda service: self, local)


@pytest.fixture
def states() -> Late:
    return Late()


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of all pauses, none of which is made."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr(past, "_started", set())
    return pauses


def test_an_execution_that_was_just_started_is_followed_when_it_is_known(
    states: Late, slept: list[float]
) -> None:
    stack = states.stack()
    execution.start(stack, {}, "job")
    states.late = len(past.PAUSES_AFTER_START)
    *_, progress = execution.follow(stack, ARN)
    assert progress.status == "SUCCEEDED"
    assert slept == [*past.PAUSES_AFTER_START]


def test_an_execution_that_was_just_started_is_found(states: Late, slept: list[float]) -> None:
    stack = states.stack()
    execution.start(stack, {}, "job")
    states.late = 3
    found = past.find(stack, "job")
    assert found is not None
    assert slept == [*past.PAUSES_AFTER_START[:3]]
    states.late = 1  # it was known, so that this is no matter of time any more
    assert past.find(stack, "job") is None


def test_what_another_has_just_started_is_waited_for_a_little(states: Late, slept: list[float]) -> None:
    states.add("job").end("SUCCEEDED", 3.0, output={})
    for late in (1, 2):
        states.late = late
        assert past.found(states.stack(), "job").status == "SUCCEEDED"
        states.late = late
        assert next(execution.follow(states.stack(), ARN)).status == "SUCCEEDED"
    assert slept == [0.5, 0.5, 0.5, 1.0, 0.5, 1.0]


def test_a_name_that_is_wrong_is_answered_within_two_seconds(states: Late, slept: list[float]) -> None:
    with pytest.raises(CloudError, match="ExecutionDoesNotExist"):
        next(execution.follow(states.stack(), ARN))
    assert 0 < sum(slept) < 2
    slept.clear()
    assert past.find(states.stack(), "job") is None  # as for a name that is to be a new one
    assert slept == []


def test_the_local_cloud_knows_at_once_what_it_has(states: Late, slept: list[float]) -> None:
    stack = states.stack(local=True)
    states.late = 1
    execution.start(stack, {}, "job")
    with pytest.raises(CloudError):
        next(execution.follow(stack, ARN))
    with pytest.raises(CloudError):
        past.found(stack, "another")
    assert slept == []


def test_an_execution_that_never_becomes_known_is_waited_for_once(states: Late, slept: list[float]) -> None:
    stack = states.stack()
    execution.start(stack, {}, "job")
    states.executions.clear()
    assert past.find(stack, "job") is None
    assert past.find(stack, "job") is None
    assert slept == [*past.PAUSES_AFTER_START]


def options_of(*arguments: str) -> argparse.Namespace:
    return Grammar().parse(["watch", "job", *arguments])


def test_interrupted_right_after_its_start_a_job_is_stopped_all_the_same(
    states: Late, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    states.ends = False

    def interrupted(*_: Any) -> None:
        states.late = 2
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "_follow", interrupted)
    options = options_of("--stack", "marla", "--region", "us-east-1", "--json")
    with pytest.raises(KeyboardInterrupt):
        following.execute(states.stack(), {"job": "wordcount"}, "job", "wordcount", options)
    assert states.executions["job"].status == "ABORTED"
    assert json.loads(capsys.readouterr().out)["status"] == "ABORTED"

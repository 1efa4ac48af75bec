"""An execution that is followed: on AWS while Step Functions allows few requests, and on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marla import execution
from marla.errors import CloudError
from marla.progress import TASK_FAILED, Progress
from marla.stack import Stack
from tests.unit.console_cloud import BUCKET, START, FakeExecution, FakeRun, FakeStates, missing
from tests.unit.fake_executions import EXECUTION, MACHINE

ARN = EXECUTION + "job"


class Throttling(FakeStates):
    """A Step Functions that refuses some operations, so often; -1 is for ever.

    Attributes:
        seconds: what the time is, from the start.
        counted: when each DescribeMapRun was asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused: dict[str, int] = {}
        self.code = "ThrottlingException"
        self.seconds = 0.0
        self.counted: list[float] = []

    def _call(self, operation: str) -> None:
        super()._call(operation)
        if operation == "DescribeMapRun":
            self.counted.append(self.seconds)
        if self.refused.get(operation):
            self.refused[operation] -= 1
            raise missing(self.code, operation)

    def clock(self) -> Any:
        return START + timedelta(seconds=self.seconds)

    def stack(self, *, local: bool = False) -> Stack:
        return Stack("marla", "us-east-1", MACHINE, BUCKET, lambda service: self, local)


@pytest.fixture
def states() -> Throttling:
    return Throttling()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of all pauses, none of which is made."""
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def mapping(states: Throttling, tasks: int = 4) -> tuple[FakeExecution, FakeRun]:
    """An execution that maps, and its map run."""
    one = states.add("job")
    run = states.runs["run"] = FakeRun()
    one.pass_by("Cut into batches", wave=[{}] * tasks)
    one.enter_map("run", 0.0)
    for task in range(tasks):
        run.add(task)
    return one, run


def succeed(run: FakeRun, tasks: int) -> None:
    for arn in [*run.children][:tasks]:
        run.children[arn] = ("SUCCEEDED", run.children[arn][1])


def polls(states: Throttling, stack: Stack, seconds: int) -> Iterator[Progress]:
    """Look once a second."""
    progress = Progress()
    for second in range(seconds):
        states.seconds = float(second)
        execution.update(stack, ARN, progress, clock=states.clock)
        yield progress


def test_on_aws_map_runs_are_counted_every_few_seconds_and_less_often_later(states: Throttling) -> None:
    mapping(states)
    for _ in polls(states, states.stack(), 600):
        pass
    gaps = [after - before for before, after in pairwise(states.counted)]
    assert (gaps[0], gaps[-1]) == (3.0, 10.0)
    assert gaps == sorted(gaps)
    assert states.calls["DescribeExecution"] == 600


def test_waves_that_take_a_second_each_are_not_counted_each(states: Throttling) -> None:
    one, _ = mapping(states, 1)
    for second, _ in enumerate(polls(states, states.stack(), 100), start=1):
        states.runs[f"run-{second}"] = FakeRun()
        one.add("MapStateExited", second, stateExitedEventDetails={"name": "Map"})
        one.enter_map(f"run-{second}", second)
    assert min(after - before for before, after in pairwise(states.counted)) == 3.0


def test_the_local_cloud_is_asked_for_counts_with_every_look(states: Throttling) -> None:
    mapping(states)
    for _ in polls(states, states.stack(local=True), 100):
        pass
    assert len(states.counted) == 100


def test_who_looks_at_the_same_execution_shares_its_counts(states: Throttling) -> None:
    _, run = mapping(states)
    succeed(run, 2)
    stack = states.stack()
    seen = [next(polls(states, stack, 1)).succeeded for _ in range(5)]
    assert (seen, len(states.counted)) == ([2] * 5, 1)


def test_counts_that_are_refused_are_as_before_and_come_later(states: Throttling) -> None:
    _, run = mapping(states)
    succeed(run, 1)
    seen = []
    for progress in polls(states, states.stack(), 30):
        seen.append((progress.succeeded, progress.running))
        states.refused["DescribeMapRun"] = (
            1 if states.seconds == 2.0 else states.refused.get("DescribeMapRun", 0)
        )
        succeed(run, 3)
    assert states.counted[:3] == [0.0, 3.0, 13.0]
    assert seen == [(1, 3)] * 13 + [(3, 1)] * 17


def test_a_first_count_that_is_refused_ends_nothing(states: Throttling, slept: list[float]) -> None:
    one, _ = mapping(states)
    states.refused["DescribeMapRun"] = -1
    following = execution.follow(states.stack(), ARN)
    assert [phase.total for phase in next(following).phases] == [4]
    one.add("MapStateExited", 2.0, stateExitedEventDetails={"name": "Map"})
    one.end("SUCCEEDED", 3.0, output={})
    progress = next(following)
    assert (progress.status, progress.succeeded) == ("SUCCEEDED", 4)  # as the history tells
    assert slept == [execution.POLL_SECONDS_AWS]


def test_the_last_count_of_a_phase_that_failed_is_waited_for(states: Throttling, slept: list[float]) -> None:
    one, run = mapping(states)
    succeed(run, 2)
    stack = states.stack()
    following = execution.follow(stack, ARN)
    assert next(following).succeeded == 2
    succeed(run, 3)
    run.children[[*run.children][3]] = ("FAILED", {})
    one.add("MapRunFailed", 2.0, mapRunFailedEventDetails={"error": TASK_FAILED})
    one.end("FAILED", 3.0, error=TASK_FAILED)
    states.refused["DescribeMapRun"] = 2
    progress = next(following)
    assert (progress.status, progress.succeeded, progress.failed) == ("FAILED", 3, 1)
    assert slept == [execution.POLL_SECONDS_AWS, 2.0, 4.0]
    assert execution._counts[stack] == {}  # what is over is remembered no more


@pytest.mark.parametrize("operation", ["DescribeExecution", "GetExecutionHistory"])
def test_following_goes_on_when_requests_are_allowed_again(
    states: Throttling, slept: list[float], operation: str
) -> None:
    one, _ = mapping(states)
    following = execution.follow(states.stack(), ARN)
    next(following)
    states.refused[operation] = 6
    one.end("SUCCEEDED", 3.0, output={})
    assert next(following).status == "SUCCEEDED"
    assert slept == [execution.POLL_SECONDS_AWS, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_where_nothing_but_throttling_comes_for_minutes_it_is_said(
    states: Throttling, slept: list[float]
) -> None:
    mapping(states)
    states.refused["DescribeExecution"] = -1
    with pytest.raises(
        CloudError, match=r"for 5 minutes.*ThrottlingException.*`marla watch job --stack marla"
    ):
        next(execution.follow(states.stack(), ARN))
    assert sum(slept) == pytest.approx(execution.PATIENCE_SECONDS, rel=0.1)


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("DescribeMapRun", ClientError),
        ("GetExecutionHistory", ClientError),
        ("DescribeExecution", CloudError),
    ],
)
def test_what_is_refused_for_another_reason_is_not_tried_again(
    states: Throttling, slept: list[float], operation: str, error: type[Exception]
) -> None:
    mapping(states)
    states.refused[operation], states.code = -1, "AccessDeniedException"
    with pytest.raises(error, match="AccessDenied"):
        next(execution.follow(states.stack(), ARN))
    assert slept == []


def test_a_local_engine_is_asked_the_less_often_the_longer_a_job_takes(
    states: Throttling, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, pauses = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        pauses.append(seconds)

    monkeypatch.setattr("time.monotonic", lambda: now)
    monkeypatch.setattr("time.sleep", sleep)
    one, _ = mapping(states)
    for _ in execution.follow(states.stack(local=True), ARN):
        if now > 20:
            one.end("SUCCEEDED", 3.0, output={})
    assert (pauses[0], pauses[-1]) == (0.1, 0.4)
    assert pauses == sorted(pauses)
    assert all(pause <= max(0.1, 0.05 * at) for at, pause in zip(accumulate(pauses), pauses, strict=True))

"""Races of two branches, such as a task and its backup: what has lost ends at once, and is not heard of."""

from __future__ import annotations

import datetime
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from marla.local.interpreter import Interpreter, Outcome
from marla.local.jsonata import JSON
from tests.interpreter.machines import machine, mapping, passing, work
from tests.interpreter.stubs import Clients, WorkerError, until

LONG = 60  # seconds that no test waits for


class BadRecordError(WorkerError):
    """A worker's own error."""


class SlowDownError(WorkerError):
    """A worker's error that is tried again."""


class Racers:
    """A worker of which both branches ask the same: what it does depends on which asks, and for which item.

    Args:
        stay: those who stay until they are let go; nobody else answers for an item before they are asked.
        fail: those who fail.
    """

    def __init__(self, stay: str = "", fail: dict[str, type[WorkerError]] | None = None) -> None:
        self.stay = stay
        self.fail = fail or {}
        self.asked: list[str] = []
        self.answered: list[str] = []
        self.open = threading.Event()
        self._stays: set[JSON] = set()  # the items for which those who stay are asked

    def __call__(self, event: JSON) -> JSON:
        who = event["who"]
        self.asked.append(who)
        if who in self.fail:
            raise self.fail[who]("no")
        if who == self.stay:
            self._stays.add(event["item"])
            self.open.wait(LONG)
        elif self.stay:
            until(lambda: event["item"] in self._stays)
        self.answered.append(who)
        return {"by": who, "item": event["item"]}


@pytest.fixture(autouse=True)
def all_threads_end() -> Iterator[None]:
    """No thread outlives a test: none waits for what nobody needs."""
    before = set(threading.enumerate())
    yield
    until(lambda: set(threading.enumerate()) <= before, 20)


def asks(who: str, **fields: JSON) -> dict[str, JSON]:
    return work(f"{{% {{'who': '{who}', 'item': $states.input}} %}}", **fields)


def race(pause: JSON, after: dict[str, JSON] | None = None, **primary: JSON) -> dict[str, JSON]:
    """A Distributed Map over items 0 and 1, of which each is a race, with a state after it."""
    finished = {"Type": "Fail", "Error": "Finished", "Cause": "{% $string($states.input) %}"}
    one = {"Ask": asks("primary", Next="First", **primary), "First": finished}
    other = {
        "Wait": {"Type": "Wait", "Seconds": pause, "Next": "Ask again"},
        "Ask again": asks("backup", Next="Second"),
        "Second": finished,
    }
    caught = {
        "ErrorEquals": ["Finished"],
        "Output": "{% $parse($states.errorOutput.Cause) %}",
        "Next": "After",
    }
    parallel = {
        "Type": "Parallel",
        "Branches": [{"StartAt": "Ask", "States": one}, {"StartAt": "Wait", "States": other}],
        "Catch": [caught],
        "Next": "After",
    }
    states = mapping([0, 1])
    states["ItemProcessor"] |= {
        "StartAt": "Race",
        "States": {"Race": parallel, "After": after or {"Type": "Succeed"}},
    }
    return machine(Map=states)


def threads() -> list[str]:
    """The names of threads; a state's is that of the state."""
    return [thread.name for thread in threading.enumerate()]


def children(outcome: Outcome) -> list[Outcome]:
    (run,) = outcome.map_runs
    return run.children


def names(outcome: Outcome) -> list[str]:
    """The states that were entered, and those that were left with a minus."""
    found = []
    for event in outcome.history:
        if "stateEnteredEventDetails" in event:
            found.append(event["stateEnteredEventDetails"]["name"])
        elif "stateExitedEventDetails" in event:
            found.append(f"-{event['stateExitedEventDetails']['name']}")
    return found


def test_a_race_ends_with_the_first_answer_and_the_other_branch_in_its_wait(
    interpreter: Interpreter, clients: Clients
) -> None:
    racers = clients.worker = Racers()
    started = time.monotonic()
    outcome = interpreter.run(race(LONG), {})
    assert time.monotonic() - started < LONG / 2
    assert outcome.output == [{"by": "primary", "item": item} for item in (0, 1)]
    assert racers.asked == ["primary", "primary"]
    for child in children(outcome):
        assert child.status == "SUCCEEDED"
        found = names(child)
        assert {"Ask", "First", "Wait"} <= set(found)
        assert {"-Wait", "Ask again", "-Race"} & set(found) == {"-Race"}
        assert child.types()[-1] == "ExecutionSucceeded"


def test_the_backup_wins_and_the_late_answer_changes_nothing(
    interpreter: Interpreter, clients: Clients
) -> None:
    racers = clients.worker = Racers(stay="primary")
    outcome = interpreter.run(race(0), {})
    assert outcome.output == [{"by": "backup", "item": item} for item in (0, 1)]
    before = [child.history for child in children(outcome)]
    racers.open.set()  # an invoked function goes on, as on AWS
    until(lambda: racers.answered.count("primary") == 2)
    assert [child.history for child in children(outcome)] == before
    assert [child.types().count("TaskSucceeded") for child in children(outcome)] == [1, 1]


@pytest.mark.parametrize("late", ["answer", "error"])
def test_no_event_of_the_branch_that_lost_comes_while_the_execution_goes_on(
    interpreter: Interpreter, clients: Clients, late: str
) -> None:
    racers = Racers(stay="primary")

    def worker(event: JSON) -> JSON:
        if event["who"] == "after":
            decided.append(event["item"])
            if len(decided) == 2:
                racers.open.set()
            until(lambda: "Ask" not in threads())
            return "done"
        answer = racers(event)
        if event["who"] == "primary" and late == "error":
            raise BadRecordError("late")
        return answer

    decided: list[JSON] = []
    clients.worker = worker
    outcome = interpreter.run(race(0, asks("after")), {})
    assert outcome.output == ["done", "done"]
    for child in children(outcome):
        types = child.types()
        assert types.count("TaskScheduled") == types.count("TaskSucceeded") + 1 == 3
        assert "TaskFailed" not in types
        assert names(child)[-1] == "-After"


def test_a_failure_that_is_none_of_the_race_fails_the_child_at_once(
    interpreter: Interpreter, clients: Clients
) -> None:
    racers = clients.worker = Racers(fail={"primary": BadRecordError})
    started = time.monotonic()
    outcome = interpreter.run(race(LONG), {})
    assert time.monotonic() - started < LONG / 2
    assert outcome.error == "States.ExceedToleratedFailureThreshold"
    failed = next(child for child in children(outcome) if child.status == "FAILED")
    assert failed.error == "BadRecordError"
    assert "backup" not in racers.asked


def test_a_branch_in_the_pause_before_a_retry_ends_too(interpreter: Interpreter, clients: Clients) -> None:
    racers = clients.worker = Racers(fail={"primary": SlowDownError})
    retry = [{"ErrorEquals": ["SlowDownError"], "IntervalSeconds": LONG, "MaxAttempts": 3}]
    started = time.monotonic()
    outcome = interpreter.run(race(1, Retry=retry), {})
    assert time.monotonic() - started < LONG / 2
    assert outcome.output == [{"by": "backup", "item": item} for item in (0, 1)]
    assert racers.asked.count("primary") == 2


def test_races_that_end_as_they_begin_leave_no_thread_in_a_wait(interpreter: Interpreter) -> None:
    """A wait that began just after its end was missed by moto, and lasted."""
    at_once = {"StartAt": "End", "States": {"End": {"Type": "Fail", "Error": "Finished"}}}
    waiting = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": LONG, "End": True}}}
    caught = [{"ErrorEquals": ["Finished"], "Next": "Count"}]
    states = machine(
        Begin=passing(Assign={"n": 1}, Next="Race"),
        Race={"Type": "Parallel", "Branches": [waiting, at_once], "Catch": caught, "Next": "Count"},
        Count={
            "Type": "Choice",
            "Choices": [{"Condition": "{% $n < 60 %}", "Assign": {"n": "{% $n + 1 %}"}, "Next": "Race"}],
            "Default": "Done",
        },
        Done={"Type": "Succeed", "Output": "{% $n %}"},
    )
    outcome = interpreter.run(states, {}, timeout=20)
    assert outcome.output == 60


@pytest.mark.parametrize(("seconds", "least"), [(0, 0), ("{% 0 %}", 0), ("{% 1 %}", 1)])
def test_a_wait_takes_the_seconds_that_its_expression_gives(
    interpreter: Interpreter, seconds: JSON, least: float
) -> None:
    started = time.monotonic()
    outcome = interpreter.run(machine(Wait={"Type": "Wait", "Seconds": seconds, "End": True}), "same")
    assert least <= time.monotonic() - started < least + 5
    assert outcome.output == "same"


def test_a_branch_knows_when_its_child_began(interpreter: Interpreter) -> None:
    """By which a backup is begun some time after the task, however long it waits for its turn."""
    own = "{% [$states.context.Execution.StartTime, $states.context.Execution.Name] %}"
    child = {
        "Type": "Parallel",
        "Branches": [{"StartAt": "Tell", "States": {"Tell": passing(own)}}],
        "Output": "{% $states.result[0] %}",
        "End": True,
    }
    states = machine(
        Wait={"Type": "Wait", "Seconds": 1, "Next": "Map"}, Map=mapping([0, 1], child, MaxConcurrency=1)
    )
    outcome = interpreter.run(states, {})
    told = [(event["timestamp"], *pair) for event, pair in zip(starts(outcome), outcome.output, strict=True)]
    for began, text, name in told:
        assert abs(seconds_of(text) - began) < 0.5
        assert any(child.arn.endswith(name) for child in children(outcome))
    assert seconds_of(told[0][1]) - outcome.history[0]["timestamp"] > 0.9


def starts(outcome: Outcome) -> list[dict[str, Any]]:
    return [child.history[0] for child in children(outcome)]


def seconds_of(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize("seconds", [1, "{% $states.input %}"])
def test_a_task_times_out_after_the_seconds_of_its_expression_and_its_late_answer_is_not_heard_of(
    interpreter: Interpreter, clients: Clients, seconds: JSON
) -> None:
    over = threading.Event()

    def worker(event: JSON) -> JSON:
        if event == "after":
            over.set()
            until(lambda: "Slow" not in threads())
            return event
        over.wait(LONG)
        return "late"

    clients.worker = worker
    caught = [{"ErrorEquals": ["States.Timeout"], "Next": "After"}]
    states = machine(Slow=work(TimeoutSeconds=seconds, Catch=caught), After=work("after"))
    outcome = interpreter.run(states, 1, timeout=10)
    assert outcome.output == "after"
    types = outcome.types()
    assert types.count("TaskTimedOut") == 1
    assert types.count("TaskSucceeded") == 1
    scheduled = next(event for event in outcome.history if event["type"] == "TaskScheduled")
    assert scheduled["taskScheduledEventDetails"]["timeoutInSeconds"] == 1


def test_a_task_that_timed_out_is_tried_again(interpreter: Interpreter, clients: Clients) -> None:
    over = threading.Event()
    tries: list[JSON] = []

    def worker(event: JSON) -> JSON:
        tries.append(event)
        if len(tries) == 1:
            over.wait(LONG)
        return len(tries)

    clients.worker = worker
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    assert interpreter.run(machine(Task=work(TimeoutSeconds="{% 1 %}", Retry=retry)), {}).output == 2
    over.set()


@pytest.mark.parametrize("end", ["time", "stop"])
def test_an_execution_that_times_out_or_is_stopped_ends_all_its_races(
    interpreter: Interpreter, clients: Clients, end: str
) -> None:
    racers = clients.worker = Racers(stay="primary")
    states = race(LONG)
    execution = interpreter.start({**states, "TimeoutSeconds": 1} if end == "time" else states, {})
    until(lambda: len(racers.asked) == 2)
    if end == "stop":
        execution.stop()
    assert execution.wait(20)
    outcome = Outcome.of(execution)
    assert outcome.status == {"time": "TIMED_OUT", "stop": "ABORTED"}[end]
    assert {child.status for child in children(outcome)} == {"ABORTED"}
    # Of each race only the invocation is left, which nothing can end.
    until(lambda: not {"Map", "Race"} & set(threads()), 20)
    assert threads().count("Ask") == 2
    racers.open.set()


class Bucket(Clients):
    """A client that deletes objects, but for those it may not."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[dict[str, Any]] = []

    def delete_objects(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(parameters)
        errors = [
            {"Key": each["Key"], "Code": "AccessDenied", "Message": "not this one"}
            for each in parameters["Delete"]["Objects"]
            if each["Key"].startswith("kept")
        ]
        return {"ResponseMetadata": {"HTTPStatusCode": 200}, **({"Errors": errors} if errors else {})}


@pytest.mark.parametrize("keys", [["a", "b/ü"], ["a", "kept"]])
def test_objects_are_deleted_in_one_call(keys: list[str]) -> None:
    bucket = Bucket()
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:deleteObjects",
        "Arguments": {
            "Bucket": "jobs",
            "Delete": {
                "Objects": "{% [$map($states.input, function($key) {{'Key': $key}})] %}",
                "Quiet": True,
            },
        },
        "Output": "{% [$states.result.Errors.Key] %}",
        "End": True,
    }
    outcome = Interpreter(bucket).run(machine(Delete=task), keys)
    assert (outcome.status, outcome.output) == ("SUCCEEDED", [key for key in keys if key == "kept"])
    assert bucket.asked == [
        {"Bucket": "jobs", "Delete": {"Objects": [{"Key": key} for key in keys], "Quiet": True}}
    ]

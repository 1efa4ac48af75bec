"""What a history says of each state: visits, time, retries, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marla.visits import StateVisits, Visits

BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)
ERROR = {"error": "S3.S3Exception", "cause": "no such bucket"}


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


class History:
    """A history as boto3 gives it; each event is one second after the one before.

    Attributes:
        late: by how many seconds the next events come later than that.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.late = 0
        self.add("ExecutionStarted")

    def add(self, type: str, after: int | None = None, **details: Any) -> int:
        number = len(self.events) + 1
        previous = number - 1 if after is None else after
        event = {"id": number, "previousEventId": previous, "type": type, "timestamp": at(number + self.late)}
        self.events.append(event | details)
        return number

    def enter(self, name: str, type: str = "Task", after: int | None = None) -> int:
        return self.add(f"{type}StateEntered", after, stateEnteredEventDetails={"name": name, "input": "{}"})

    def exit(self, name: str, type: str = "Task", after: int | None = None) -> int:
        return self.add(f"{type}StateExited", after, stateExitedEventDetails={"name": name, "output": "{}"})

    def passed(self, *names: str) -> None:
        for name in names:
            self.enter(name, "Pass")
            self.exit(name, "Pass")

    def scheduled(self, after: int | None = None) -> int:
        return self.add("TaskScheduled", after, taskScheduledEventDetails={"resource": "invoke"})

    def failed(self, type: str = "TaskFailed", after: int | None = None, **details: Any) -> int:
        name = type[0].lower() + type[1:] + "EventDetails"
        return self.add(type, after, **{name: details or ERROR})

    def states(self, now: float = 0, status: str = "") -> dict[str, StateVisits]:
        visits = Visits()
        for event in self.events:
            visits.see(event)
        return visits.states(at(now or len(self.events) + self.late), status)


def test_a_state_that_was_left_has_succeeded_and_took_the_time_between() -> None:
    history = History()
    history.enter("Check job")
    history.scheduled()
    history.add("TaskStarted")
    history.add("TaskSucceeded", taskSucceededEventDetails={})
    history.exit("Check job")
    found = history.states(now=100)["Check job"]
    assert (found.status, found.type, found.visits, found.seconds) == ("succeeded", "Task", 1, 4.0)
    assert (found.entered, found.retries, found.error) == (at(2), 0, "")


def test_a_state_that_was_not_left_runs_until_now() -> None:
    history = History()
    history.enter("Check job")
    found = history.states(now=10)["Check job"]
    assert (found.status, found.seconds) == ("running", 8.0)
    assert "Report" not in history.states()


def test_the_visits_of_a_loop_add_up() -> None:
    history = History()
    for _ in range(3):
        history.passed("Plan reduce step", "One output left?")
    found = history.states()
    assert (found["Plan reduce step"].visits, found["Plan reduce step"].seconds) == (3, 3.0)
    assert found["Plan reduce step"].entered == at(10)


def test_a_retry_is_no_visit_and_waiting_for_it_is_running() -> None:
    history = History()
    history.enter("List input")
    history.scheduled()
    history.failed()
    assert history.states(now=20)["List input"].status == "running"
    history.scheduled()
    history.failed("TaskTimedOut", error="States.Timeout")
    history.scheduled()
    history.add("TaskSucceeded")
    history.exit("List input")
    found = history.states()["List input"]
    assert (found.status, found.visits, found.retries, found.error) == ("succeeded", 1, 2, "States.Timeout")
    assert found.cause == "no such bucket"


def test_an_error_that_is_caught_is_no_failure() -> None:
    history = History()
    history.enter("List input")
    history.scheduled()
    history.failed()
    history.exit("List input")
    history.enter("Is S3 to blame?", "Choice")
    found = history.states()["List input"]
    assert (found.status, found.retries, found.error) == ("caught", 0, "S3.S3Exception")


def test_a_state_that_went_well_at_last_is_not_caught() -> None:
    history = History()
    for failed in (True, False):
        history.enter("List input")
        history.scheduled()
        if failed:
            history.failed()
        history.exit("List input")
    assert history.states()["List input"].status == "succeeded"


def test_the_state_that_fails_the_execution_has_failed() -> None:
    history = History()
    history.passed("Configure job")
    history.enter("Check job")
    history.scheduled()
    history.failed(error="InvalidJob", cause="no such job")
    history.failed("ExecutionFailed", error="InvalidJob", cause="no such job")
    found = history.states(now=500)
    assert (found["Check job"].status, found["Check job"].error) == ("failed", "InvalidJob")
    assert found["Check job"].seconds == 3.0  # until the execution's end
    assert found["Configure job"].status == "succeeded"


def test_a_map_whose_items_fail_has_failed_with_its_run() -> None:
    history = History()
    history.enter("Map", "Map")
    history.add("MapStateStarted", mapStateStartedEventDetails={"length": 3})
    history.add("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": "run"})
    history.failed("MapRunFailed", error="States.ExceedToleratedFailureThreshold")
    history.add("MapStateFailed")
    history.failed("ExecutionFailed", error="States.ExceedToleratedFailureThreshold")
    found = history.states()["Map"]
    assert (found.status, found.error) == ("failed", "States.ExceedToleratedFailureThreshold")


def test_a_fail_state_that_is_reached_has_failed_with_its_own_error() -> None:
    history = History()
    history.enter("No input", "Fail")
    history.failed("ExecutionFailed", error="NoInput", cause="there is nothing")
    found = history.states()["No input"]
    assert (found.status, found.error, found.cause) == ("failed", "NoInput", "there is nothing")


def test_an_error_of_which_no_event_tells_is_that_of_the_state_that_was_open() -> None:
    history = History()
    history.enter("Cut into batches", "Pass")
    history.failed("ExecutionFailed", error="States.Runtime", cause="no variable")
    found = history.states()["Cut into batches"]
    assert (found.status, found.error, found.cause) == ("failed", "States.Runtime", "no variable")


@pytest.mark.parametrize("type", ["ExecutionAborted", "ExecutionTimedOut"])
def test_a_state_in_which_the_execution_is_stopped_is_stopped(type: str) -> None:
    history = History()
    history.enter("Map", "Map")
    history.failed(type, error="Interrupted")
    found = history.states(now=500)["Map"]
    assert (found.status, found.seconds) == ("stopped", 1.0)


@pytest.mark.parametrize(
    ("status", "becomes"), [("ABORTED", "stopped"), ("TIMED_OUT", "stopped"), ("FAILED", "failed")]
)
def test_the_executions_status_counts_where_its_last_event_is_not_there_yet(
    status: str, becomes: str
) -> None:
    history = History()
    history.enter("Map", "Map")
    assert history.states(status=status)["Map"].status == becomes
    assert history.states(status="RUNNING")["Map"].status == "running"


def test_the_map_runs_of_all_visits_are_kept_in_order() -> None:
    history = History()
    for run in ("one", "two"):
        history.enter("Reduce", "Map")
        history.add("MapStateStarted", mapStateStartedEventDetails={"length": 3})
        history.add("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": run})
        history.exit("Reduce", "Map")
    visits = Visits()
    for event in history.events:
        visits.see(event)
    assert visits.map_runs == {"Reduce": ["one", "two"]}


def race(history: History) -> tuple[int, int]:
    """A Parallel with two branches, of which the first fails; return the last event of each."""
    history.enter("Race", "Parallel")
    start = history.add("ParallelStateStarted")
    first = history.enter("First", after=start)
    second = history.enter("Second", after=start)
    history.scheduled(after=first)
    return history.failed(after=history.scheduled(after=first)), history.scheduled(after=second)


def test_the_branch_that_failed_has_failed_and_the_other_was_stopped() -> None:
    history = History()
    first, _ = race(history)
    history.add("ParallelStateFailed", after=first)
    history.failed("ExecutionFailed")
    found = history.states()
    assert {name: found[name].status for name in found} == {
        "Race": "failed",
        "First": "failed",
        "Second": "stopped",
    }


def test_a_race_whose_end_is_caught_leaves_nothing_running() -> None:
    history = History()
    first, _ = race(history)
    failed = history.add("ParallelStateFailed", after=first)
    history.exit("Race", "Parallel", after=failed)
    history.enter("Done", "Succeed")
    found = history.states()
    assert {name: found[name].status for name in found} == {
        "Race": "caught",
        "First": "caught",
        "Second": "stopped",
        "Done": "running",
    }


def test_branches_that_go_on_after_each_other_are_told_apart() -> None:
    history = History()
    history.enter("Both", "Parallel")
    start = history.add("ParallelStateStarted")
    first = history.enter("A", "Wait", after=start)
    second = history.enter("B", "Wait", after=start)
    first = history.exit("A", "Wait", after=first)
    first = history.enter("A2", "Pass", after=first)
    history.exit("B", "Wait", after=second)
    done = history.exit("A2", "Pass", after=first)
    history.add("ParallelStateSucceeded", after=done)
    history.exit("Both", "Parallel", after=done)
    history.passed("After")
    found = history.states()
    assert {visits.status for visits in found.values()} == {"succeeded"}
    assert [found[name].seconds for name in ("A", "B", "A2", "Both")] == [2.0, 3.0, 2.0, 9.0]


@given(st.lists(st.sampled_from(["pass", "retry", "catch", "map", "race"]), max_size=12), st.data())
def test_bit_by_bit_is_the_same_as_all_at_once_and_nothing_is_taken_back(
    steps: list[str], data: st.DataObject
) -> None:
    history = History()
    for step in steps:
        if step == "pass":
            history.passed("Pass")
        elif step == "race":
            first, _ = race(history)
            history.exit("Race", "Parallel", after=first)
        else:
            history.enter("Task")
            history.scheduled()
            history.failed()
            if step == "retry":
                history.scheduled()
            history.exit("Task")
    slow = Visits()
    before: dict[str, StateVisits] = {}
    for i, event in enumerate(history.events):
        slow.see(event)
        slow.see(event)  # polls overlap
        # What has happened is seen late, and by another clock.
        now = slow.states(at(i + data.draw(st.floats(0, 3))))
        for name, visits in before.items():
            assert now[name].visits >= visits.visits
            assert now[name].seconds >= visits.seconds
            assert now[name].retries >= visits.retries
        before = now
    at_once = history.states()
    assert list(at_once) == list(before)
    for name, visits in slow.states(at(len(history.events))).items():
        assert (visits.visits, visits.status, visits.retries) == (
            at_once[name].visits,
            at_once[name].status,
            at_once[name].retries,
        )
        assert visits.seconds >= at_once[name].seconds


def failed_map(history: History, end: str = "ExecutionFailed") -> None:
    """A Map that fails, or is stopped, after four seconds, and the execution with it."""
    history.enter("Map", "Map")
    history.add("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": "run"})
    if end == "ExecutionFailed":
        history.failed("MapRunFailed")
        history.add("MapStateFailed")
    history.failed(end, after=0)  # what ends an execution from outside comes after no event of it


def redriven(history: History) -> None:
    """An hour later somebody has it go on."""
    history.late += 3600
    history.add("ExecutionRedriven", after=0, executionRedrivenEventDetails={"redriveCount": 1})


@pytest.mark.parametrize("end", ["ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"])
def test_an_execution_that_is_redriven_runs_again_where_it_was(end: str) -> None:
    history = History()
    failed_map(history, end)
    before = history.states()["Map"]
    assert before.status == ("failed" if end == "ExecutionFailed" else "stopped")
    redriven(history)
    history.add("MapRunRedriven", mapRunRedrivenEventDetails={"mapRunArn": "run", "redriveCount": 1})
    visits = Visits()
    for event in history.events:
        visits.see(event)
    assert visits.status == "RUNNING"
    assert visits.map_runs == {"Map": ["run"]}
    again = history.states(now=len(history.events) + 3600 + 10)["Map"]
    assert (again.status, again.visits, again.retries) == ("running", 1, int(end == "ExecutionFailed"))
    assert again.seconds == pytest.approx(before.seconds + 11)  # not the hour in which nothing ran
    history.add("MapRunSucceeded")
    history.exit("Map", "Map")
    history.passed("Report")
    history.add("ExecutionSucceeded")
    found = history.states(now=90_000)
    assert {name: visits.status for name, visits in found.items()} == {
        "Map": "succeeded",
        "Report": "succeeded",
    }
    assert found["Map"].seconds == pytest.approx(before.seconds + 3)


def test_an_execution_that_is_redriven_and_fails_again_has_failed_then() -> None:
    history = History()
    failed_map(history)
    redriven(history)
    history.add("MapRunRedriven", mapRunRedrivenEventDetails={"mapRunArn": "run", "redriveCount": 1})
    history.failed("MapRunFailed", error="Again")
    history.failed("ExecutionFailed", error="Again")
    found = history.states(now=90_000)["Map"]
    assert (found.status, found.error, found.visits) == ("failed", "Again", 1)


def test_a_state_that_a_redrive_enters_anew_is_not_in_itself() -> None:
    history = History()
    for _ in range(2):
        history.enter("No input", "Fail")
        history.failed("ExecutionFailed", error="NoInput")
        redriven(history)
    history.enter("No input", "Fail")
    found = history.states()["No input"]
    assert (found.status, found.visits) == ("running", 3)
    assert found.seconds == pytest.approx(4.0)

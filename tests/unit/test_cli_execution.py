"""Following an execution: what is shown of its history never goes backwards, and is right at the end."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from marla import execution, failure, outcome, view
from marla.arguments import Grammar
from marla.execution import Progress
from marla.stack import Stack

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
ARN = "arn:aws:states:us-east-1:000000000000:execution:machine:job-1"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class History:
    """Builds events as Step Functions reports them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, kind: str, seconds: float, **details: Any) -> History:
        self.events.append({"id": len(self.events) + 1, "type": kind, "timestamp": at(seconds)} | details)
        return self

    def enter(self, kind: str, name: str, seconds: float) -> History:
        return self.add(f"{kind}StateEntered", seconds, stateEnteredEventDetails={"name": name})

    def begin(self, name: str, number: int, seconds: float) -> History:
        """A Map state that has begun its map run."""
        self.enter("Map", name, seconds)
        return self.add("MapRunStarted", seconds, mapRunStartedEventDetails={"mapRunArn": f"run-{number}"})

    def map_run(self, name: str, number: int, begin: float, end: float, **assigned: Any) -> History:
        """A Map state, and behind it the state that counts what it has done."""
        self.begin(name, number, begin)
        results = {"results": json.dumps([{"recordsIn": 1}])}
        self.add("MapStateExited", end, stateExitedEventDetails={"name": name, "assignedVariables": results})
        return self.passed(f"Count {name.partition(' ')[0].lower()} outputs", end, **assigned)

    def passed(self, state: str, seconds: float, **assigned: Any) -> History:
        variables = {variable: json.dumps(value) for variable, value in assigned.items()}
        details = {"name": state, "assignedVariables": variables}
        self.enter("Pass", state, seconds)
        return self.add("PassStateExited", seconds, stateExitedEventDetails=details)


class FakeStepFunctions:
    """Answers as Step Functions does, with a history that is `seen` events long so far."""

    def __init__(self, events: list[dict[str, Any]], **described: Any) -> None:
        self.events = events
        self.seen = len(events)
        self.described = {"status": "SUCCEEDED", "startDate": START, "stopDate": at(10)} | described
        self.counts: dict[str, dict[str, int]] = {}
        self.pages = 0
        self.failed: list[dict[str, Any]] = []

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        children = {child["executionArn"]: child for child in self.failed}
        return children.get(executionArn, self.described)

    def get_execution_history(
        self,
        executionArn: str,  # noqa: N803
        reverseOrder: bool,  # noqa: N803
        maxResults: int,  # noqa: N803
        nextToken: str = "0",  # noqa: N803
    ) -> dict[str, Any]:
        assert reverseOrder
        self.pages += 1
        newest_first = self.events[: self.seen][::-1]
        begin = int(nextToken)
        page = {"events": newest_first[begin : begin + maxResults]}
        more = begin + maxResults < len(newest_first)
        return page | ({"nextToken": str(begin + maxResults)} if more else {})

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        nothing = {"total": 4, "succeeded": 4, "failed": 0, "timedOut": 0, "running": 0}
        return {"itemCounts": self.counts.get(mapRunArn, nothing)}

    def list_map_runs(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"mapRuns": [{"mapRunArn": "run-1"}]}

    def list_executions(self, mapRunArn: str, statusFilter: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {"executions": [child for child in self.failed if child["status"] == statusFilter]}

    def get_object(self, **_: str) -> dict[str, Any]:
        """A receipt: there is something to resume, and no result."""
        return {"Body": io.BytesIO(b'{"execution": ""}')}


def stack_of(fake: FakeStepFunctions) -> Stack:
    return Stack("marla", "us-east-1", "arn:machine", "jobs", lambda service: fake, local=True)


def followed(fake: FakeStepFunctions) -> Progress:
    return list(execution.follow(stack_of(fake), ARN))[-1]


def counters(records: int, size: int) -> dict[str, int]:
    return {"recordsIn": records, "bytesIn": size}


def test_phases_are_named_and_timed_and_counted() -> None:
    history = History().enter("Pass", "Configure job", 0)
    history.map_run("Map", 1, 1, 4, mapped=counters(100, 1000))
    history.map_run("Reduce", 2, 4, 6, steps=[counters(0, 0), counters(60, 600)])
    history.map_run("Reduce", 3, 6, 7, steps=[counters(0, 0), counters(60, 600), counters(20, 200)])
    progress = followed(FakeStepFunctions(history.events, output='{"job": "x"}'))
    assert [(p.name, p.seconds, p.records, p.bytes) for p in progress.phases] == [
        ("Map", 3, 100, 1000),
        ("Reduce step 1", 2, 60, 600),
        ("Reduce step 2", 1, 20, 200),
    ]
    assert [(p.succeeded, p.total) for p in progress.phases] == [(4, 4)] * 3
    assert progress.output == {"job": "x"}
    assert progress.seconds == 10


def test_each_wave_of_a_map_phase_has_its_own_counts() -> None:
    history = History().map_run("Map", 1, 0, 1, mapped=counters(100, 1000))
    history.map_run("Map", 2, 1, 2, mapped=counters(150, 1700))
    history.map_run("Reduce", 3, 2, 3, steps=[counters(150, 1700), counters(9, 90)])
    phases = followed(FakeStepFunctions(history.events)).phases
    assert [(p.name, p.records, p.bytes) for p in phases] == [
        ("Map", 100, 1000),
        ("Map", 50, 700),
        ("Reduce step 1", 9, 90),
    ]


def test_steps_are_numbered_anew_in_each_stage() -> None:
    history = (
        History()
        .map_run("Map", 1, 0, 1, mapped=counters(1, 1))
        .map_run("Reduce", 2, 1, 2, steps=[counters(1, 1)])
    )
    history.map_run("Map", 3, 2, 3, mapped=counters(5, 5)).map_run("Reduce", 4, 3, 4, steps=[counters(5, 5)])
    phases = followed(FakeStepFunctions(history.events)).phases
    assert [p.name for p in phases] == ["Map", "Reduce step 1", "Map", "Reduce step 1"]
    assert phases[2].records == 5


def test_a_history_of_many_pages_is_read_once_and_in_order() -> None:
    history = History()
    for second in range(execution.HISTORY_PAGE * 3 + 5):
        history.enter("Pass", f"state {second}", second)
    fake = FakeStepFunctions(history.events)
    progress = followed(fake)
    assert progress.state == f"state {execution.HISTORY_PAGE * 3 + 4}"
    assert fake.pages == 4


def test_only_new_events_are_read_as_an_execution_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "POLL_SECONDS_LOCAL", 0)
    history = History()
    for second in range(50):
        history.enter("Pass", f"state {second}", second)
    history.add("MapStateEntered", 50, stateEnteredEventDetails={"name": "Map"})
    history.add("MapRunStarted", 50, mapRunStartedEventDetails={"mapRunArn": "run-1"})
    fake = FakeStepFunctions(history.events, status="RUNNING", stopDate=None)
    fake.counts["run-1"] = {"total": 8, "succeeded": 3, "failed": 0, "timedOut": 0, "running": 2}
    fake.seen = 10
    follower = execution.follow(stack_of(fake), ARN)
    assert next(follower).state == "state 9"
    fake.seen = 52
    progress = next(follower)
    assert progress.state == "Map"
    assert [(p.total, p.succeeded, p.running) for p in progress.phases] == [(8, 3, 2)]
    # A count that comes late does not take progress back.
    fake.counts["run-1"] = {"total": 8, "succeeded": 2, "failed": 0, "timedOut": 0, "running": 2}
    assert next(follower).phases[0].succeeded == 3


CAUSE = json.dumps({"errorMessage": "s3://in/a b.csv at byte 17: ValueError: x", "errorType": "BadRecord"})


def child(task: int, status: str, stopped: float, error: str = "BadRecord") -> dict[str, Any]:
    task_input = json.dumps({"task": task, "id": "job-1"})
    return {
        "executionArn": f"child-{task}",
        "status": status,
        "startDate": START,
        "stopDate": at(stopped),
        "error": error,
        "cause": CAUSE,
        "input": task_input,
    }


def test_a_failure_is_the_first_failing_task_with_object_and_offset() -> None:
    history = History().begin("Map", 1, 0)
    fake = FakeStepFunctions(
        history.events, status="FAILED", error="States.ExceedToleratedFailureThreshold", cause="exceeded"
    )
    fake.failed = [child(7, "FAILED", 5), child(3, "FAILED", 2)]
    found = failure.find(stack_of(fake), ARN, followed(fake))
    assert found is not None
    assert (found.name, found.task, found.object, found.offset) == ("BadRecord", 3, "s3://in/a b.csv", 17)
    assert found.place == "Map, task 3"
    assert found.to_json()["cause"] == "s3://in/a b.csv at byte 17: ValueError: x"


def test_an_object_within_a_sentence_is_not_guessed_at() -> None:
    cause = "sql.columns: got nothing that says what those of s3://b/a.csv are. Give them: names (with types)"
    fake = FakeStepFunctions([], status="FAILED", error="InvalidQuery", cause=cause)
    found = failure.find(stack_of(fake), ARN, followed(fake))
    assert found is not None
    assert (found.object, found.cause) == ("", cause)


def test_a_failure_of_the_coordinator_is_its_own_error_and_cause() -> None:
    history = History().enter("Fail", "No input", 0)
    fake = FakeStepFunctions(history.events, status="FAILED", error="NoInput", cause="input: no objects")
    found = failure.find(stack_of(fake), ARN, followed(fake))
    assert found == failure.Failure("NoInput", "input: no objects", "No input")


def test_an_offset_of_zero_is_told_too() -> None:
    found = failure.Failure("BadRecord", "why", "Map", task=0, object="s3://b/k", offset=0)
    assert found.to_json()["offset"] == 0
    assert found.to_json()["task"] == 0


def test_a_failure_names_the_local_file_that_an_object_is_the_copy_of() -> None:
    cause = "s3://b/input/1/a.csv.gz at byte 0: no"
    found = failure.Failure("BadRecord", cause, "Map", object="s3://b/input/1/a.csv.gz")
    uploaded = {f"s3://b/input/1/{name}": Path("mine", name) for name in ("a.csv", "a.csv.gz", "b.csv")}
    assert found.with_files(uploaded).files == {"s3://b/input/1/a.csv.gz": "mine/a.csv.gz"}
    assert "files" not in found.to_json()
    console = Console(file=io.StringIO(), width=80)
    view.failure(console, found.with_files(uploaded))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[1:] == [
        "  s3://b/input/1/a.csv.gz at byte 0: no",
        "  s3://b/input/1/a.csv.gz is the copy of mine/a.csv.gz",
    ]


WRONG_QUERY = """sql.map: Parser Error: syntax error at or near "FRM"

LINE 3: \tsum(x),\ty FRM
                 ^"""


def test_a_wrong_query_is_shown_with_its_lines_and_the_mark_below_the_place() -> None:
    console = Console(file=io.StringIO(), width=40)
    view.failure(console, failure.Failure("InvalidQuery", WRONG_QUERY, "Check job"))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines() == [
        "InvalidQuery in Check job",
        '  sql.map: Parser Error: syntax error at or near "FRM"',
        "",
        "  LINE 3:  sum(x), y FRM",
        "                     ^",
    ]


def test_a_wrong_query_goes_to_programs_as_it_is() -> None:
    assert failure.Failure("InvalidQuery", WRONG_QUERY).to_json()["cause"] == WRONG_QUERY


def test_a_success_has_no_failure() -> None:
    fake = FakeStepFunctions(History().enter("Succeed", "Done", 0).events)
    assert failure.find(stack_of(fake), ARN, followed(fake)) is None


def test_a_stopped_execution_says_so() -> None:
    fake = FakeStepFunctions(History().enter("Map", "Map", 0).events, status="ABORTED")
    found = failure.find(stack_of(fake), ARN, followed(fake))
    assert found is not None
    assert found.name == "ABORTED"


def test_names_of_executions_are_unique_and_allowed() -> None:
    names = {execution.new_name("x" * 100) for _ in range(50)}
    assert len(names) == 50
    assert all(len(name) <= 80 for name in names)


def stage_of(sample: bool, step: int, records: int) -> dict[str, Any]:
    return counters(records, 10 * records) | {"stage": 0, "step": step} | ({"sample": True} if sample else {})


def sampled_history() -> History:
    """A job that samples its keys first, in two waves, and takes two steps to reduce them."""
    history = History()
    history.passed("Plan stages", 0, stages=[{"job": "sort"}], stage=0)
    history.passed("Configure stage", 0, config={"sample": 4})
    history.map_run("Map", 1, 1, 2, mapped=counters(30, 300)).map_run(
        "Map", 2, 2, 3, mapped=counters(50, 500)
    )
    history.map_run("Reduce", 3, 3, 4, steps=[stage_of(True, 0, 50), stage_of(True, 1, 50)])
    history.map_run("Reduce", 4, 4, 5, steps=[stage_of(True, 0, 50), stage_of(True, 2, 9)])
    history.passed("Configure stage", 5, config={"sample": 0})
    history.map_run("Map", 5, 5, 7, mapped=counters(200, 2000))
    return history.map_run("Reduce", 6, 7, 8, steps=[stage_of(False, 0, 200), stage_of(False, 1, 200)])


def test_the_run_that_samples_keys_is_told_apart_from_the_stages_own() -> None:
    phases = followed(FakeStepFunctions(sampled_history().events)).phases
    assert [(p.name, p.records) for p in phases] == [
        ("Sample", 30),
        ("Sample", 20),
        ("Sample, reduce step 1", 50),
        ("Sample, reduce step 2", 9),
        ("Map", 200),
        ("Reduce step 1", 200),
    ]


def chain_history() -> History:
    history = History()
    history.passed("Plan stages", 0, stages=[{"job": "top:count"}, {"job": "top:largest"}], stage=0)
    history.passed("Configure stage", 0, config={"sample": 0})
    history.map_run("Map", 1, 0, 1, mapped=counters(9, 90))
    history.map_run("Reduce", 2, 1, 2, steps=[counters(9, 90)])
    history.passed("Next stage?", 2, stage=1)
    history.passed("Configure stage", 2, config={"sample": 3})
    return history.map_run("Map", 3, 2, 3, mapped=counters(5, 50))


def test_the_stages_of_a_chain_are_told_apart() -> None:
    phases = followed(FakeStepFunctions(chain_history().events)).phases
    assert [p.name for p in phases] == ["Stage 0: Map", "Stage 0: Reduce step 1", "Stage 1: Sample"]
    assert [p.records for p in phases] == [9, 9, 5]


def test_a_failure_says_in_which_stage_and_whether_it_was_in_the_sample() -> None:
    fake = FakeStepFunctions(chain_history().begin("Map", 4, 3).events, status="FAILED")
    fake.failed = [child(3, "FAILED", 2)]
    found = failure.find(stack_of(fake), ARN, followed(fake))
    assert found is not None
    assert found.place == "Map, stage 1, sample, task 3"
    assert found.to_json().items() >= {"stage": 1, "sample": True, "task": 3}.items()


def test_a_failure_of_one_stage_alone_says_nothing_of_stages() -> None:
    history = sampled_history().enter("Fail", "Records lost", 9)
    fake = FakeStepFunctions(history.events, status="FAILED", error="RecordsLost", cause="why")
    found = failure.find(stack_of(fake), ARN, followed(fake))
    assert found is not None
    assert found.to_json() == {"name": "RecordsLost", "cause": "why", "state": "Records lost"}


def summed_up(output: dict[str, Any], history: History) -> list[str]:
    progress = followed(FakeStepFunctions(history.events, output=json.dumps(output)))
    console = Console(file=io.StringIO(), width=80)
    view.summary(console, progress)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def done(sample: bool, stage: int, step: int, seconds: int, **more: Any) -> dict[str, Any]:
    numbers = dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut"), seconds * 1000)
    of_sample = {"sample": True} if sample else {}
    return {"stage": stage, "step": step, "tasks": 4} | numbers | of_sample | more


def test_the_summary_has_a_row_for_each_step_with_its_seconds() -> None:
    largest = {"largestPartition": {"partition": 2, "records": 300}, "largestKey": {"key": "a", "values": 9}}
    steps = [done(True, 0, 0, 2), done(True, 0, 1, 1), done(True, 0, 2, 1)]
    steps += [done(False, 0, 0, 2), done(False, 0, 1, 1, **largest)]
    lines = summed_up({"steps": steps}, sampled_history())
    rows = {line[:22].strip(): line.split()[-1] for line in lines if line.endswith(".0")}
    assert rows == {
        "Sample": "2.0",
        "Sample, reduce step 1": "1.0",
        "Sample, reduce step 2": "1.0",
        "Map": "2.0",
        "Reduce step 1": "1.0",
    }
    assert lines[-1] == "Reduce step 1: the largest of 4 partitions has 30.0% of the records"


def test_the_summary_names_stages_and_says_nothing_of_one_partition_or_none() -> None:
    of_one = {"largestPartition": {"partition": 0, "records": 1000}, "tasks": 1}
    of_none = {"largestPartition": {"partition": 0, "records": 0}, "recordsIn": 0}
    steps = [done(False, 0, 0, 1), done(False, 0, 1, 1, **of_one), done(False, 1, 0, 1, **of_none)]
    lines = summed_up({"steps": steps}, chain_history())
    assert [line[:22].strip() for line in lines[-3:]] == [
        "Stage 0: Map",
        "Stage 0: Reduce step 1",
        "Stage 1: Map",
    ]


@pytest.mark.parametrize(
    ("rejects", "said"),
    [
        ((1, 0), "1 record could not be read; it is set aside in s3://b/jobs/j/stage-0/rejects/\n"),
        (
            (1_000, 1),
            "1,001 records could not be read; they are set aside in s3://b/jobs/j/stage-0/rejects/ and "
            "s3://b/jobs/j/stage-1/rejects/\n",
        ),
    ],
)
def test_bad_records_are_where_their_stage_set_them_aside(
    capsys: pytest.CaptureFixture[str], rejects: tuple[int, int], said: str
) -> None:
    sample = done(True, 0, 0, 1, rejects=7)
    output = {
        "result": ["s3://b/jobs/j/stage-1/result/part-00000.csv"],
        "counters": {"rejects": sum(rejects)},
        "steps": [sample, *(done(False, stage, 0, 1, rejects=bad) for stage, bad in enumerate(rejects))],
    }
    outcome._bring(stack_of(FakeStepFunctions([])), output, Grammar().parse(["watch", "job-1"]))
    assert said in capsys.readouterr().err


def test_warnings_are_shown_to_people_and_go_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    warning = "stage 0: the key a has 9 of 10 values, more than the share of one of 4 partitions"
    steps = [done(False, 0, 0, 1, largestKey={"key": "a", "values": 9})]
    output = {
        "job": "x",
        "result": ["s3://b/result/part-00000.csv"],
        "counters": {"rejects": 0},
        "steps": steps,
        "warnings": [warning],
    }
    fake = FakeStepFunctions(History().enter("Succeed", "Done", 0).events, output=json.dumps(output))
    options = Grammar().parse(["watch", "job-1", "--json"])
    assert outcome.finish(stack_of(fake), ARN, followed(fake), options) == 0
    shown = capsys.readouterr()
    assert f"Warning: {warning}\n" in shown.err
    document = json.loads(shown.out)
    assert document["warnings"] == [warning]
    assert document["steps"] == steps

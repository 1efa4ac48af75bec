"""What is said to do about a failed job: for people, for programs, and as a command that continues it."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from rich.console import Console

from marla import advice, failure, outcome, view
from marla.arguments import Grammar
from marla.execution import Progress
from tests.unit.test_cli_execution import (
    ARN,
    CAUSE,
    FakeStepFunctions,
    History,
    chain_history,
    child,
    counters,
    followed,
    stack_of,
)

Out = pytest.CaptureFixture[str]


def failed(error: str, state: str = "Map", *, seen: History | None = None, **described: Any) -> Progress:
    """An execution that failed in a state, behind two finished map tasks."""
    history = seen or History().map_run("Map", 1, 0, 1, mapped=counters(9, 90))
    history.enter("Map" if state.startswith(("Map", "Reduce")) else "Task", state, 2)
    return followed(FakeStepFunctions(history.events, **{"status": "FAILED", "error": error} | described))


def told(progress: Progress, capsys: Out, *options: str) -> tuple[str, dict[str, Any]]:
    """What people and programs are told of a failed execution."""
    parsed = Grammar().parse(["watch", "job-1", "--json", *options])
    assert outcome.finish(stack_of(FakeStepFunctions([])), ARN, progress, parsed) == 1
    shown = capsys.readouterr()
    return shown.err, json.loads(shown.out)


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (
            "Sandbox.Timedout",
            "Map",
            "WorkerTimeout of the stack .* or start it anew with a lower --split-bytes",
        ),
        ("Runtime.OutOfMemory", "Map", "parameter MapperMemory of the stack"),
        ("Runtime.OutOfMemory", "Reduce", "ReducerMemory of the stack .* anew with more --partitions"),
        ("Runtime.ExitError", "Reduce with backups", "no memory is left.* ReducerMemory"),
        ("Lambda.Unknown", "Map with backups", "had no memory left, or no time. .*MapperMemory"),
        ("States.Timeout", "Map", "heard nothing from the worker"),
        ("States.DataLimitExceeded", "Check job", "256 KiB"),
        ("StorageUnavailable", "Reduce", "S3 did not answer.*lower --concurrency"),
        ("Lambda.TooManyRequestsException", "Map", "concurrency was used up.*lower --concurrency"),
        ("Lambda.ServiceException", "Map", "Lambda failed in itself.*resume the job"),
        ("Lambda.SdkClientException", "Reduce", "could not be reached.*resume the job"),
        ("JobFailed", "Reduce", "Correct the job, or the data.*start it anew"),
        ("Runtime.ExitError", "Result not published", "ReducerMemory .*fewer --partitions"),
    ],
)
def test_an_error_that_names_no_remedy_gets_one(capsys: Out, error: str, state: str, said: str) -> None:
    err, document = told(failed(error, state, cause="why"), capsys)
    [line] = [line for line in err.splitlines() if line.startswith("  ") and "why" not in line]
    assert re.search(said, line)
    assert document["error"]["advice"] == line.strip()
    assert "{" not in line


def test_an_error_that_says_what_to_do_gets_no_advice(capsys: Out) -> None:
    _, document = told(failed("OutOfTime", cause="lower splitBytes"), capsys)
    assert "advice" not in document["error"]


def test_a_job_that_took_too_long_is_told_which_parameter_allows_more(capsys: Out) -> None:
    progress = failed("", status="TIMED_OUT")
    err, document = told(progress, capsys)
    assert document["status"] == "TIMED_OUT"
    assert document["error"]["name"] == "States.Timeout"
    assert "JobTimeout of the stack" in document["error"]["advice"]
    assert "Job timed out after" in err
    assert "marla run --resume job-1" in err


@pytest.mark.parametrize(
    ("error", "command"),
    [
        ("StorageUnavailable", "marla run --resume job-1"),
        ("BadRecord", "marla run --resume job-1 --max-bad-records N"),
        ("RecordTooLong", "marla run --resume job-1 --max-record-bytes SIZE"),
        ("States.ExceedToleratedFailureThreshold", "marla run --resume job-1"),
    ],
)
def test_the_last_line_says_how_a_job_is_continued(capsys: Out, error: str, command: str) -> None:
    err, _ = told(failed(error, cause="why"), capsys)
    assert err.splitlines()[-1] == f"`{command}` continues it: what is done is not done again"


@pytest.mark.parametrize(
    "error",
    [
        "InvalidInput",
        "UnknownJob",
        "InvalidParameter",
        "InvalidQuery",
        "NoInput",
        "InputChanged",
        "ResumeRefused",
        "CodeChanged",
        "JobFailed",
        "BadObject",
    ],
)
def test_a_job_that_would_fail_again_is_not_continued(capsys: Out, error: str) -> None:
    err, _ = told(failed(error, cause="why"), capsys)
    assert "--resume" not in err


def test_a_job_of_which_nothing_is_done_is_not_continued(capsys: Out) -> None:
    progress = failed("StorageUnavailable", "List input", seen=History(), cause="why")
    assert "--resume" not in told(progress, capsys)[0]


def test_a_command_for_a_stack_on_aws_names_it() -> None:
    command = advice.command_to_resume("Interrupted", "", "a", failed("Interrupted"), " --stack mine")
    assert command == "marla run --resume a --stack mine"


@pytest.mark.parametrize("state", ["Map", "Map with backups"])
def test_a_task_that_failed_in_spite_of_its_backup_is_told_as_one_without(state: str) -> None:
    fake = FakeStepFunctions(chain_history().begin(state, 4, 3).events, status="FAILED")
    fake.failed = [child(3, "FAILED", 2)]
    found = failure.find(stack_of(fake), ARN, followed(fake))
    assert found is not None
    assert (found.name, found.place) == ("BadRecord", "Map, stage 1, sample, task 3")
    assert found.cause == json.loads(CAUSE)["errorMessage"]


def test_phases_with_backups_are_counted_as_those_without() -> None:
    history = History().map_run("Map with backups", 1, 0, 1, mapped=counters(100, 1000))
    history.map_run("Reduce with backups", 2, 1, 3, steps=[counters(0, 0), counters(60, 600)])
    phases = followed(FakeStepFunctions(history.events)).phases
    assert [(p.name, p.step, p.seconds, p.records) for p in phases] == [
        ("Map", 0, 1, 100),
        ("Reduce step 1", 1, 2, 60),
    ]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("set maxBadRecords to go on", "set maxBadRecords (--max-bad-records) to go on"),
        ("lower splitBytes, or fanIn", "lower splitBytes (--split-bytes), or fanIn (--fan-in)"),
        ("params.base: got 1; give 2", "params.base (--param base): got 1; give 2"),
        ("output: got x; params.k: got y", "output: got x; params.k (--param k): got y"),
        ("no such params.base, in my_maxBadRecords2", "no such params.base, in my_maxBadRecords2"),
    ],
)
def test_fields_are_named_with_their_options(message: str, shown: str) -> None:
    console = Console(file=io.StringIO(), width=80)
    found = failure.Failure("InvalidInput", message)
    view.failure(console, found)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[1] == f"  {shown}"
    assert found.to_json()["cause"] == message


def test_tasks_that_were_not_done_again_are_counted(capsys: Out) -> None:
    numbers = dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut", "rejects"), 0)
    steps = [
        {"stage": 0, "step": 0, "tasks": 1000, "reused": 998} | numbers,
        {"stage": 0, "step": 1, "tasks": 3, "reused": 2} | numbers,
        {"stage": 0, "step": 2, "tasks": 1} | numbers,
    ]
    output = {"job": "x", "result": ["s3://b/r"], "counters": {"rejects": 0}, "steps": steps}
    progress = followed(FakeStepFunctions(History().events, output=json.dumps(output)))
    assert (
        outcome.finish(stack_of(FakeStepFunctions([])), ARN, progress, Grammar().parse(["watch", "x"])) == 0
    )
    assert "1,000 of 1,004 tasks had been done before, and were not done again\n" in capsys.readouterr().err

"""Reports of executions that failed say what is known of them, and nothing that is not so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mapreduce.record import ObjectRange
from marla.costs.deployment import Deployment
from marla.costs.history import EventsSummary
from marla.costs.of_execution import costs
from marla.costs.prices import prices_in
from marla.costs.usage import usage_of
from marla.failure import Failure
from marla.report import page, sentences
from marla.report.model import Report
from tests.unit.synthetic_report import attempt, report
from tests.unit.test_report_html import shown

FAILURE = Failure("BadRecord", "s3://input/logs-00002.log at byte 12: no number", "Map", task=0)
RANGES = tuple(
    ObjectRange("input", key, 0, 100) for key in ("logs-00000.log", "logs-00002.log", "a: b (1).log")
)
FAILED_COLUMNS = ("Step", "Task", "Attempt", "Began at", "Took", "Error")


def failed(message: str, failure: Failure = FAILURE, **known: Any) -> Report:
    """The report of an execution whose only attempt failed with a message."""
    wrong = attempt(error="BadRecord", message=message, ranges=RANGES, objects=0)
    return report([wrong], failure, **{"status": "FAILED", "output": None} | known)


def text_of(of: Report) -> str:
    return " ".join(shown(of).text.split())


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("s3://input/logs-00002.log at byte 12: no number", "s3://input/logs-00002.log"),
        ("s3://input/a: b (1).log: is empty", "s3://input/a: b (1).log"),  # one of those that it read
        ("s3://input/one at noon.log: is empty", "s3://input/one at noon.log"),
        ("JobError: no number", "s3://input/logs-00000.log and 2 more"),
        ("could not read s3://input/logs-00001.log: no answer", "s3://input/logs-00000.log and 2 more"),
    ],
)
def test_the_object_of_an_attempt_that_failed_is_the_one_that_its_error_names(
    message: str, told: str
) -> None:
    (line,) = shown(failed(message)).table(*FAILED_COLUMNS)
    assert line[-1] == told


def test_the_object_of_an_attempt_that_succeeded_is_its_first() -> None:
    (row,) = page._views(report([attempt(ranges=RANGES, objects=3)]))["slowest"]
    assert (row["object"], row["more"]) == ("s3://input/logs-00000.log", 2)


@pytest.mark.parametrize(
    "told",
    [
        {"failure": replace(FAILURE, stage=0)},  # as of a chain in the catalogue
        {"asked": {"stages": [{"job": "one"}, {"job": "two"}], "input": "s3://input/"}},
    ],
)
def test_the_only_step_of_a_chain_that_failed_has_its_stage(told: dict[str, Any]) -> None:
    made = failed("s3://input/logs-00002.log: no number", **told)
    assert [step.name for step in made.steps] == ["Stage 0: Map"]
    assert [one.name for one in made.headrooms] == ["Stage 0: Map"]
    assert shown(made).table(*FAILED_COLUMNS)[0][0] == "Stage 0: Map"


def test_the_steps_of_a_job_of_one_stage_have_none() -> None:
    made = failed("no number", asked={"stages": [{"job": "one"}], "input": "s3://input/"})
    assert [step.name for step in made.steps] == ["Map"]


def test_what_was_not_done_yet_is_so_only_while_it_runs() -> None:
    over = text_of(failed("no number"))
    assert "No task was done." in over
    assert " yet." not in over.partition("What was asked")[0]
    running = report([attempt(error="Gone")], status="RUNNING", stopped=None, output=None, state="Map")
    assert "No task has been done yet." in text_of(running)


def test_of_a_sample_alone_no_step_is_said_to_be_still_to_come() -> None:
    steps = report([attempt(sample=True)]).steps
    assert "yet" in sentences.of_flow(steps, running=True)
    assert "yet" not in sentences.of_flow(steps, running=False)


def test_where_no_worker_was_started_no_more_is_promised_of_it() -> None:
    refused = Failure("InvalidParameter", "k: give a number", "Check job")
    made = report([], refused, status="FAILED", output=None)
    assert "tells more" not in text_of(made)
    assert "What other choices would have cost" not in text_of(made)


def test_where_a_worker_left_no_record_its_log_is_promised() -> None:
    usage = usage_of([], EventsSummary(), Deployment(children=1))
    made = report([], FAILURE, status="FAILED", output=None)
    killed = replace(made, costs=costs([], usage, prices_in("us-east-1")))
    assert "the attempts and the log" in text_of(killed)


def test_memory_is_told_as_lambda_writes_it() -> None:
    known = {"memory_mib": 1769, "peak_memory_mib": 1700}
    found = shown(report([attempt(**known), attempt(step=1, **known)]))
    assert "1,700 of 1,769 MB" in found.text
    assert "MiB" not in found.text
    assert "MiB" not in str(found.data)

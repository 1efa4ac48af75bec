"""`marla run --resume`: what may be given, what is started, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from marla import cli, execution, following
from tests.unit.fake_executions import EXECUTION, FakeExecutions, stack_of

Out = pytest.CaptureFixture[str]
ASKED = {"job": "wordcount", "input": "s3://b/x/", "fanIn": 2, "concurrency": 9}


class Started:
    """What `marla run` would have started."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.name = self.title = ""

    def __call__(self, stack: Any, document: dict[str, Any], name: str, title: str, options: Any) -> int:
        self.document, self.name, self.title = document, name, title
        return 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    started = Started()
    monkeypatch.setattr(following, "execute", started)
    return started


def resumed(monkeypatch: pytest.MonkeyPatch, sfn: FakeExecutions, *arguments: str) -> int:
    monkeypatch.setattr(cli, "connect", lambda options, start=False: stack_of(sfn))
    return cli.main(["run", "--resume", *arguments])


def test_the_same_input_is_started_again_and_says_what_it_resumes(
    monkeypatch: pytest.MonkeyPatch, started: Started
) -> None:
    sfn = FakeExecutions(first={"input": ASKED})
    assert resumed(monkeypatch, sfn, "first") == 0
    assert started.document == ASKED | {"resume": "first"}
    assert started.title == "wordcount"
    assert resumed(monkeypatch, sfn, f"{EXECUTION}first", "--name", "again") == 0
    assert (started.document["resume"], started.name) == ("first", "again")


def test_what_changes_no_finished_task_may_be_given_anew(
    monkeypatch: pytest.MonkeyPatch, started: Started
) -> None:
    sfn = FakeExecutions(first={"input": ASKED})
    arguments = ["--concurrency", "2", "--max-bad-records", "5", "--max-record-bytes", "1KB", "--speculate"]
    assert resumed(monkeypatch, sfn, "first", *arguments, "--delete-intermediates") == 0
    assert started.document == ASKED | {
        "resume": "first",
        "concurrency": 2,
        "maxBadRecords": 5,
        "maxRecordBytes": 1000,
        "speculate": True,
        "keepIntermediates": False,
    }


def test_what_is_given_anew_holds_for_stages_that_had_it_themselves(
    monkeypatch: pytest.MonkeyPatch, started: Started
) -> None:
    stages = [{"job": "a", "concurrency": 4, "fanIn": 3}, {"job": "b"}]
    sfn = FakeExecutions(first={"input": {"input": "s3://b/x/", "stages": stages}})
    assert resumed(monkeypatch, sfn, "first", "--concurrency", "2") == 0
    assert started.document["stages"] == [{"job": "a", "fanIn": 3}, {"job": "b"}]
    assert started.document["concurrency"] == 2
    assert started.title == "stages"


def test_a_resumed_execution_that_failed_is_resumed_as_its_first(
    monkeypatch: pytest.MonkeyPatch, started: Started
) -> None:
    for error in ("BadRecord", "ResumeRefused"):  # the latter, for the code may be as it was by now
        sfn = FakeExecutions(second={"input": ASKED | {"resume": "first"}, "error": error})
        assert resumed(monkeypatch, sfn, "second") == 0
        assert started.document["resume"] == "first"


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("wordcount-20261121-120000-0a1b", r"wordcount-\d{8}-\d{6}-[0-9a-f]{6}"),
        ("nightly", r"nightly-\d{8}-\d{6}-[0-9a-f]{6}"),
        ("n" * 80, r"n{40}-\d{8}-\d{6}-[0-9a-f]{6}"),
    ],
)
def test_the_name_is_that_of_the_first_with_another_time(
    monkeypatch: pytest.MonkeyPatch, started: Started, name: str, like: str
) -> None:
    assert resumed(monkeypatch, FakeExecutions(**{name: {}}), name) == 0
    assert started.name != name
    assert re.fullmatch(like, started.name)
    assert len(started.name) <= 80


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["wordcount", "s3://b/x/"], "JOB: got wordcount, but --resume continues first"),
        (["--fan-in", "2"], "--fan-in: got 2, but --resume continues first, whose plan must stay the same"),
        (["--sql", "FROM input"], "--sql: got FROM input, but"),
        (["--param", "prefix=3"], "--param: got prefix=3, but"),
        (["--header"], "--header: got it, but"),
        (["--split-bytes", "1MB"], "--split-bytes: got 1000000, but"),
        (["--cross-region"], "--cross-region: got it, but"),
    ],
)
def test_what_would_be_another_job_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: Out, started: Started, arguments: list[str], told: str
) -> None:
    assert resumed(monkeypatch, FakeExecutions(first={}), "first", *arguments) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "--concurrency, --max-bad-records" in said
    assert not started.document


@pytest.mark.parametrize(
    ("executions", "told"),
    [
        ({}, "has no execution first. Step Functions forgets one 90 days after its end"),
        (
            {"first": {"status": "RUNNING"}},
            "first is running: `marla watch first --stack marla --region us-east-1` follows it, `marla stop",
        ),
        (
            {"first": {"status": "SUCCEEDED"}},
            "first has succeeded: `marla result first --stack marla --region us-east-1`",
        ),
        (
            {"first": {}, "second": {"status": "RUNNING", "input": {"job": "x", "resume": "first"}}},
            "second is running: `marla watch second --stack marla --region us-east-1` follows it",
        ),
        ({"first": {"input": [1]}}, "first was given [1], which is no job"),
    ],
)
def test_what_cannot_be_resumed_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Out,
    started: Started,
    executions: dict[str, dict[str, Any]],
    told: str,
) -> None:
    assert resumed(monkeypatch, FakeExecutions(**executions), "first") == 1
    assert told in capsys.readouterr().err
    assert not started.document


def test_another_jobs_execution_does_not_keep_one_from_being_resumed(
    monkeypatch: pytest.MonkeyPatch, started: Started
) -> None:
    running = {"status": "RUNNING", "input": {"job": "x", "resume": "other"}}
    assert resumed(monkeypatch, FakeExecutions(first={}, third=running), "first") == 0
    assert started.document["resume"] == "first"


@pytest.mark.parametrize("name", ["", "a/b", "..", "arn:aws:states:us-east-1:1:execution:others:first"])
def test_what_names_no_execution_of_the_stack_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: Out, name: str
) -> None:
    assert resumed(monkeypatch, FakeExecutions(first={}), name) == 2
    assert "EXECUTION: got " in capsys.readouterr().err


def test_names_for_resumed_executions_stay_short_however_often(monkeypatch: pytest.MonkeyPatch) -> None:
    name = execution.new_name("job")
    for _ in range(3):
        taken = Started()
        monkeypatch.setattr(following, "execute", taken)
        assert resumed(monkeypatch, FakeExecutions(**{name: {}}), name) == 0
        assert len(taken.name) == len(name)
        name = taken.name

"""What is told when an execution's end is not known: the cloud died or is silent; or a command ended."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from botocore.exceptions import EndpointConnectionError

from marla import cli, execution, following
from marla.errors import CloudError
from marla.execution import Phase, Progress
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.unit.fake_executions import EXECUTION, FakeExecutions, stack_of

Out = pytest.CaptureFixture[str]
Follow = Callable[[Progress], None]
SILENT = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
DEATH = "engine (process 1) has died, and so the local cloud with all that was in it is gone"
RUN = ["run", "wordcount", "s3://bucket/x/", "--cross-region", "--name", "one"]


def run(monkeypatch: pytest.MonkeyPatch, sfn: FakeExecutions, follow: Follow, *arguments: str) -> int:
    def followed(stack: Stack, arn: str, title: str, progress: Progress) -> None:
        follow(progress)

    monkeypatch.setattr(cli, "connect", lambda options, start=False: stack_of(sfn))
    monkeypatch.setattr(execution, "start", lambda stack, document, name: stack.execution_arn(name))
    monkeypatch.setattr(following, "_follow", followed)
    return cli.main(list(arguments))


def raising(error: BaseException) -> Follow:
    def follow(progress: Progress) -> None:
        progress.phases.append(Phase("Map", datetime.now(UTC), succeeded=3))
        raise error

    return follow


@pytest.mark.parametrize("command", [RUN, ["watch", "one"]])
def test_an_execution_that_died_with_the_local_cloud_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: Out, command: list[str]
) -> None:
    monkeypatch.setattr(LocalCloud, "died", lambda self: DEATH)
    assert run(monkeypatch, FakeExecutions(), raising(SILENT), *command, "--json") == 1
    told = capsys.readouterr()
    assert f"{DEATH}. The execution and everything in it are lost: run it again" in told.err
    assert "goes on" not in told.err
    document = json.loads(told.out)
    assert (document["execution"], document["status"]) == (f"{EXECUTION}one", "LOST")
    assert document["error"]["name"] == "LocalCloudDied"
    assert DEATH in document["error"]["cause"]


def test_a_local_cloud_that_lives_but_is_silent_is_not_called_dead(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(LocalCloud, "died", lambda self: "")
    assert run(monkeypatch, FakeExecutions(), raising(SILENT), *RUN, "--json") == 1
    told = capsys.readouterr()
    assert "the local cloud did not answer as it should" in told.err
    assert json.loads(told.out)["status"] == "UNKNOWN"


def test_on_aws_an_execution_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    assert run(monkeypatch, FakeExecutions(), raising(SILENT), *RUN, "--json", "--stack", "mine") == 1
    told = capsys.readouterr()
    assert "AWS did not answer as it should" in told.err
    assert "goes on by itself: follow it with `marla watch EXECUTION --stack mine`" in told.err
    document = json.loads(told.out)
    assert (document["status"], document["error"]["name"]) == ("UNKNOWN", "EndpointConnectionError")


def test_a_result_that_cannot_be_brought_does_not_make_a_job_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    def follow(progress: Progress) -> None:
        progress.status = "SUCCEEDED"
        raise CloudError("s3://b/x: gone")

    monkeypatch.setattr(LocalCloud, "died", lambda self: "")
    assert run(monkeypatch, FakeExecutions(), follow, *RUN, "--json") == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["status"] == "SUCCEEDED"
    assert "marla: s3://b/x: gone" in told.err


def test_of_an_execution_that_was_not_started_programs_are_told_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    def start(stack: Stack, document: object, name: str) -> str:
        raise CloudError("the execution one could not be started: there is one")

    monkeypatch.setattr(cli, "connect", lambda options, start=False: stack_of(FakeExecutions()))
    monkeypatch.setattr(execution, "start", start)
    assert cli.main([*RUN, "--json"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "could not be started: there is one" in told.err


def test_a_dead_local_cloud_is_told_to_those_who_ask_for_what_was_in_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setattr(LocalCloud, "died", lambda self: DEATH)
    for command in (["watch", "one"], ["result", "one"], ["rm", "one"], ["run", "--resume", "one"]):
        assert cli.main(command) == 1
        assert capsys.readouterr().err == (
            f"marla: {DEATH}. Executions that were in it are lost: run the job again\n"
        )


def terminate(progress: Progress) -> None:
    progress.phases.append(Phase("Map", datetime.now(UTC), succeeded=3))
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()


@pytest.mark.parametrize(("follow", "status"), [(terminate, 143), (raising(KeyboardInterrupt()), 130)])
def test_a_run_that_is_ended_stops_its_execution_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: Out, follow: Follow, status: int
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    sfn = FakeExecutions(one={"status": "RUNNING"})
    assert run(monkeypatch, sfn, follow, *RUN, "--json") == status
    assert sfn.stopped == [f"{EXECUTION}one"]
    told = capsys.readouterr()
    assert f"Interrupted: the execution is stopped. {EXECUTION}one\n" in told.err
    assert "`marla run --resume one --stack marla` continues it" in told.err
    document = json.loads(told.out)
    assert (document["status"], document["error"]["name"]) == ("ABORTED", "Interrupted")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_run_that_is_ended_as_its_execution_ends_tells_how_that_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    sfn = FakeExecutions(one={"status": "SUCCEEDED"})
    assert run(monkeypatch, sfn, raising(KeyboardInterrupt()), *RUN, "--json") == 130
    told = capsys.readouterr()
    assert "Interrupted, but the execution was over: SUCCEEDED. `marla watch one --stack marla`" in told.err
    assert json.loads(told.out)["status"] == "SUCCEEDED"


def test_a_run_that_is_ended_before_its_execution_is_started_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    assert run(monkeypatch, FakeExecutions(), raising(KeyboardInterrupt()), *RUN) == 130
    assert "Interrupted: no execution was started" in capsys.readouterr().err


def test_a_watcher_that_is_ended_stops_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    sfn = FakeExecutions(one={"status": "RUNNING"})
    assert run(monkeypatch, sfn, terminate, "watch", "one") == 143
    assert sfn.stopped == []
    assert (
        "The execution goes on by itself: `marla stop one --stack marla` stops it" in capsys.readouterr().err
    )

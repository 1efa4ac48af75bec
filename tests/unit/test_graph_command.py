"""`marla graph`: which machine, how far it is, in which format, and where to."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mapreduce.record import TaskRecord
from marla import cli
from marla.graph import command
from marla.graph.definition import graph_of
from marla.graph.mermaid import mermaid
from marla.graph.svg import render
from marla.pipelines import DEFINITION
from marla.stack import Stack
from tests.unit.fake_executions import EXECUTION, MACHINE, FakeExecutions, stack_of

Out = pytest.CaptureFixture[str]
BEGAN = datetime.now(UTC) - timedelta(hours=2)
PICTURE = DEFINITION.parents[1] / "docs" / "pictures" / "state-machine.svg"
DEPLOYED = json.dumps(
    {
        "StartAt": "Map",
        "States": {
            "Map": {
                "Type": "Map",
                "End": True,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED"},
                    "StartAt": "Mapper",
                    "States": {
                        "Mapper": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
                    },
                },
            }
        },
    }
)


class FakeMachine(FakeExecutions):
    """A Step Functions whose executions all are in the Map of one definition."""

    def describe_state_machine(self, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        assert stateMachineArn == MACHINE
        return {"definition": DEPLOYED}

    def describe_state_machine_for_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        if executionArn.endswith("forgotten"):
            answer: Any = {"Error": {"Code": "ExecutionDoesNotExist", "Message": "it is gone"}}
            raise ClientError(answer, "DescribeStateMachineForExecution")
        return {"definition": DEFINITION.read_text() if executionArn.endswith("raced") else DEPLOYED}

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return super().describe_execution(executionArn) | {"startDate": BEGAN}

    def get_execution_history(
        self,
        executionArn: str,  # noqa: N803
        reverseOrder: bool,  # noqa: N803
        maxResults: int,  # noqa: N803
    ) -> dict[str, Any]:
        """A history that is in a map run, or in that of a race whose end its counts do not tell yet."""
        ended = [{"type": "MapStateExited", "stateExitedEventDetails": {"name": "Map with backups"}}]
        raced = executionArn.endswith("raced")
        events: list[dict[str, Any]] = [
            {"type": "ExecutionStarted"},
            {
                "type": "MapStateEntered",
                "stateEnteredEventDetails": {"name": "Map with backups" if raced else "Map"},
            },
            {"type": "MapRunStarted", "mapRunStartedEventDetails": {"mapRunArn": "run"}},
            *(ended if raced else []),
        ]
        numbered = [
            event | {"id": number, "previousEventId": number - 1, "timestamp": BEGAN}
            for number, event in enumerate(events, 1)
        ]
        return {"events": numbered[::-1] if reverseOrder else numbered}

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        assert mapRunArn == "run"
        return {"itemCounts": {"total": 9, "succeeded": 4, "failed": 1, "timedOut": 1, "running": 0}}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    fake = FakeMachine(
        one={"status": "RUNNING"},
        two={"status": "FAILED", "error": "E"},
        raced={"status": "SUCCEEDED"},
        forgotten={},
    )
    monkeypatch.setattr(command, "connect", lambda options: stack_of(fake))
    return fake


def test_without_anything_it_is_our_own_machine_as_mermaid(capsys: Out) -> None:
    assert cli.main(["graph"]) == 0
    assert capsys.readouterr().out == mermaid(graph_of(DEFINITION.read_text()))


def test_the_format_goes_by_the_suffix_of_the_file(tmp_path: Path, capsys: Out) -> None:
    graph = graph_of(DEFINITION.read_text())
    for name, text in {
        "a.svg": render(graph),
        "a.SVG": render(graph),
        "a.mmd": mermaid(graph),
        "a.md": f"```mermaid\n{mermaid(graph)}```\n",
    }.items():
        assert cli.main(["graph", "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_text() == text
    assert capsys.readouterr().out == ""


def test_the_format_that_is_asked_for_wins(tmp_path: Path, capsys: Out) -> None:
    assert cli.main(["graph", "--format", "svg"]) == 0
    assert capsys.readouterr().out.startswith("<svg ")
    path = tmp_path / "graph.txt"
    assert cli.main(["graph", "--format", "mermaid", "--out", str(path)]) == 0
    assert path.read_text().startswith("flowchart TD\n")


def test_a_suffix_that_says_no_format_is_refused(tmp_path: Path, capsys: Out) -> None:
    assert cli.main(["graph", "--out", str(tmp_path / "graph.png")]) == 2
    said = capsys.readouterr().err
    assert "--out" in said
    assert "graph.png" in said
    assert ".svg" in said
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_that_says_another_format_than_is_asked_for_is_refused(tmp_path: Path, capsys: Out) -> None:
    for format, name in (("mermaid", "graph.svg"), ("svg", "graph.md")):
        assert cli.main(["graph", "--format", format, "--out", str(tmp_path / name)]) == 2
        said = capsys.readouterr().err
        assert name in said
        assert f"--format {format}" in said
        assert "leave --format out" in said
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "graph.svg"
    path.write_text("old")
    assert cli.main(["graph", "--out", str(path)]) == 0
    assert path.read_text().startswith("<svg ")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, capsys: Out) -> None:
    assert cli.main(["graph", "--out", str(tmp_path / "no" / "graph.svg")]) == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_of_a_stack_it_is_the_machine_that_is_deployed(capsys: Out) -> None:
    assert cli.main(["graph", "--stack", "marla"]) == 0
    assert capsys.readouterr().out == mermaid(graph_of(DEPLOYED))


def test_of_an_execution_it_shows_how_far_that_is(tmp_path: Path) -> None:
    path = tmp_path / "graph.svg"
    assert cli.main(["graph", "one", "--out", str(path)]) == 0
    text = path.read_text()
    assert 'aria-label="Execution one: running"' in text
    assert re.search(r'aria-label="Map: running, 4 of 9 tasks, 2 failed, 2 h \d+ min"', text)
    assert 'aria-label="Mapper: failed, 4 of 9 tasks, 2 failed"' in text


def test_of_a_map_that_was_left_all_tasks_are_done_though_its_counts_come_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = TaskRecord(
        kind="map", stage=0, step=0, partition=0, task=3, started=1, ended=2, output="", backup=True
    )

    def left(stack: Stack, job: str, execution: str) -> list[TaskRecord]:
        assert (job, execution) == ("raced", "raced")
        return [backup]

    monkeypatch.setattr("marla.records.of_execution", left)
    path = tmp_path / "graph.svg"
    assert cli.main(["graph", "raced", "--out", str(path)]) == 0
    text = path.read_text()
    assert 'aria-label="Map with backups: succeeded, 9 of 9 tasks, 0.0 s"' in text
    assert 'aria-label="Backup mapper: succeeded, 1 task"' in text


def test_a_picture_needs_no_permission_to_read_records(capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(stack: Stack, job: str, execution: str) -> list[TaskRecord]:
        answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not yours"}}
        raise ClientError(answer, "ListObjectsV2")

    monkeypatch.setattr("marla.records.of_execution", refused)
    assert cli.main(["graph", "raced"]) == 0
    said = capsys.readouterr()
    assert "Map with backups<br>9 of 9" in said.out
    assert "Backups are not counted" in said.err
    assert "not yours" in said.err


def test_of_one_that_is_over_nothing_runs(capsys: Out) -> None:
    assert cli.main(["graph", EXECUTION + "two"]) == 0
    out = capsys.readouterr().out
    assert "✕ Map<br>4 of 9" in out
    assert "►" not in out


def test_an_execution_that_is_not_there_is_said(capsys: Out) -> None:
    assert cli.main(["graph", "nobody"]) == 1
    assert "no execution nobody" in capsys.readouterr().err
    assert cli.main(["graph", "forgotten"]) == 1
    assert "it is gone" in capsys.readouterr().err


def test_the_picture_of_the_readme_is_that_of_the_definition() -> None:
    drawn = render(graph_of(DEFINITION.read_text()))
    assert PICTURE.read_text() == drawn, (
        "the state machine has changed, or how it is drawn: run "
        "`.venv/bin/marla graph --out docs/pictures/state-machine.svg`"
    )

"""`marla graph`: which machine, how far it is, in which format, and where to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from marla import cli
from marla.graph import command
from marla.graph.definition import graph_of
from marla.graph.mermaid import mermaid
from marla.graph.svg import render
from marla.pipelines import DEFINITION
from tests.unit.fake_executions import EXECUTION, MACHINE, FakeExecutions, stack_of

Out = pytest.CaptureFixture[str]
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
        return {"definition": DEPLOYED}

    def get_paginator(self, operation: str) -> Any:
        return self if operation == "list_executions" else History()

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        assert mapRunArn == "run"
        return {"itemCounts": {"total": 9, "succeeded": 4, "failed": 1, "timedOut": 1, "running": 0}}


class History:
    """Two pages of a history that ends in a map run."""

    def paginate(self, executionArn: str, includeExecutionData: bool, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert executionArn.startswith(EXECUTION)
        assert not includeExecutionData
        began = datetime.now(UTC) - timedelta(hours=2)
        events: list[dict[str, Any]] = [
            {"type": "ExecutionStarted"},
            {"type": "MapStateEntered", "stateEnteredEventDetails": {"name": "Map"}},
            {"type": "MapRunStarted", "mapRunStartedEventDetails": {"mapRunArn": "run"}},
        ]
        for i, event in enumerate(events, 1):
            yield {"events": [event | {"id": i, "previousEventId": i - 1, "timestamp": began}]}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    fake = FakeMachine(one={"status": "RUNNING"}, two={"status": "FAILED", "error": "E"}, forgotten={})
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
    assert 'aria-label="Map: running, 4 of 9 tasks, 2 failed, 2 h 0 min"' in text
    assert 'aria-label="Mapper: failed, 4 of 9 tasks, 2 failed"' in text


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

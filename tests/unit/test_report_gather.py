"""A report of what the cloud tells: what it refuses is missing, and the report says so."""

from __future__ import annotations

from typing import Any

import pytest

from marla.report.gather import gathered
from marla.report.page import html_of
from tests.unit.console_cloud import Console, missing


def executed() -> Console:
    """A cloud with an execution that is over."""
    console = Console()
    console.states.add("job").end("SUCCEEDED", 3, output={})
    return console


def test_a_report_needs_no_right_to_read_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    console = executed()

    def refused(**_: str) -> Any:
        raise missing("AccessDeniedException: <not> yours")

    monkeypatch.setattr(console.states, "describe_state_machine_for_execution", refused)
    report = gathered(console.stack, "job")
    assert report.graph.startswith("<p>The graph is missing, for its definition cannot be read: ")
    assert "&lt;not&gt; yours" in report.graph
    assert report.graph in html_of(report)


def test_a_report_has_the_graph_where_the_definition_may_be_read() -> None:
    assert gathered(executed().stack, "job").graph.startswith("<svg ")

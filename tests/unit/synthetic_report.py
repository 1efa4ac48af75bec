"""Reports of executions that never were."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mapreduce.record import TaskRecord
from marla.costs.history import summarise
from marla.costs.of_execution import costs
from marla.costs.prices import prices_in
from marla.costs.usage import usage_of
from marla.failure import Failure
from marla.graph.definition import graph_of
from marla.graph.svg import render
from marla.report.model import Execution, Report, report_of
from tests.unit import synthetic_execution

GRAPH = '{"StartAt": "Map", "States": {"Map": {"Type": "Pass", "End": true}}}'
OUTPUT = {
    "result": ["s3://bucket/jobs/one/stage-0/result/part-00000.csv"],
    "counters": {"inputRecords": 12_345, "resultRecords": 67},
    "warnings": [],
    "steps": [],
}


def execution(**known: Any) -> Execution:
    """An execution that has succeeded, but for what is given."""
    started = datetime.fromtimestamp(synthetic_execution.START, UTC)
    usual: dict[str, Any] = {
        "name": synthetic_execution.NAME,
        "arn": f"arn:aws:states:us-east-1:000000000000:execution:machine:{synthetic_execution.NAME}",
        "stack": "marla",
        "region": "us-east-1",
        "local": False,
        "where": " --stack marla --region us-east-1",
        "status": "SUCCEEDED",
        "started": started,
        "stopped": started + timedelta(seconds=90),
        "state": "Done",
        "asked": {"job": "uservisits", "input": "s3://input/visits/"},
        "output": OUTPUT,
    }
    return Execution(**usual | known)


def report(
    records: Sequence[TaskRecord],
    failure: Failure | None = None,
    definition: str = GRAPH,
    reduced: Collection[int] | None = None,
    **known: Any,
) -> Report:
    """The report of an execution that left some records; of all stages, `reduced` are those that were."""
    return report_of(
        execution(**known),
        records,
        {record.stage for record in records} if reduced is None else reduced,
        costs(records, usage_of(records, summarise([])), prices_in("us-east-1")),
        render(graph_of(definition), prefix="report"),
        failure,
        datetime.fromtimestamp(synthetic_execution.START + 100, UTC),
    )


def attempt(task: int = 0, step: int = 0, **known: Any) -> TaskRecord:
    """An attempt that began with the execution and took a second, but for what is given.

    Times are seconds since the execution's start.
    """
    start = synthetic_execution.START
    usual: dict[str, Any] = {
        "kind": "reduce" if step else "map",
        "stage": 0,
        "step": step,
        "partition": 0,
        "task": task,
        "started": 0.0,
        "ended": known.get("started", 0.0) + 1.0,
        "output": f"map/{task}",
        "memory_mib": 1769,
        "peak_memory_mib": 200,
        "billed_ms": 1000,
        "architecture": "arm64",
    }
    given = usual | known
    times = ("started", "ended", "queued", "first_byte", "computed", "written")
    moved = {name: start + given[name] for name in times if given.get(name) is not None}
    return TaskRecord(**given | moved)

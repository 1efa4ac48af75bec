"""One attempt at a task: its record and the others' of the task, the item's input and output, and the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from mapreduce.record import TaskRecord

from ..explain import logs
from ..explain.attempts import Task, recorded
from ..explain.explanation import Attempt, Log
from ..explain.search import console_url
from ..stack import Stack
from .events import from_json, shortened

RUNS = Log(note="The log is shown when the task has ended.")


def of_record(stack: Stack, record: TaskRecord, attempts: Sequence[TaskRecord]) -> dict[str, Any]:
    """Return what is known of an attempt that left a record.

    Args:
        attempts: the records of all attempts at the task.
    """
    return {
        "record": record.to_json(),
        **_common(attempts, logs.of(stack, record.kind, recorded(record))),
        **(_child(stack, record.child)[0] if record.child else {}),
        # What ended the item may be another attempt's error.
        **({"error": record.error, "cause": record.message} if record.error else {}),
        "status": "done" if record.succeeded else "failed",
    }


def of_child(stack: Stack, arn: str, attempts_at: Callable[[Task], Sequence[TaskRecord]]) -> dict[str, Any]:
    """Return what is known of an item by its execution, which runs, or failed without a record.

    Args:
        attempts_at: returns the records of all attempts at a task.
    """
    child, started, seconds = _child(stack, arn)
    task = Task.of(child["input"]) if isinstance(child.get("input"), dict) else None
    attempts = attempts_at(task) if task else []
    attempt = Attempt(
        number=1,
        backup=False,
        started=started,
        seconds=seconds,
        error=child.get("error", ""),
        message=child.get("cause", ""),
    )
    kind = "reduce" if task and task.step else "map"
    status = {"RUNNING": "running", "SUCCEEDED": "done"}.get(child.get("status", ""), "failed")
    log = RUNS if status == "running" else logs.of(stack, kind, attempt)
    return _common(attempts, log) | child | {"status": status}


def _common(attempts: Sequence[TaskRecord], log: Log) -> dict[str, Any]:
    return {
        "records": [one.to_json() for one in sorted(attempts, key=lambda one: one.started)],
        "log": list(log.lines),
        **({"logNote": log.note} if log.note else {}),
    }


def _child(stack: Stack, arn: str) -> tuple[dict[str, Any], float | None, float | None]:
    """Return what the execution of an item says, when it began, and how long it took if it is over.

    Only its ARN, if it is none that Step Functions remembers.
    """
    try:
        described = stack.sfn.describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {
            "ExecutionDoesNotExist",
            "InvalidArn",
            "StateMachineTypeNotSupported",
        }:
            raise
        return {"child": arn}, None, None
    stopped = described.get("stopDate")
    found: dict[str, Any] = {
        "child": arn,
        "status": described["status"],
        "input": _json(described.get("input")),
        "output": _json(described.get("output")),
        "error": described.get("error", ""),
        "cause": described.get("cause", ""),
    }
    if not stack.local:
        found["awsUrl"] = console_url(arn, stack.region)
    started = described["startDate"]
    return found, started.timestamp(), (stopped - started).total_seconds() if stopped else None


def _json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return from_json(text)
    except (ValueError, RecursionError):
        return shortened(text)

"""Rows of the table of tasks, and their identifiers in addresses."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from mapreduce.record import TaskRecord

from ..explain.attempts import Task
from ..items import Item, Listed
from .answers import Refused

# What a row has of a record, beside what identifies the attempt.
MEASURES = {
    "cold": "cold_start",
    "reused": "reused",
    "recordsIn": "records_in",
    "recordsOut": "records_out",
    "bytesIn": "bytes_in",
    "bytesOut": "bytes_out",
    "rejects": "rejects",
    "peakMemoryMib": "peak_memory_mib",
    "memoryMib": "memory_mib",
    "billedMs": "billed_ms",
    "error": "error",
    "execution": "execution",
}
UNKNOWN: dict[str, Any] = dict.fromkeys(
    (
        "id task partition step stage sample attempt attempts backup started seconds queuedSeconds "
        "object objects more " + " ".join(MEASURES)
    ).split()
)


def of_record(key: str, record: TaskRecord, attempts: int) -> dict[str, Any]:
    """Return the row of an attempt that left a record.

    Args:
        key: the record's.
        attempts: how many of them the task has had by the same execution.
    """
    return UNKNOWN | {
        "id": identifier("r", key),
        **of_task(Task(*record.place)),
        "attempt": record.attempt + 1,
        "attempts": attempts,
        "backup": record.backup,
        "status": "done" if record.succeeded else "failed",
        "started": iso(record.started),
        "seconds": round(record.seconds, 3),
        "queuedSeconds": None
        if record.queued is None
        else max(0.0, round(record.started - record.queued, 3)),
        **_objects(record),
        **{name: getattr(record, field) for name, field in MEASURES.items()},
    }


def _objects(record: TaskRecord) -> dict[str, Any]:
    """Return the first object that an attempt read, those that its record names, and how many it is not."""
    named = [f"s3://{one.bucket}/{one.key}" for one in record.ranges]
    if not named:
        return {}
    return {"object": named[0], "objects": named, "more": max(record.objects, len(named)) - 1}


def of_running(child: Listed, task: Task | None, now: datetime) -> dict[str, Any]:
    """Return the row of an item that runs; what task it is may not be known yet."""
    return UNKNOWN | {
        "id": identifier("c", child.arn),
        **of_task(task),
        "status": "running",
        "started": child.started.isoformat(),
        "seconds": round(max(0.0, (now - child.started).total_seconds()), 3),
    }


def of_dead(item: Item, task: Task | None) -> dict[str, Any]:
    """Return the row of an item whose last attempt left no record, as when its worker was killed."""
    return UNKNOWN | {
        "id": identifier("c", item.arn),
        **of_task(task),
        "status": "failed",
        "error": item.error,
    }


def of_task(task: Task | None) -> dict[str, Any]:
    """Return the fields that say which task it is."""
    return {} if task is None else dict(task._asdict())


def iso(seconds: float) -> str:
    """Return a time as the API has it, from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def identifier(kind: str, text: str) -> str:
    """Return what stands for an attempt in an address: of a record by its key, of an item by its ARN."""
    return f"{kind}.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}"


def identified(text: str) -> tuple[str, str]:
    """Return kind and text of an identifier. Raises Refused if it is none."""
    kind, _, encoded = text.partition(".")
    try:
        found = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise no_task(text) from error
    if kind not in {"r", "c"}:
        raise no_task(text)
    return kind, found


def no_task(identifier: str) -> Refused:
    """Return the answer to who asks for a task that there is not."""
    return Refused(404, f"There is no task {identifier[:100]!r} in this execution")

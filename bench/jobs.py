"""The jobs that are measured: aggregate 2a, as SQL and as Python; and the events of their tasks."""

from __future__ import annotations

from typing import Any

from .peers.table import PREFIX

SQL, PYTHON, SEED = "MARLA SQL", "MARLA Python", "seed-style"
# The fields of events and executions that say which job.
JOBS: dict[str, dict[str, Any]] = {
    SQL: {"job": "aggregate", "params": {"prefix": PREFIX}},
    PYTHON: {"job": "uservisits", "params": {"prefix": PREFIX}},
}


def map_event(  # noqa: PLR0913 - what makes a task
    job: dict[str, Any], id: str, task: int, bucket: str, key: str, size: int
) -> dict[str, Any]:
    """Return the event of a map task over one whole object."""
    return job | {
        "id": id,
        "stage": 0,
        "task": task,
        "partitions": 1,
        "maxBadRecords": 0,
        "maxRecordBytes": 16_000_000,
        "format": None,
        "bucket": bucket,
        "pieces": [{"key": key, "start": 0, "end": size}],
    }


def reduce_event(
    job: dict[str, Any], id: str, count: int, *, task: int = 0, final: bool = True
) -> dict[str, Any]:
    """Return the event of a reduce task over the first `count` map outputs."""
    return job | {
        "id": id,
        "stage": 0,
        "step": 1,
        "final": final,
        "partition": 0,
        "task": task,
        "first": 0,
        "count": count,
        "output": None,
    }

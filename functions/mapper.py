"""The map function: checks jobs, and runs map tasks."""

from __future__ import annotations

from typing import Any

from mapreduce.check import check
from mapreduce.events import MapTask
from mapreduce.map_task import run_map_task
from mapreduce.worker import job_bucket, measured, store


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Check a job if the event says `"check": true`; else map the event's pieces."""
    if event.get("check"):
        return check(event)
    task = MapTask.from_event(event)
    return measured("map", event, lambda: run_map_task(task, store(), job_bucket()))

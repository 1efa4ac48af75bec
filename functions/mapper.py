"""The map function: checks jobs, and runs map tasks."""

from __future__ import annotations

from typing import Any

from mapreduce.check import check
from mapreduce.events import MapTask
from mapreduce.invocation import Invocation
from mapreduce.map_task import run_map_task
from mapreduce.receipts import check_plan, check_wave
from mapreduce.worker import job_bucket, run_task, store


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Check a job, and its plan, if the event says `"check": true`; else map the event's pieces.

    With `wave`, check the pieces of many tasks before any of them is mapped.
    """
    invocation = Invocation(context)
    if event.get("check"):
        checked = check(event)
        return checked | {"code": check_plan(event, store(), job_bucket())} if "plan" in event else checked
    if "wave" in event:
        return check_wave(event, store(), job_bucket())
    task = MapTask.from_event(event)
    return run_task("map", task, lambda: run_map_task(task, store(), job_bucket()), invocation)

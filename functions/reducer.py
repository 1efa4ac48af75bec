"""The reduce function: runs reduce tasks, and publishes results."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mapreduce.events import PublishTask, ReduceTask
from mapreduce.reduce_task import THREADS, run_reduce_task
from mapreduce.results import publish
from mapreduce.worker import job_bucket, measured, store


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Publish the staged results if the event says `"publish": true`; else merge the event's segments."""
    if event.get("publish"):
        with ThreadPoolExecutor(THREADS) as pool:
            return publish(PublishTask.from_event(event), store(), job_bucket(), pool)
    task = ReduceTask.from_event(event)
    return measured("reduce", event, lambda: run_reduce_task(task, store(), job_bucket()))

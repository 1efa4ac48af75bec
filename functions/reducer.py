"""The reduce function: runs reduce tasks, and publishes results."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mapreduce.events import PublishTask, ReduceTask, WithdrawTask
from mapreduce.invocation import Invocation
from mapreduce.limits import named_limits
from mapreduce.reduce_task import THREADS, run_reduce_task
from mapreduce.results import publish, withdraw
from mapreduce.worker import job_bucket, run_task, store


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Merge the event's segments; or publish the staged results if it says `"publish": true`.

    With `"withdraw": true`, delete what was published of a result that cannot be published whole.
    """
    invocation = Invocation(context)
    if event.get("publish") or event.get("withdraw"):
        with named_limits("publish", context), ThreadPoolExecutor(THREADS) as pool:
            if event.get("withdraw"):
                return withdraw(WithdrawTask.from_event(event), store(), job_bucket(), pool)
            return publish(PublishTask.from_event(event), store(), job_bucket(), pool)
    task = ReduceTask.from_event(event)
    return run_task("reduce", task, lambda: run_reduce_task(task, store(), job_bucket()), invocation)

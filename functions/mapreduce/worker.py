"""What both functions share at their edge: the environment, S3, the clock and the log."""

from __future__ import annotations

import functools
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from .errors import InvalidTask
from .events import MapTask, ReduceTask
from .invocation import Invocation, leave, peak_memory_mib
from .limits import named_limits
from .meter import Meter
from .receipts import once
from .report import reported
from .storage import ObjectStore, connect

# A task makes millions of small lists and few cycles: the default threshold of 700 new containers costs a
# fifth of its time. Cycles in a job's own code are still collected.
gc.set_threshold(500_000, 20, 100)

DATA = {"largestKey"}  # of counters, what is data of the user's, and not for the log


@functools.cache
def store() -> ObjectStore:
    """Return the connection to S3, made once for each execution environment."""
    return connect()


def job_bucket() -> str:
    """Return the bucket that the stack's jobs are in."""
    bucket = os.environ.get("JOB_BUCKET")
    if not bucket:
        raise InvalidTask("JOB_BUCKET: not set; the template sets it for deployed functions")
    return bucket


def run_task(
    kind: str,
    task: MapTask | ReduceTask,
    run: Callable[[], dict[str, Any]],
    invocation: Invocation,
) -> dict[str, Any]:
    """Run a task once, within the function's limits; leave a record, and log one line of JSON about it.

    Args:
        kind: map or reduce.
        run: runs it, and returns its counters.
        invocation: the one in which it is run.

    Returns:
        The counters, with seconds and peak memory, and `reused` if an earlier execution has done it.
        `peakMemoryMiB` is the execution environment's since it started, as Lambda reports it too.
    """
    bucket, meter = job_bucket(), store().meter
    meter.reset(invocation.clock)

    def leave_record(counters: dict[str, Any], error: Exception | None = None) -> None:
        leave(
            lambda: invocation.record(task, counters, meter, error),
            task,
            store(),
            bucket,
            invocation.seconds_left,
        )

    try:
        with named_limits(kind, invocation.context):
            counters = once(task, lambda: _measured(run, meter), store(), bucket)
    except Exception as error:
        told = reported(error, task, store(), bucket)
        leave_record({}, told)
        raise told from None  # what it comes from may quote data, too
    leave_record(counters)
    logged = {name: value for name, value in counters.items() if name not in DATA}
    sys.stderr.write(json.dumps({"kind": kind, "output": task.output} | logged) + "\n")
    sys.stderr.flush()
    return counters


def _measured(run: Callable[[], dict[str, Any]], meter: Meter) -> dict[str, Any]:
    meter.begin()
    started = time.monotonic()
    counters = run()
    return counters | {
        "seconds": round(time.monotonic() - started, 3),
        "peakMemoryMiB": peak_memory_mib(),
    }

"""What both functions share at their edge: the environment, S3, the clock and the log."""

from __future__ import annotations

import functools
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import InvalidTask
from .events import MapTask, ReduceTask
from .limits import named_limits
from .receipts import once
from .report import reported
from .storage import ObjectStore, connect

# A task makes millions of small lists and few cycles: the default threshold of 700 new containers costs a
# fifth of its time. Cycles in a job's own code are still collected.
gc.set_threshold(500_000, 20, 100)

STATUS = Path("/proc/self/status")
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


def _peak_memory_mib() -> int:
    """Return the most memory that this process has had resident.

    Not `ru_maxrss`, where Linux says better: that counts what the process was before it became this program.
    """
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) >> 10


def run_task(
    kind: str,
    task: MapTask | ReduceTask,
    run: Callable[[], dict[str, Any]],
    context: Any,
) -> dict[str, Any]:
    """Run a task once, within the function's limits, and log one line of JSON about it.

    Args:
        kind: map or reduce.
        run: runs it, and returns its counters.
        context: Lambda's.

    Returns:
        The counters, with seconds and peak memory, and `reused` if an earlier execution has done it.
        `peakMemoryMiB` is the execution environment's since it started, as Lambda reports it too.
    """
    try:
        with named_limits(kind, context):
            counters = once(task, lambda: _measured(run), store(), job_bucket())
    except Exception as error:
        raise reported(error, task, store(), job_bucket()) from None  # what it comes from may quote data, too
    told = {name: value for name, value in counters.items() if name not in DATA}
    sys.stderr.write(json.dumps({"kind": kind, "output": task.output} | told) + "\n")
    sys.stderr.flush()
    return counters


def _measured(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    started = time.monotonic()
    counters = run()
    return counters | {
        "seconds": round(time.monotonic() - started, 3),
        "peakMemoryMiB": _peak_memory_mib(),
    }

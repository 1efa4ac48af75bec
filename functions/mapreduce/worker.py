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
from typing import Any

from .errors import InvalidTask
from .storage import ObjectStore, connect

# A task makes millions of small lists and few cycles: the default threshold of 700 new containers costs a
# fifth of its time. Cycles in a job's own code are still collected.
gc.set_threshold(500_000, 20, 100)


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


def measured(kind: str, event: dict[str, Any], run: Callable[[], dict[str, int]]) -> dict[str, Any]:
    """Run a task and log one line of JSON about it; return its counters with seconds and peak memory.

    `peakMemoryMiB` is the execution environment's since it started, as Lambda reports it too.
    """
    started = time.monotonic()
    counters = run()
    record: dict[str, Any] = counters | {
        "seconds": round(time.monotonic() - started, 3),
        "peakMemoryMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }
    place = {name: event[name] for name in ("id", "stage", "step", "partition", "task") if name in event}
    sys.stderr.write(json.dumps({"kind": kind} | place | record) + "\n")
    sys.stderr.flush()
    return record

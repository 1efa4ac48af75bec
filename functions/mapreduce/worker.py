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
from .storage import ObjectStore, connect

# A task makes millions of small lists and few cycles: the default threshold of 700 new containers costs a
# fifth of its time. Cycles in a job's own code are still collected.
gc.set_threshold(500_000, 20, 100)

STATUS = Path("/proc/self/status")


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


def measured(kind: str, event: dict[str, Any], run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a task and log one line of JSON about it; return its counters with seconds and peak memory.

    `peakMemoryMiB` is the execution environment's since it started, as Lambda reports it too.
    """
    started = time.monotonic()
    counters = run()
    record: dict[str, Any] = counters | {
        "seconds": round(time.monotonic() - started, 3),
        "peakMemoryMiB": _peak_memory_mib(),
    }
    place = {name: event[name] for name in ("id", "stage", "step", "partition", "task") if name in event}
    sys.stderr.write(json.dumps({"kind": kind} | place | record) + "\n")
    sys.stderr.flush()
    return record

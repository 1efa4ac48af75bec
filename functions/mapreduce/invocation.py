"""One invocation of a worker as Lambda sees it, and the record that an attempt at a task leaves of it."""

from __future__ import annotations

import functools
import json
import math
import os
import platform
import re
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import MarlaError, StorageRefused, StorageUnavailable
from .events import MapTask, ReduceTask
from .layout import MAP_STEP, record_key
from .meter import Clock, Meter
from .record import RANGES, ObjectRange, TaskRecord
from .storage import RECORD, ObjectStore, write_json

STATUS, STAT, UPTIME = Path("/proc/self/status"), Path("/proc/self/stat"), Path("/proc/uptime")
LONGEST_INIT = 10.0  # seconds: Lambda's own limit; a process that is older was made before it was needed
MESSAGE_CHARACTERS = 2_000
PATIENCE = 3.0  # seconds for writing a record, of the 5 that a function has left when its time is up
SECONDS_TO_END = 1.0

_STAGE = re.compile(r"/stage-(\d+)/")


class Invocation:
    """What is known of an invocation from its beginning; the first thing that a handler makes."""

    _first = True  # of its execution environment

    def __init__(self, context: Any) -> None:
        self.clock = Clock()
        self.started = self.clock.now()
        self.context = context
        self.cold_start, Invocation._first = Invocation._first, False
        self.init_seconds = _age_of_process() if self.cold_start else 0.0
        self.request = str(getattr(context, "aws_request_id", "") or uuid.uuid4())
        self.log_stream = str(getattr(context, "log_stream_name", "") or "")

    @property
    def seconds_left(self) -> float:
        """How long the function may still take."""
        return self.context.get_remaining_time_in_millis() / 1000 if self.context else math.inf

    def record(
        self, task: MapTask | ReduceTask, counters: Mapping[str, Any], meter: Meter, error: Exception | None
    ) -> TaskRecord:
        """Return the record of the attempt that was made.

        Args:
            counters: the task's; none if it failed.
            error: as it leaves the function, and so without data.
        """
        ended, attempt = self.clock.now(), task.attempt
        stage = _STAGE.search(task.prefix)
        billed = ended - self.started + self.init_seconds
        return TaskRecord(
            kind="map" if isinstance(task, MapTask) else "reduce",
            stage=int(stage[1]) if stage else 0,
            sample=task.sample > 0,
            step=MAP_STEP if isinstance(task, MapTask) else task.step,
            partition=0 if isinstance(task, MapTask) else task.partition,
            task=task.task,
            attempt=attempt.number,
            backup=attempt.backup,
            execution=attempt.execution,
            child=attempt.child,
            request=self.request,
            log_stream=self.log_stream,
            cold_start=self.cold_start,
            init_seconds=self.init_seconds,
            queued=attempt.queued,
            started=self.started,
            first_byte=None if counters.get("reused") else meter.first_byte,  # of the receipt
            computed=meter.computed.get(task.output),
            written=meter.written.get(task.output),
            ended=ended,
            records_in=counters.get("recordsIn", 0),
            records_out=counters.get("recordsOut", 0),
            bytes_in=counters.get("bytesIn", 0),
            bytes_out=counters.get("bytesOut", 0),
            rejects=counters.get("rejects", 0),
            objects=counters.get("objects", 0),
            reused=counters.get("reused", False),
            reads=meter.reads,
            writes=meter.writes + 1,  # that of the record itself
            peak_memory_mib=peak_memory_mib(),
            memory_mib=int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")),
            billed_ms=max(1, math.ceil(billed * 1000)),
            architecture=_architecture(),
            ranges=tuple(ObjectRange(one.bucket, one.key, one.start, one.end) for one in task.pieces[:RANGES])
            if isinstance(task, MapTask)
            else (),
            output=task.output,
            error=_name_of(error) if error else "",
            message=str(error)[:MESSAGE_CHARACTERS] if error else "",
        )


def leave(
    record: Callable[[], TaskRecord],
    task: MapTask | ReduceTask,
    store: ObjectStore,
    bucket: str,
    seconds_left: float,
) -> None:
    """Write the record of an attempt to where the job's are, if that is soon done; else the log says so.

    No task fails for want of a record, nor takes longer than its function has.

    Args:
        record: returns it.
        seconds_left: how long the function may still take.
    """
    told: list[str] = []

    def write() -> None:
        try:
            made = record()
            failed = not made.succeeded
            key = record_key(task.prefix, task.output, made.execution, made.request, failed=failed)
            write_json(store, bucket, key, made.to_json(), tag=RECORD)
        except (StorageRefused, StorageUnavailable, ValueError, OSError) as error:
            told.append(type(error).__name__)

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(min(PATIENCE, max(0.0, seconds_left - SECONDS_TO_END)))
    if why := "TooLate" if writing.is_alive() else "".join(told):
        sys.stderr.write(json.dumps({"output": task.output, "recordNotWritten": why}) + "\n")


def peak_memory_mib() -> int:
    """Return the most memory that this process has had resident.

    Not `ru_maxrss`, where Linux says better: that counts what the process was before it became this program.
    """
    if not STATUS.exists():
        import resource  # noqa: PLC0415 - which Windows does not have

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return int(STATUS.read_text().partition("VmHWM:")[2].split()[0]) >> 10


def _age_of_process() -> float:
    """Return the seconds since this process began; 0 if that is not known, or cannot be a cold start's."""
    if not (STAT.exists() and UPTIME.exists()):
        return 0.0
    # The 22nd field of the file, and the 20th behind the name, which may hold spaces (proc_pid_stat(5)).
    began = int(STAT.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    age = float(UPTIME.read_text().split()[0]) - began
    return max(0.0, age) if age <= LONGEST_INIT else 0.0


def _name_of(error: Exception) -> str:
    return type(error).__name__ if isinstance(error, MarlaError | StorageUnavailable) else "InternalError"


@functools.cache
def _architecture() -> str:
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"

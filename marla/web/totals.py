"""What the tasks of an execution took in all: sums of their records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mapreduce.record import TaskRecord


def totals_of(records: Sequence[TaskRecord]) -> dict[str, Any]:
    """Return what was done, and what it took.

    Time and requests are summed over all attempts, failed ones and backups too: each of them was at work.
    The input is that of the first stage's mappers, each task once: what other steps read, tasks have written.
    """
    done = {one.place: one for one in records if one.succeeded}
    read = [one for place, one in done.items() if (place.stage, place.sample, place.step) == (0, False, 0)]
    return {
        "tasks": len(done),
        "attempts": len(records),
        "failed": sum(not one.succeeded for one in records),
        "coldStarts": sum(one.cold_start for one in records),
        "backups": sum(one.backup for one in records),
        "reused": sum(one.reused for one in records),
        "inputRecords": sum(one.records_in for one in read),
        "inputBytes": sum(one.bytes_in for one in read),
        "rejects": sum(one.rejects for one in read),
        "reads": sum(one.reads for one in records),
        "writes": sum(one.writes for one in records),
        "billedMs": sum(one.billed_ms for one in records),
        "gbSeconds": round(sum(one.billed_ms / 1000 * one.memory_mib / 1024 for one in records), 6),
        "peakMemoryMib": max((one.peak_memory_mib for one in records), default=0),
    }

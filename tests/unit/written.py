"""What a result object says of some rows, for tests."""

from __future__ import annotations

from typing import Any

from mapreduce import Job
from mapreduce.results import ResultWriter
from mapreduce.storage import INTERMEDIATE
from tests.unit.memory_s3 import Stored, memory_store
from tests.unit.pipeline import JOBS
from tests.unit.sample_jobs import Fussy

Row = tuple[Any, Any]


def stored(rows: list[Row], format: str | None, job: Job) -> Stored:
    """Return a result object."""
    s3, store = memory_store(JOBS, {})
    with ResultWriter(
        job, format, lambda metadata: store.write(JOBS, "part", tag=INTERMEDIATE, metadata=metadata)
    ) as result:
        for key, value in rows:
            result.write(key, value)
    assert result.rows == len(rows)
    found = s3.objects[JOBS, "part"]
    assert result.size == len(found.data)
    return found


def written(rows: list[Row], format: str | None = None, job: Job | None = None) -> tuple[str, dict[str, str]]:
    """Return what a result object says, and its metadata."""
    found = stored(rows, format, job or Fussy())
    return found.data.decode(), found.metadata

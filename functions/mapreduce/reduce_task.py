"""The reduce task: merge some outputs of the step before, for one partition, to one output."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from . import catalogue
from .boundaries import Boundaries
from .errors import (
    BadResult,
    InputNotReadable,
    JobFailed,
    MarlaError,
    OutputGone,
    StorageUnavailable,
    described,
    raised_in,
)
from .events import ReduceTask
from .job import NO_PAIR, Job
from .keys import encode_key
from .layout import MAP_STEP, output_key
from .merge import Largest, Merged, by_group, merge
from .results import ResultWriter, output_format
from .segmented import TAIL_BYTES
from .segments import SegmentedObject, SegmentWriter
from .shuffle import add_combined
from .sqljob import SqlJob
from .storage import INTERMEDIATE, ObjectStore, Range

THREADS = 16
# What all open segments together hold of compressed data: a chunk in use and one under way for each.
READ_BYTES = 16 << 20
LARGEST_CHUNK_BYTES = 4 << 20
SMALLEST_CHUNK_BYTES = 32 << 10
KEY_BYTES = 40  # of a key that counters tell: those of a thousand reducers are one payload


def run_reduce_task(task: ReduceTask, store: ObjectStore, bucket: str) -> dict[str, Any]:
    """Run a reduce task; its output is one object in `bucket`.

    Returns:
        Counters: recordsIn (values read), recordsOut (values written, or rows of the result in the final
        step), bytesIn and bytesOut (of objects, compressed), objects. Of the final step also largestKey:
        of the key (or group) with most values its `key`, as JSON and not more than KEY_BYTES of it, and how
        many `values` it has; None where there are no keys.
    """
    job = catalogue.load(task.job.job, task.job.params)
    if isinstance(job, SqlJob):
        from .sql.reduce_task import run_sql_reduce_task  # noqa: PLC0415 - imports DuckDB, which takes its time

        return run_sql_reduce_task(task, job, store, bucket)
    if task.sample:
        job = Boundaries(job, task.sample)
    # A map output has a segment for each partition; a reduce output is one partition's.
    segment = task.partition if task.step - 1 == MAP_STEP else 0
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        objects = list(pool.map(lambda key: _open(store, bucket, key), input_keys(task)))
        chunk = max(SMALLEST_CHUNK_BYTES, min(LARGEST_CHUNK_BYTES, READ_BYTES // (2 * task.count)))
        streams = [some.groups(segment, chunk, pool) for some in objects]
        if task.final:
            largest = _largest_of(job, task.count)
            groups = merge(streams, descending=job.descending, largest=largest)
            requested = None if task.sample else task.job.output
            result = stack.enter_context(
                ResultWriter(
                    job,
                    output_format(job, requested),
                    lambda metadata: store.write(bucket, task.output, tag=INTERMEDIATE, metadata=metadata),
                )
            )
            _reduce(job, by_group(groups, job.group_of) if job.group_fields else groups, result)
        else:
            groups = merge(streams, descending=job.descending)
            output = stack.enter_context(store.write(bucket, task.output, tag=INTERMEDIATE))
            writer = SegmentWriter(output, f"s3://{bucket}/{task.output}")
            records_out = _merge_only(job, groups, writer)
    segments = [some.segments[segment] for some in objects]
    counters: dict[str, Any] = {
        "recordsIn": sum(segment.records for segment in segments),
        "recordsOut": result.rows if task.final else records_out,
        "bytesIn": sum(segment.length for segment in segments),
        "bytesOut": result.size if task.final else output.size,
        "objects": task.count,
    }
    return counters | {"largestKey": _told(largest)} if task.final and not task.sample else counters


def input_keys(task: ReduceTask) -> list[str]:
    """Return the keys of the objects that a task reads, in their order."""
    return [
        output_key(task.prefix, task.step - 1, task.partition, number)
        for number in range(task.first, task.first + task.count)
    ]


def _open(store: ObjectStore, bucket: str, key: str) -> SegmentedObject:
    tail, size = read_tail(store, bucket, key)
    return SegmentedObject(
        lambda start, stop: store.read(bucket, key, start, stop).data, tail, size, f"s3://{bucket}/{key}"
    )


def read_tail(store: ObjectStore, bucket: str, key: str) -> Range:
    """Return the end of an object that the step before wrote. Raises OutputGone."""
    try:
        return store.read_tail(bucket, key, TAIL_BYTES)
    except InputNotReadable as error:
        raise OutputGone(
            f"s3://{bucket}/{key}: an intermediate object of the job itself cannot be read: it expired (the "
            "stack's parameter IntermediateDays), was deleted, or the reducer's role does not allow what "
            "template.yaml says. Start the job anew"
        ) from error


def _largest_of(job: Job, streams: int) -> Largest:
    if job.group_fields:
        return Largest(job.group_of)
    # What is combined has one value for a key in each stream.
    return Largest(most=streams if job.combines else 0)


def _told(largest: Largest) -> dict[str, Any] | None:
    """Return what counters tell of the largest key, in a few bytes of UTF-8 whatever the key."""
    if not largest.values:
        return None
    key = encode_key(largest.key).encode(errors="backslashreplace")
    if len(key) > KEY_BYTES:
        key = key[: KEY_BYTES - len("…".encode())].decode(errors="ignore").encode() + "…".encode()
    return {"key": key.decode(), "values": largest.values}


def _merge_only(job: Job, groups: Merged, writer: SegmentWriter) -> int:
    for key, values in groups:
        add_combined(writer, job, key, values)
    writer.end_segment()
    return writer.finish()


def _reduce(job: Job, groups: Merged, result: ResultWriter) -> None:
    for key, values in groups:
        try:
            for row_key, row_value in job.reduce(key, values):
                result.write(row_key, row_value)
        except (MarlaError, StorageUnavailable):
            raise
        except Exception as error:
            job_name = type(job).__name__
            if isinstance(error, (TypeError, ValueError)) and raised_in(error, __file__):
                raise BadResult(f"reduce of {job_name} yielded {NO_PAIR}, for key {key!r}") from error
            raise JobFailed(f"reduce of {job_name} raised {described(error)}, for key {key!r}") from error

"""The reduce task: merge some outputs of the step before, for one partition, to one output."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from . import catalogue
from .errors import (
    BadResult,
    InputNotReadable,
    JobFailed,
    MarlaError,
    StorageUnavailable,
    described,
    raised_in,
)
from .events import ReduceTask
from .job import NO_PAIR, Job
from .layout import MAP_STEP, output_key
from .merge import merge
from .results import ResultWriter, output_format
from .segmented import TAIL_BYTES
from .segments import SegmentedObject, SegmentWriter
from .shuffle import add_combined
from .sqljob import SqlJob
from .storage import ObjectStore, Range

THREADS = 16
# What all open segments together hold of compressed data: a chunk in use and one under way for each.
READ_BYTES = 16 << 20
LARGEST_CHUNK_BYTES = 4 << 20
SMALLEST_CHUNK_BYTES = 32 << 10


def run_reduce_task(task: ReduceTask, store: ObjectStore, bucket: str) -> dict[str, int]:
    """Run a reduce task; its output is one object in `bucket`.

    Returns:
        Counters: recordsIn (values read), recordsOut (values written, or rows of the result in the final
        step), bytesIn and bytesOut (of objects, compressed), objects.
    """
    job = catalogue.load(task.job.job, task.job.params)
    if isinstance(job, SqlJob):
        from .sql.reduce_task import run_sql_reduce_task  # noqa: PLC0415 - imports DuckDB, which takes its time

        return run_sql_reduce_task(task, job, store, bucket)
    key = output_key(task.prefix, task.step, task.partition, task.task)
    # A map output has a segment for each partition; a reduce output is one partition's.
    segment = task.partition if task.step - 1 == MAP_STEP else 0
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        objects = list(pool.map(lambda key: _open(store, bucket, key), input_keys(task)))
        chunk = max(SMALLEST_CHUNK_BYTES, min(LARGEST_CHUNK_BYTES, READ_BYTES // (2 * task.count)))
        groups = merge([some.groups(segment, chunk, pool) for some in objects])
        if task.final:
            requested = output_format(job, task.job.output)
            result = stack.enter_context(
                ResultWriter(
                    job,
                    requested,
                    lambda metadata: store.write(bucket, key, intermediate=True, metadata=metadata),
                )
            )
            _reduce(job, groups, result)
        else:
            output = stack.enter_context(store.write(bucket, key, intermediate=True))
            records_out = _merge_only(job, groups, SegmentWriter(output))
    segments = [some.segments[segment] for some in objects]
    return {
        "recordsIn": sum(segment.records for segment in segments),
        "recordsOut": result.rows if task.final else records_out,
        "bytesIn": sum(segment.length for segment in segments),
        "bytesOut": result.size if task.final else output.size,
        "objects": task.count,
    }


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
    """Return the end of an object that the step before wrote. Raises InputNotReadable if it is gone."""
    try:
        return store.read_tail(bucket, key, TAIL_BYTES)
    except InputNotReadable as error:
        raise InputNotReadable(
            f"{error}. This is an intermediate object of the job itself: it may have expired (the stack's "
            "parameter IntermediateDays), or the reducer's role does not allow what template.yaml says"
        ) from error


def _merge_only(job: Job, groups: Iterator[tuple[Any, Iterator[Any]]], writer: SegmentWriter) -> int:
    for key, values in groups:
        add_combined(writer, job, key, values)
    writer.end_segment()
    return writer.finish()


def _reduce(job: Job, groups: Iterator[tuple[Any, Iterator[Any]]], result: ResultWriter) -> None:
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

"""A whole job in one process: what the state machine would ask of the workers, one task after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from mapreduce.events import MapTask, PublishTask, ReduceTask
from mapreduce.layout import result_key
from mapreduce.map_task import run_map_task
from mapreduce.reduce_task import run_reduce_task
from mapreduce.results import publish
from mapreduce.storage import ObjectStore
from tests.unit.memory_s3 import memory_store

INPUT = "input-bucket"
JOBS = "job-bucket"
Event = dict[str, Any]
AnyJob = str | dict[str, Any]  # a name, or the statements of a SQL job


class Outcome(NamedTuple):
    """What a job's workers returned and wrote."""

    parts: list[bytes]
    format: str
    mapped: list[dict[str, int]]
    reduced: list[dict[str, int]]


def map_event(job: AnyJob, pieces: list[Event], **others: Any) -> Event:
    """Return a mapper's event; the other fields have defaults."""
    defaults = {"stage": 0, "task": 0, "partitions": 1, "maxBadRecords": 0, "maxRecordBytes": 1 << 20}
    return {"id": "job-1", "job": job, "bucket": INPUT, "pieces": pieces} | defaults | others


def reduce_event(job: AnyJob, **others: Any) -> Event:
    """Return a reducer's event, of the one and final step if not told otherwise."""
    defaults = {"stage": 0, "step": 1, "partition": 0, "task": 0, "first": 0, "count": 1, "final": True}
    return {"id": "job-1", "job": job} | defaults | others


def piece(key: str, start: int, end: int) -> Event:
    """Return a piece as events have it."""
    return {"key": key, "start": start, "end": end}


def batches(sizes: dict[str, int], split_bytes: int) -> Iterator[list[Event]]:
    """Lay objects end to end and cut them every `split_bytes`."""
    batch: list[Event] = []
    room = split_bytes
    for key, size in sizes.items():
        start = 0
        while start < size:
            end = min(size, start + room)
            batch.append(piece(key, start, end))
            room -= end - start
            start = end
            if not room:
                yield batch
                batch, room = [], split_bytes
    if batch:
        yield batch


def run_pipeline(
    s3: Any,
    job: AnyJob,
    sizes: dict[str, int],
    *,
    split_bytes: int = 1 << 20,
    partitions: int = 1,
    fan_in: int = 2,
    backwards: bool = False,
    **options: Any,
) -> Outcome:
    """Run a job over objects of INPUT of the given sizes, and check the books at each step.

    The tasks of a step run in the order of their numbers, or backwards; what they write must be the same.
    """
    store = ObjectStore(s3)
    map_events = [
        map_event(job, batch, task=task, partitions=partitions, **options)
        for task, batch in enumerate(batches(sizes, split_bytes))
    ]
    mapped = [
        run_map_task(MapTask.from_event(event), store, JOBS) for event in _ordered(map_events, backwards)
    ]
    job_options = {name: options[name] for name in ("params", "output") if name in options}
    outputs, step, reduced = len(mapped), 0, []
    emitted = sum(counters["recordsOut"] for counters in mapped)
    while step == 0 or outputs > 1:
        step += 1
        tasks = math.ceil(outputs / fan_in)
        reduce_events = [
            reduce_event(
                job,
                step=step,
                partition=partition,
                task=task,
                first=task * fan_in,
                count=min(fan_in, outputs - task * fan_in),
                final=tasks == 1,
                **job_options,
            )
            for partition in range(partitions)
            for task in range(tasks)
        ]
        counters_of_step = [
            run_reduce_task(ReduceTask.from_event(event), store, JOBS)
            for event in _ordered(reduce_events, backwards)
        ]
        assert sum(counters["recordsIn"] for counters in counters_of_step) == emitted, "records are lost"
        emitted = sum(counters["recordsOut"] for counters in counters_of_step)
        reduced += counters_of_step
        outputs = tasks
    published = PublishTask.from_event({"id": "job-1", "stage": 0, "step": step, "partitions": partitions})
    with ThreadPoolExecutor(2) as pool:
        format = publish(published, store, JOBS, pool)["format"]
    parts = [read_all(s3, result_key(published.prefix, partition, format)) for partition in range(partitions)]
    return Outcome(parts, format, mapped, reduced)


def _ordered(events: list[Event], backwards: bool) -> list[Event]:
    return events[::-1] if backwards else events


def run_on(objects: dict[str, bytes], job: AnyJob, **options: Any) -> Outcome:
    """Run a job over objects in memory."""
    s3, _ = memory_store(INPUT, objects)
    return run_pipeline(s3, job, {key: len(data) for key, data in objects.items()}, **options)


def read_all(s3: Any, key: str) -> bytes:
    """Return all of an object of JOBS."""
    data: bytes = s3.get_object(Bucket=JOBS, Key=key)["Body"].read()
    return data

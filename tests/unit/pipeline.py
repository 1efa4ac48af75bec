"""A whole job in one process: what the state machine would ask of the workers, one task after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from mapreduce.events import MapTask, PublishTask, ReduceTask
from mapreduce.layout import result_key, stage_prefix
from mapreduce.map_task import run_map_task
from mapreduce.reduce_task import run_reduce_task
from mapreduce.results import publish
from mapreduce.storage import ObjectStore
from tests.unit.memory_s3 import memory_store

INPUT = "input-bucket"
JOBS = "job-bucket"
Event = dict[str, Any]
AnyJob = str | dict[str, Any]  # a name, or the statements of a SQL job


Counters = dict[str, Any]
Sizes = dict[str, int]  # of objects, by their keys


class Outcome(NamedTuple):
    """What a job's workers returned and wrote; `sampled` is what those of the sampling phase returned."""

    parts: list[bytes]
    format: str
    mapped: list[Counters]
    reduced: list[Counters]
    sampled: Sequence[Counters] = ()


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


def batches(sizes: Sizes, split_bytes: int) -> Iterator[list[Event]]:
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
    sizes: Sizes | dict[str, Sizes],
    *,
    split_bytes: int = 1 << 20,
    partitions: int = 1,
    partitioning: str = "hash",
    sample_splits: int = 1,
    **options: Any,
) -> Outcome:
    """Run a job over objects of INPUT, and check the books at each step.

    Args:
        sizes: of the objects; or of each input's, by the inputs' names.
        partitioning: with "range" a sampling phase comes first.
        sample_splits: how many splits of the job are one of the sampling phase.
        options: `fan_in` and `backwards` (see `_Phase`), and other fields of the workers' events.
    """
    inputs = sizes if any(isinstance(size, dict) for size in sizes.values()) else {"": sizes}
    sampled: list[Counters] = []
    if partitioning == "range":
        phase = _Phase(ObjectStore(s3), job, inputs, partitions=1, sample=partitions, **options)
        sampled, _ = phase.map(split_bytes * sample_splits), phase.reduce()
        format = phase.publish()
        options["boundaries"] = f"s3://{JOBS}/{result_key(phase.prefix, 0, format)}"
    phase = _Phase(ObjectStore(s3), job, inputs, partitions=partitions, **options)
    mapped, reduced = phase.map(split_bytes), phase.reduce()
    format = phase.publish()
    parts = [read_all(s3, result_key(phase.prefix, partition, format)) for partition in range(partitions)]
    return Outcome(parts, format, mapped, reduced, sampled)


class _Phase:
    """A job over its input, or its sampling phase.

    Args:
        fan_in: how many outputs a reducer merges.
        backwards: whether the tasks of a step run in the order of their numbers, or backwards; what they
            write must be the same.
    """

    def __init__(
        self,
        store: ObjectStore,
        job: AnyJob,
        inputs: Any,
        *,
        partitions: int,
        fan_in: int = 2,
        backwards: bool = False,
        **options: Any,
    ) -> None:
        self.prefix = stage_prefix("job-1", 0, sample="sample" in options)
        self._store = store
        self._job = job
        self._inputs = inputs
        self._partitions = partitions
        self._fan_in = fan_in
        self._order = -1 if backwards else 1
        self._options = options
        self._step = self._outputs = self._emitted = 0

    def map(self, split_bytes: int) -> list[Counters]:
        """Run the map tasks; return their counters, in the order in which they ran."""
        batches_of_inputs = [
            ({"number": number, "name": name} if name else None, batch)
            for number, (name, sizes) in enumerate(self._inputs.items())
            for batch in batches(sizes, split_bytes)
        ]
        events = [
            map_event(
                self._job, batch, task=task, input=input, **{"partitions": self._partitions} | self._options
            )
            for task, (input, batch) in enumerate(batches_of_inputs)
        ]
        self._outputs = len(events)
        counters = [
            run_map_task(MapTask.from_event(event), self._store, JOBS) for event in events[:: self._order]
        ]
        self._emitted = sum(each["recordsOut"] for each in counters)
        return counters

    def reduce(self) -> list[Counters]:
        """Run the reduce tasks of all steps; return their counters, in the order in which they ran."""
        counters: list[Counters] = []
        while self._step == 0 or self._outputs > 1:
            self._step += 1
            tasks = math.ceil(self._outputs / self._fan_in)
            events = [
                self._reduce_event(partition, task, tasks)
                for partition in range(self._partitions)
                for task in range(tasks)
            ]
            of_step = [
                run_reduce_task(ReduceTask.from_event(event), self._store, JOBS)
                for event in events[:: self._order]
            ]
            assert sum(each["recordsIn"] for each in of_step) == self._emitted, "records are lost"
            self._emitted = sum(each["recordsOut"] for each in of_step)
            self._outputs = tasks
            counters += of_step
        return counters

    def _reduce_event(self, partition: int, task: int, tasks: int) -> Event:
        first = task * self._fan_in
        return reduce_event(
            self._job,
            step=self._step,
            partition=partition,
            task=task,
            first=first,
            count=min(self._fan_in, self._outputs - first),
            final=tasks == 1,
            **{name: self._options[name] for name in ("params", "output", "sample") if name in self._options},
        )

    def publish(self) -> str:
        """Publish the results; return their format."""
        event = {"id": "job-1", "stage": 0, "step": self._step, "partitions": self._partitions}
        event |= {"sample": self._options.get("sample")}
        with ThreadPoolExecutor(2) as pool:
            format: str = publish(PublishTask.from_event(event), self._store, JOBS, pool)["format"]
        return format


def run_on(objects: dict[str, bytes] | dict[str, dict[str, bytes]], job: AnyJob, **options: Any) -> Outcome:
    """Run a job over objects in memory; or over several inputs' objects, by the inputs' names."""
    if any(isinstance(data, dict) for data in objects.values()):
        inputs: Any = objects
        s3, _ = memory_store(INPUT, {key: data for some in inputs.values() for key, data in some.items()})
        return run_pipeline(s3, job, {name: _sizes(some) for name, some in inputs.items()}, **options)
    plain: Any = objects
    s3, _ = memory_store(INPUT, plain)
    return run_pipeline(s3, job, _sizes(plain), **options)


def _sizes(objects: dict[str, bytes]) -> Sizes:
    return {key: len(data) for key, data in objects.items()}


def read_all(s3: Any, key: str) -> bytes:
    """Return all of an object of JOBS."""
    data: bytes = s3.get_object(Bucket=JOBS, Key=key)["Body"].read()
    return data

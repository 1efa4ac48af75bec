"""From samples of a job's keys to the boundaries of its partitions, and back from the object that has them.

The samples of all tasks are merged in the order of keys, and divided so that partitions weigh the same. Where
a key weighs more than a partition should, either its values are divided too, or it has a partition for itself
(as TeraSort's sampler and DeWitt, Naughton and Schneider 1991, "Parallel sorting on a shared-nothing
architecture using probabilistic splitting", which has shares of one key in several ranges).
"""

from __future__ import annotations

import json
import math
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, groupby
from operator import itemgetter
from typing import Any

from .errors import BadKey, CorruptSegment, InputNotReadable
from .events import MapTask
from .job import Job, Key, Pair, Value
from .keys import check_key, decode_key, sort_keys
from .partitioning import Boundary, HashPartitioner, Partitioner, RangePartitioner
from .storage import ObjectStore

Sample = tuple[Key, int]  # a key, and the weight that it and the keys beside it have

# In how many runs of keys the weight of a partition is looked at; in fewer, where there are many partitions.
RESOLUTION, LEAST_RESOLUTION = 64, 16
MOST_RUNS = 1 << 14  # that are wanted all together
READ_BYTES = 1 << 20  # the boundaries of a thousand partitions by keys of a thousand characters

# Kinds of pairs, as the second field of their keys.
TOTAL, SAMPLE, TOTAL_OF_DESCENDING = 0, 1, 2


class Boundaries(Job):
    """Finds the boundaries of a job's partitions: what the sampling phase reduces.

    Its keys are in one group, in which the weight of all samples comes first. So samples can be used as they
    stream by, in the order of keys. A row has a partition's number and, in an object, `last`, its last key
    (null if there is no end to it), `fraction`, how much of that key's values lie before its end, and
    `checksum`, of the rows up to this one: mappers that read other boundaries would divide a key.
    """

    output = "jsonl"
    group_fields = 1

    def __init__(self, job: Job, partitions: int) -> None:
        super().__init__()
        self.descending = job.descending
        self._splits_keys = job.splits_keys
        self._partitions = partitions

    def pairs(self, samples: list[Sample]) -> Iterator[Pair]:
        """Yield what a task's samples, in order, are to the reducers."""
        yield (0, TOTAL_OF_DESCENDING if self.descending else TOTAL), sum(weight for _, weight in samples)
        for key, weight in samples:
            yield (0, SAMPLE, *(key if type(key) is tuple else (key,))), (key, weight)

    def combine(self, key: Key, values: list[Value]) -> Value:
        """Return the sum of some weights; they are whole numbers, whose sum is exact."""
        if key[1] != SAMPLE:
            return sum(values)
        return values[0][0], sum(weight for _, weight in values)

    def reduce(self, key: Key, values: Iterable[Value]) -> Iterator[Pair]:  # noqa: ARG002 - there is one
        """Yield a row for each partition."""
        total = 0
        remaining = iter(values)
        first: list[Value] = []
        for value in remaining:
            if type(value) is not int:
                first.append(value)
                break
            total += value
        samples = ((decode_key(sampled), weight) for sampled, weight in chain(first, remaining))
        resolution = min(max(MOST_RUNS // self._partitions, LEAST_RESOLUTION), RESOLUTION)
        capacity = math.ceil(total / (resolution * self._partitions))
        weighed = [(run[-1][0], sum(weight for _, weight in run)) for run in runs(samples, capacity)]
        divide = _quantiles if self._splits_keys else _ranges
        boundaries = list(divide(weighed, self._partitions, capacity))
        checksum = 0
        for partition in range(self._partitions):
            ends = partition < len(boundaries)
            last, fraction = boundaries[partition] if ends else (None, 1.0)
            checksum = _checksum(checksum, partition, last, fraction)
            yield partition, {"last": last, "fraction": fraction, "checksum": checksum}


def _checksum(before: int, partition: Any, last: Any, fraction: Any) -> int:
    """Return the CRC32 of the rows up to one, from that of the rows before it."""
    return zlib.crc32(json.dumps([partition, last, fraction]).encode(), before)


def runs(samples: Iterable[Sample], capacity: int) -> Iterator[list[Sample]]:
    """Cut samples that are in the order of keys into runs of a weight up to `capacity`, or of one key.

    No two neighbours weigh less than that together, so there are at most twice as many as would just do.
    """
    run: list[Sample] = []
    room = capacity
    for key, same in groupby(samples, key=itemgetter(0)):
        weight = sum(map(itemgetter(1), same))
        if run and weight > room:
            yield run
            run, room = [], capacity
        run.append((key, weight))
        room -= weight
    if run:
        yield run


def _ranges(weighed: list[Sample], partitions: int, _: int) -> Iterator[Boundary]:
    """Yield the boundaries of ranges of whole keys, of which the heaviest is as light as it can be.

    A key that is heavier than a partition should be is a range by itself, and how the others are divided does
    not depend on it.
    """
    sums = list(accumulate((weight for _, weight in weighed), initial=0))
    low, high = 0, sums[-1]
    while low < high:
        capacity = (low + high) // 2
        if len(_filled(sums, capacity)) <= partitions:
            high = capacity
        else:
            low = capacity + 1
    for stop in _filled(sums, low)[:-1]:
        yield Boundary(weighed[stop - 1][0])


def _filled(sums: list[int], capacity: int) -> list[int]:
    """Return where ranges end that are filled one after the other.

    Args:
        sums: the weight before each item, and behind the last one.
        capacity: of a range that holds more than one item.
    """
    stops: list[int] = []
    stop = 0
    while stop < len(sums) - 1:
        stop = max(bisect_right(sums, sums[stop] + capacity) - 1, stop + 1)
        stops.append(stop)
    return stops


def _quantiles(weighed: list[Sample], partitions: int, capacity: int) -> Iterator[Boundary]:
    """Yield the boundaries of ranges of the same weight; the values of heavy keys are divided."""
    total = sum(weight for _, weight in weighed)
    number = 1
    before = 0
    for key, weight in weighed:
        # In whole numbers, so that no boundary falls where rounding puts it.
        while number < partitions and number * total <= (before + weight) * partitions:
            divided = weight > capacity  # else it may be a run of several keys
            exceeding = number * total - before * partitions
            yield Boundary(key, exceeding / (weight * partitions) if divided else 1.0)
            number += 1
        before += weight


def partitioner_for(task: MapTask, job: Job, store: ObjectStore) -> Partitioner:
    """Return what divides a mapper's pairs among partitions. Raises what `read_boundaries` does."""
    if not task.boundaries:
        return HashPartitioner(job, task.partitions)
    boundaries = read_boundaries(store, task.boundaries, job, task.partitions)
    return RangePartitioner(job, boundaries, task.partitions, task.task)


def read_boundaries(store: ObjectStore, uri: str, job: Job, partitions: int) -> list[Boundary]:
    """Return the boundaries in the result of `Boundaries`.

    Raises CorruptSegment if it is damaged or is for other partitions, InputNotReadable if it is not there,
    and BadKey if the job's keys, which come from different objects, cannot be compared with each other.
    """
    data = _read(store, uri)
    try:
        boundaries = _boundaries_in(data, partitions)
        _check_order(boundaries, descending=job.descending)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CorruptSegment(
            f"{uri}: damaged, or not the boundaries of {partitions} partitions: {error}; start the job again"
        ) from error
    return boundaries


def _boundaries_in(data: bytes, partitions: int) -> list[Boundary]:
    rows = [json.loads(line) for line in data.decode().removesuffix("\n").split("\n")]
    checksum = 0
    for row in rows:
        checksum = _checksum(checksum, row["key"], row["value"]["last"], row["value"]["fraction"])
        if row["value"]["checksum"] != checksum:
            raise ValueError(f"the checksum of row {row['key']} is wrong")
    ends = [Boundary(decode_key(row["value"]["last"]), row["value"]["fraction"]) for row in rows]
    if [row["key"] for row in rows] != list(range(partitions)):
        raise ValueError(f"{len(rows)} rows")
    boundaries = [end for end in ends if end.key is not None]
    if boundaries != ends[: len(boundaries)] or len(boundaries) == partitions:
        raise ValueError("the last partition has an end, or one before it has none")
    return boundaries


def _check_order(boundaries: list[Boundary], *, descending: bool) -> None:
    for key, fraction in boundaries:
        try:
            check_key(key)
        except BadKey as error:  # no job could have yielded it
            raise ValueError(str(error)) from error
        if type(fraction) is not float or not 0 < fraction <= 1:
            raise ValueError(f"a fraction of {fraction!r}")
    keys = [key for key, _ in boundaries]
    if sort_keys(keys, descending=descending) != keys:
        raise ValueError("its keys are not in order")
    for _, same in groupby(boundaries, key=itemgetter(0)):
        fractions = [fraction for _, fraction in same]
        if sorted(fractions) != fractions:
            raise ValueError("its fractions are not in order")


def _read(store: ObjectStore, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        data, size = store.read(bucket, key, 0, READ_BYTES)
        return data + store.read(bucket, key, len(data), size).data if len(data) < size else data
    except InputNotReadable as error:
        raise InputNotReadable(
            f"{error}. This is what the job itself found out about its keys: start the job again; and see "
            "that the mapper's role allows what template.yaml says"
        ) from error

"""The map side of the shuffle: pairs grouped by key, combined, spilled, and written by partition."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from .errors import DiskFull, JobFailed, MarlaError, described
from .job import Job
from .keys import partition_of, sort_keys
from .merge import merge
from .segments import TAIL_BYTES, SegmentedObject, SegmentWriter, Sink

MEMORY_BYTES = 192 << 20  # what the groups in memory may take, as `_size` estimates it
CHECK_PAIRS = 1 << 17  # pairs between two looks at the memory
SPILL_CHUNK_BYTES = 256 << 10
SAMPLE = 512


def combine(job: Job, key: Any, values: list[Any]) -> list[Any]:
    """Return a key's values combined to one, where the job combines. Raises JobFailed if the job does."""
    if len(values) < 2 or not job.combines:
        return values
    try:
        return [job.combine(key, values)]
    except MarlaError:
        raise
    except Exception as error:
        raise JobFailed(
            f"combine of {type(job).__name__} raised {described(error)}, for key {key!r}"
        ) from error


class Shuffle:
    """Collects the pairs of a map task and writes them as one object, a segment for each partition.

    Whether and when it spills follows from the pairs alone, so that a task that runs twice writes the same
    bytes twice.
    """

    def __init__(self, job: Job, partitions: int, folder: Path, memory_bytes: int = MEMORY_BYTES) -> None:
        self.groups: defaultdict[Any, list[Any]] = defaultdict(list)
        self._job = job
        self._partitions = partitions
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._spills: list[Path] = []

    def relieve(self, pairs: int) -> int:
        """Combine what is in memory, and spill it if it is still too much.

        Args:
            pairs: how many were added so far.

        Returns:
            The number of pairs at which to call again.
        """
        if self._job.combines:
            for key, values in self.groups.items():
                if len(values) > 1:
                    values[:] = combine(self._job, key, values)
        if self._size() > self._memory_bytes:
            self._spill()
        # Combining visits every group: not again before there are as many new pairs.
        return pairs + max(CHECK_PAIRS, len(self.groups) if self._job.combines else 0)

    def write(self, sink: Sink, pool: ThreadPoolExecutor) -> int:
        """Write all pairs, combined; return how many values were written."""
        if not self._spills:
            return self._write_memory(sink)
        if self.groups:
            self._spill()
        writer = SegmentWriter(sink)
        runs = [_open_spill(path) for path in self._spills]
        for partition in range(self._partitions):
            streams = [run.groups(partition, SPILL_CHUNK_BYTES, pool) for run in runs]
            for key, values in merge(streams):
                add_combined(writer, self._job, key, values)
            writer.end_segment()
        return writer.finish()

    def _write_memory(self, sink: Sink) -> int:
        writer = SegmentWriter(sink)
        for keys in self._keys_by_partition():
            for key in keys:
                writer.add(key, combine(self._job, key, self.groups[key]))
            writer.end_segment()
        return writer.finish()

    def _keys_by_partition(self) -> list[list[Any]]:
        if self._partitions == 1:
            return [sort_keys(self.groups)]
        keys: list[list[Any]] = [[] for _ in range(self._partitions)]
        for key in self.groups:
            keys[partition_of(key, self._partitions)].append(key)
        return [sort_keys(some) for some in keys]

    def _spill(self) -> None:
        path = self._folder / f"spill-{len(self._spills)}"
        try:
            with path.open("wb") as file:
                self._write_memory(file)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DiskFull(
                "the function's temporary storage is full of spilled pairs: lower splitBytes, "
                "or give the function more EphemeralStorage"
            ) from error
        self._spills.append(path)
        self.groups.clear()

    def _size(self) -> int:
        """Estimate the bytes in memory from evenly spread groups; the same for the same pairs."""
        count = len(self.groups)
        if not count:
            return 0
        sample = list(islice(self.groups.items(), 0, None, max(1, count // SAMPLE)))
        # A dictionary's entry takes about 100 bytes and an empty list 56.
        return (
            sum(156 + _size_of(key) + _size_of_all(values) for key, values in sample) * count // len(sample)
        )


def add_combined(writer: SegmentWriter, job: Job, key: Any, values: Iterator[Any]) -> None:
    """Add a merged group to a segment: combined where the job combines, else value by value."""
    if job.combines:
        writer.add(key, combine(job, key, list(values)))
    else:
        while some := list(islice(values, 1024)):
            writer.add(key, some)


def _size_of_all(values: list[Any]) -> int:
    some = values[:SAMPLE]
    return sum(map(_slot_size, some)) * len(values) // len(some)


def _slot_size(value: Any) -> int:
    return 8 + _size_of(value)


def _size_of(value: Any) -> int:
    """Estimate the bytes that a value takes; unlike sys.getsizeof the same in every version of Python."""
    if isinstance(value, str):
        return 50 + len(value)
    if isinstance(value, (list, tuple)):
        return 64 + sum(map(_slot_size, value))
    if isinstance(value, dict):
        return 232 + sum(_slot_size(name) + _slot_size(item) for name, item in value.items())
    return 32


def _open_spill(path: Path) -> SegmentedObject:
    size = path.stat().st_size

    def read(start: int, stop: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    return SegmentedObject(read, read(max(0, size - TAIL_BYTES), size), size, str(path))

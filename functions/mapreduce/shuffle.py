"""The map side of the shuffle: pairs grouped by key, combined, spilled, and written by partition."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from .errors import DiskFull, JobFailed, MarlaError, described
from .job import Job
from .merge import merge
from .partitioning import Partitioner
from .segmented import TAIL_BYTES
from .segments import SegmentedObject, SegmentWriter, Sink

MEMORY_BYTES = 256 << 20  # what the groups in memory may take, as `_size` estimates it
CHECK_PAIRS = 1 << 17  # pairs between two looks at the memory
SPILL_CHUNK_BYTES = 256 << 10
SAMPLE = 512  # groups that are looked at, and values of each of them
ENTRY_BYTES = 100  # that a dictionary's entry takes
KEYS_AT_ONCE = 1024  # that are looked up, combined and written while they are in the processor's cache


class Several(list[Any]):
    """The values of a key that has more than one; a type of its own, for a single value may be a list."""

    __slots__ = ()


class Collector(Protocol):
    """Takes the pairs that a mapper's loop adds.

    Attributes:
        groups: by key, its value, or Several. Always the same dictionary.
    """

    groups: dict[Any, Any]

    def relieve(self, pairs: int) -> int:
        """Make room after so many pairs; return at how many to call again."""
        ...


def combine(job: Job, key: Any, values: list[Any]) -> Any:
    """Return a key's values combined to one. Raises JobFailed if the job does."""
    try:
        return job.combine(key, values)
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

    Attributes:
        groups: by key, its value, or Several. Many keys have but one value, and a list for each of them
            would take as much memory again. The mapper adds to it by itself.
    """

    def __init__(
        self, job: Job, partitioner: Partitioner, folder: Path, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self.groups: dict[Any, Any] = {}
        self._job = job
        self._partitioner = partitioner
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._spills: list[Path] = []
        # How many values are in memory follows from how many there were, at how many pairs.
        self._known_values = 0
        self._known_at = 0

    def add(self, key: Any, value: Any) -> None:
        """Add a pair. The mapper's loop does the same without a call."""
        if key not in self.groups:
            self.groups[key] = value
        elif type(held := self.groups[key]) is Several:
            held.append(value)
        else:
            self.groups[key] = Several((held, value))

    def relieve(self, pairs: int) -> int:
        """If there is too much in memory, combine it, and spill it if it is still too much.

        Args:
            pairs: how many were added so far.

        Returns:
            The number of pairs at which to call again.
        """
        if self._size(pairs) <= self._memory_bytes:
            return pairs + CHECK_PAIRS
        visited = 0
        if self._job.combines:
            visited = len(self.groups)
            self._combine_all()
            self._known_values, self._known_at = visited, pairs
        if self._size(pairs) > self._memory_bytes:
            self._spill()
            self._known_values, self._known_at = 0, pairs
        # Combining visits every group: not again before there are as many new pairs.
        return pairs + max(CHECK_PAIRS, visited)

    def write(self, sink: Sink, url: str, pool: ThreadPoolExecutor) -> int:
        """Write all pairs, combined; return how many values were written.

        Args:
            url: of the object that the sink writes.
        """
        if not self._spills:
            return self._write_memory(sink, url)
        if self.groups:
            self._spill()
        writer = SegmentWriter(sink, url)
        runs = [_open_spill(path) for path in self._spills]
        for partition in range(self._partitioner.partitions):
            streams = [run.groups(partition, SPILL_CHUNK_BYTES, pool) for run in runs]
            for key, values in merge(streams, descending=self._job.descending):
                add_combined(writer, self._job, key, values)
            writer.end_segment()
        return writer.finish()

    def _write_memory(self, sink: Sink, url: str) -> int:
        writer = SegmentWriter(sink, url)
        for keys, slices in self._partitioner.shares(self.groups, self._values_of, len(self._spills)):
            for start in range(0, len(keys), KEYS_AT_ONCE):
                self._write_groups(keys[start : start + KEYS_AT_ONCE], slices, writer)
            writer.end_segment()
        return writer.finish()

    def _values_of(self, key: Any) -> int:
        """Return how many values of a key there are to write."""
        held = self.groups[key]
        return len(held) if type(held) is Several and not self._job.combines else 1

    def _write_groups(self, keys: list[Any], slices: dict[Any, slice], writer: SegmentWriter) -> None:
        groups = list(map(self.groups.__getitem__, keys))
        if self._job.combines:
            for index, held in enumerate(groups):
                if type(held) is Several:
                    groups[index] = combine(self._job, keys[index], list(held))
        if slices:  # only keys with several values, and not combined, are divided
            groups = [
                Several(held[slices[key]]) if key in slices else held
                for key, held in zip(keys, groups, strict=True)
            ]
        if Several not in set(map(type, groups)):
            writer.add_singles(keys, groups)
            return
        for key, held in zip(keys, groups, strict=True):
            writer.add(key, held if type(held) is Several else (held,))

    def _combine_all(self) -> None:
        groups = self.groups
        for key, held in groups.items():
            if type(held) is Several:
                groups[key] = combine(self._job, key, list(held))

    def _spill(self) -> None:
        path = self._folder / f"spill-{len(self._spills)}"
        try:
            with path.open("wb") as file:
                self._write_memory(file, str(path))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DiskFull(
                "the function's temporary storage is full of spilled pairs: lower splitBytes, "
                "or give the function more EphemeralStorage"
            ) from error
        self._spills.append(path)
        self.groups.clear()

    def _size(self, pairs: int) -> int:
        """Estimate the bytes in memory from evenly spread groups; the same for the same pairs."""
        count = len(self.groups)
        if not count:
            return 0
        # A slice of all keys, which takes less time than to step through the groups.
        keys = list(self.groups)[:: max(1, count // SAMPLE)]
        groups = [held if type(held) is Several else (held,) for held in map(self.groups.get, keys)]
        of_keys = sum(ENTRY_BYTES + _size_of(key) for key in keys)
        of_values = sum(map(_size_of_all, groups))
        # A few keys may have most of the values, and the sample none of them.
        values = self._known_values + pairs - self._known_at
        return of_keys * count // len(keys) + of_values * values // sum(map(len, groups))


def add_combined(writer: SegmentWriter, job: Job, key: Any, values: Iterator[Any]) -> None:
    """Add a merged group to a segment, combined where the job combines."""
    if not job.combines:
        writer.add(key, values)
        return
    found = list(values)
    writer.add(key, found if len(found) == 1 else (combine(job, key, found),))


def _size_of_all(values: Sequence[Any]) -> int:
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

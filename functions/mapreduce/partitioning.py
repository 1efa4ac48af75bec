"""Which partition pairs belong to: by a hash of their keys, or by ranges of keys."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple, Protocol

from .job import Job, Key
from .keys import not_comparable, partition_of, sort_keys

GOLDEN = (math.sqrt(5) - 1) / 2  # fractions of its multiples fill [0, 1) evenly, however many there are


class Share(NamedTuple):
    """What a partition gets of some groups.

    Attributes:
        keys: in order.
        slices: which values it gets of those keys of which it does not get all.
    """

    keys: list[Key]
    slices: dict[Key, slice]


class Partitioner(Protocol):
    """Divides groups among partitions."""

    @property
    def partitions(self) -> int:
        """How many there are."""
        ...

    def shares(self, keys: Collection[Key], count: Callable[[Key], int], turn: int) -> Iterator[Share]:
        """Yield each partition's share of some groups. Raises BadKey if keys cannot be compared.

        Args:
            keys: those of the groups.
            count: returns how many values a key has.
            turn: how many times groups of the same task were divided before.
        """
        ...


class HashPartitioner:
    """Puts a group where a hash of its key says: evenly, and equal keys together, in whatever task."""

    def __init__(self, job: Job, partitions: int) -> None:
        self.partitions = partitions
        self._job = job

    def shares(self, keys: Collection[Key], count: Callable[[Key], int], turn: int) -> Iterator[Share]:  # noqa: ARG002
        """Yield each partition's share; whole groups, wherever they come from."""
        for some in self._by_partition(keys):
            yield Share(sort_keys(some, descending=self._job.descending), {})

    def _by_partition(self, keys: Collection[Key]) -> Iterable[Collection[Key]]:
        if self.partitions == 1:
            return [keys]
        partitions: list[list[Key]] = [[] for _ in range(self.partitions)]
        if self._job.group_fields:
            group_of = self._job.group_of
            for key in keys:
                partitions[partition_of(group_of(key), self.partitions)].append(key)
        else:
            for key in keys:
                partitions[partition_of(key, self.partitions)].append(key)
        return partitions


class Boundary(NamedTuple):
    """Where a partition ends.

    Attributes:
        key: the last one of the partition, in the job's order.
        fraction: how much of this key's values belong to this partition and those before it: 1 is all.
    """

    key: Key
    fraction: float = 1.0


class _Cut(NamedTuple):
    """A place between values: so many keys are before it, and so many values of the next one."""

    keys: int
    values: int = 0


class RangePartitioner:
    """Gives each partition the keys of a range, so that partitions are in order one after the other.

    Where a key fills several partitions (Job.splits_keys), each task deals its values among them by their
    position: value j of n belongs where (j + phase) / n falls among the fractions. Tasks have different
    phases, for those with few values of the key would else all favour the same partition.

    Args:
        boundaries: the ends of all partitions but the last, in order. Where there are fewer, the last
            partitions get nothing.
        task: the task's number.
    """

    def __init__(self, job: Job, boundaries: list[Boundary], partitions: int, task: int = 0) -> None:
        self.partitions = partitions
        self._job = job
        self._boundaries = boundaries
        self._task = task

    def shares(self, keys: Collection[Key], count: Callable[[Key], int], turn: int) -> Iterator[Share]:
        """Yield each partition's share of some groups."""
        ordered = sort_keys(keys, descending=self._job.descending)
        phase = (0.5 + GOLDEN * (self._task + turn)) % 1
        start = _Cut(0)
        for stop in [*self._cuts(ordered, count, phase), _Cut(len(ordered))]:
            yield _between(ordered, start, stop)
            start = stop
        for _ in range(self.partitions - len(self._boundaries) - 1):
            yield Share([], {})

    def _cuts(self, ordered: list[Key], count: Callable[[Key], int], phase: float) -> list[_Cut]:
        """Return where keys in order are cut, for each boundary."""
        ascending = ordered[::-1] if self._job.descending else ordered
        key_of = ranged_key(self._job)
        cuts = []
        for boundary, fraction in self._boundaries:
            try:
                below = bisect_left(ascending, boundary, key=key_of)
                above = bisect_right(ascending, boundary, below, key=key_of)
            except TypeError as error:
                raise not_comparable(error) from error
            if self._job.descending:
                below, above = len(ordered) - above, len(ordered) - below
            cut = _Cut(above)
            if fraction < 1 and below < above:
                values = count(ordered[below])
                taken = max(math.floor(fraction * values - phase) + 1, 0)
                cut = _Cut(below, taken) if taken < values else cut
            cuts.append(cut)
        return cuts


def ranged_key(job: Job) -> Callable[[Key], Key] | None:
    """Return what makes of a key that by which ranges are made; None if that is the key itself.

    It is the group's key, for a group must not be torn, unless the job allows just that.
    """
    return job.group_of if job.group_fields and not job.splits_keys else None


def _between(ordered: list[Key], start: _Cut, stop: _Cut) -> Share:
    if start == stop:
        return Share([], {})
    keys = ordered[start.keys : stop.keys + (stop.values > 0)]
    slices = {}
    if stop.values:
        slices[keys[-1]] = slice(0, stop.values)
    if start.values:
        slices[keys[0]] = slice(start.values, stop.values if stop.values and len(keys) == 1 else None)
    return Share(keys, slices)

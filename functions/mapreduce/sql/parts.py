"""Files that are made of parts, which are fetched as they are read; the next ones are always under way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from threading import Lock
from typing import TypeVar

from ..storage import Range

Found = TypeVar("Found")


class Parts:
    """Parts of objects, numbered in the order in which they will be read; the next ones are always under way.

    Threads may share it: DuckDB reads Parquet in several, though it computes in one.

    Args:
        ahead: how many parts behind the one that is read are fetched at the same time.
        kept: how many parts before it stay in memory; one that is asked for later is fetched again.
    """

    def __init__(self, pool: ThreadPoolExecutor, ahead: int, kept: int = 1) -> None:
        self._pool = pool
        self._ahead = ahead
        self._kept = kept
        self._lock = Lock()
        self._fetches: list[Callable[[], Range]] = []
        self._futures: dict[int, Future[Range]] = {}

    def add_all(self, fetches: list[Callable[[], Range]]) -> int:
        """Append parts; return the number of the first."""
        self._fetches += fetches
        return len(self._fetches) - len(fetches)

    def get(self, number: int) -> Range:
        """Return a part, with those behind it under way and those long before it forgotten."""
        with self._lock:
            for old in [old for old in self._futures if old < number - self._kept]:
                del self._futures[old]  # but let it be: another thread may be waiting for it
            for coming in range(number, min(number + 1 + self._ahead, len(self._fetches))):
                self._start(coming)
            wanted = self._futures[number]
        return wanted.result()

    def ask(self, find: Callable[[], Found]) -> Future[Found]:
        """Find out something that is none of the parts, at once."""
        return self._pool.submit(find)

    def peek(self, number: int) -> Range:
        """Return a part that is wanted out of turn."""
        with self._lock:
            wanted = self._start(number)
        return wanted.result()

    def clear(self) -> None:
        """Forget everything, for files and their parts hold each other."""
        with self._lock:
            self._fetches.clear()
            self._futures.clear()

    def _start(self, number: int) -> Future[Range]:
        if number not in self._futures:
            self._futures[number] = self._pool.submit(self._fetches[number])
        return self._futures[number]


class Parted:
    """A file that is made of parts, all of `part_bytes` but the last, whatever that has.

    Args:
        fetches: what fetches each part.
    """

    def __init__(self, parts: Parts, part_bytes: int, fetches: list[Callable[[], Range]]) -> None:
        self.parts = parts
        self._part_bytes = part_bytes
        self._count = len(fetches)
        self._first = parts.add_all(fetches)

    @property
    def size(self) -> int:
        """Bytes, exactly."""
        raise NotImplementedError

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes `[start, stop)`, or fewer at the end; those of one part are not copied twice."""
        stop = min(stop, self.size)
        found = []
        while start < stop:
            number = min(start // self._part_bytes, self._count - 1)
            offset = start - number * self._part_bytes
            found.append(self._part(number)[offset : offset + stop - start])
            start += len(found[-1])
        return found[0] if len(found) == 1 else b"".join(found)

    def _part(self, number: int) -> bytes:
        return self.parts.get(self._first + number).data


class PartedFile(Parted):
    """Bytes `[start, stop)` of an object as a file, made of parts of `part_bytes`."""

    def __init__(
        self, read: Callable[[int, int], Range], start: int, stop: int, parts: Parts, part_bytes: int
    ) -> None:
        edges: list[int] = [*range(start, stop, part_bytes), stop]
        super().__init__(parts, part_bytes, [partial(read, first, last) for first, last in pairwise(edges)])
        self._size = edges[-1] - edges[0]

    @property
    def size(self) -> int:
        return self._size

"""The only files that SQL can see: parts of objects that are under way, bytes in memory, and what it writes.

DuckDB reads them through fsspec, under names such as `marla://3`; the file system of the machine is closed to
it. A file is fetched as it is read, the next parts of it, and of the files behind it, always under way.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from threading import Lock
from typing import Any, Protocol, TypeVar

from fsspec import AbstractFileSystem

from ..storage import Range

Found = TypeVar("Found")

PROTOCOL = "marla"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Readable(Protocol):
    """A file to read, at any place and in any order."""

    @property
    def size(self) -> int:
        """Bytes, exactly."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes `[start, stop)`, or fewer at the end."""
        ...


class Writable(Protocol):
    """Where written bytes go, from the first to the last."""

    def write(self, data: bytes, /) -> Any:
        """Take some bytes."""
        ...


class Files(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of one database, by name. What a file raises is kept, for DuckDB reports only its text."""

    protocol = PROTOCOL
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.failure: BaseException | None = None
        self._files: dict[str, Readable] = {}
        self._sinks: dict[str, Writable] = {}
        self._count = 0

    def add(self, file: Readable) -> str:
        """Give a file a name and return it, quoted for SQL."""
        name = self._name()
        self._files[name] = file
        return f"'{name}'"

    def create(self, sink: Writable) -> str:
        """Return a name, quoted for SQL, under which one file can be written to `sink`."""
        name = self._name()
        self._sinks[name] = sink
        return f"'{name}'"

    def remove(self, name: str) -> None:
        """Forget a file, by its quoted name."""
        self._files.pop(name.strip("'"), None)

    def clear(self) -> None:
        """Forget all files, and what they hold in memory."""
        for file in self._files.values():
            if isinstance(file, Parted):
                file.parts.clear()
        self._files.clear()
        self._sinks.clear()

    def _name(self) -> str:
        self._count += 1
        return f"{PROTOCOL}://{self._count}"

    # What DuckDB calls.

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        return _Writer(self, self._sinks[path]) if "w" in mode else _Reader(self, self._files[path])

    def size(self, path: str) -> int:
        size: int = self.guarded(lambda: self._files[path].size)
        return size

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path] if path in self._files else []

    def exists(self, path: str, **_: Any) -> bool:
        return path in self._files

    def isfile(self, path: str) -> bool:
        return path in self._files

    def isdir(self, path: str) -> bool:  # noqa: ARG002 - fsspec's signature
        return False

    def modified(self, path: str) -> datetime:  # noqa: ARG002 - fsspec's signature
        return NEVER

    def guarded(self, act: Callable[[], Any]) -> Any:
        """Return what `act` returns; keep what it raises."""
        try:
            return act()
        except BaseException as error:
            self.failure = self.failure or error
            raise


class _Reader:
    """A file that is open for reading."""

    mode = "rb"

    def __init__(self, files: Files, file: Readable) -> None:
        self._files = files
        self._file = file
        self._position = 0

    def read(self, count: int) -> bytes:
        start = self._position
        data: bytes = self._files.guarded(lambda: self._file.read(start, start + count))
        self._position += len(data)
        return data

    def seek(self, position: int, whence: int = 0) -> int:
        assert whence == 0
        self._position = position
        return position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        """Nothing is held open."""


class _Writer:
    """A file that is being written."""

    mode = "wb"

    def __init__(self, files: Files, sink: Writable) -> None:
        self._files = files
        self._sink = sink
        self._position = 0

    def write(self, data: bytes) -> int:
        self._files.guarded(lambda: self._sink.write(data))
        count: int = len(data)
        self._position += count
        return count

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """The sink buffers as it likes."""

    def close(self) -> None:
        """The sink is closed by whom it belongs to."""


class Memory:
    """A file of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, start: int, stop: int) -> bytes:
        return self._data[start:stop]


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
    """A file that is made of parts."""

    parts: Parts


class PartedFile(Parted):
    """Bytes `[start, stop)` of an object as a file, made of parts of `part_bytes`."""

    def __init__(
        self, read: Callable[[int, int], Range], start: int, stop: int, parts: Parts, part_bytes: int
    ) -> None:
        self.parts = parts
        self._edges: list[int] = [*range(start, stop, part_bytes), stop]
        self._part_bytes = part_bytes
        self._first = parts.add_all([partial(read, first, last) for first, last in pairwise(self._edges)])

    @property
    def size(self) -> int:
        return self._edges[-1] - self._edges[0]

    def read(self, start: int, stop: int) -> bytes:
        stop = min(stop, self.size)
        pieces = []
        while start < stop:
            index, offset = divmod(start, self._part_bytes)
            data = self.parts.get(self._first + index).data[offset : offset + stop - start]
            pieces.append(data)
            start += len(data)
        return b"".join(pieces)

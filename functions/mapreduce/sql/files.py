"""The only files that SQL can see: parts of objects that are under way, bytes in memory, and what it writes.

DuckDB reads them through fsspec, under names such as `marla://3`; the file system of the machine is closed to
it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from fsspec import AbstractFileSystem

from ..parsing import BYTE_ORDER_MARK
from .parts import Parted

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


def text_file(data: bytes) -> bytes:
    """Return a file of text from which DuckDB reads just this.

    It leaves out a byte order mark at the start of a file. One at the start of an object is none of its text,
    and is not here; one at the start of a later line is, wherever the object is cut.
    """
    return BYTE_ORDER_MARK + data if data.startswith(BYTE_ORDER_MARK) else data


class Memory:
    """A file of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, start: int, stop: int) -> bytes:
        return self._data[start:stop]

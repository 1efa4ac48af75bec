"""How objects are compressed: by the suffix of their names, and read as files."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from . import zstd


class Chunks(io.RawIOBase):
    """A readable file over an iterator of byte strings."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class _Bzip2(io.RawIOBase):
    """The decompressed data of bzip2 streams, one behind the other, to the last byte.

    Not bz2.BZ2File: that takes whatever follows a stream, and is none, for something to ignore. So it would
    lose the rest of an object of which a later stream is damaged.
    """

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file = file
        self._stream = bz2.BZ2Decompressor()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._decompressed(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _decompressed(self, most: int) -> bytes:
        while True:
            data = b""
            if self._stream.eof:
                # Read in small steps: of each, the streams that it holds are copied as often as it holds any.
                data = self._stream.unused_data or self._file.read(io.DEFAULT_BUFFER_SIZE)
                if not data:
                    return b""
                self._stream = bz2.BZ2Decompressor()
            elif self._stream.needs_input:
                data = self._file.read(io.DEFAULT_BUFFER_SIZE)
                if not data:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            if found := self._stream.decompress(data, most):
                return found


# By the suffix of an object's name, what reads a compressed file as a file of its data.
OPENERS: dict[str, Callable[[Any], Any]] = {
    ".gz": gzip.open,
    ".bz2": lambda file: io.BufferedReader(_Bzip2(file)),
    ".zst": zstd.ZstdFile,
}
# What they raise for a file that is damaged.
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError, OSError)

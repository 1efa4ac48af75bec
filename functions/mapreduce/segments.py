"""Segments: sorted groups of (key, values), and the objects that hold one segment for each partition.

An object is its segments back to back, then an index, then a trailer:

    segment 0 | segment 1 | … | index (JSON) | length of the index (8 bytes) | MAGIC (8 bytes)

A segment is a row of frames, each its length (4 bytes) and that much zstd with a checksum. A frame
decompresses to lines; a line is a JSON array of groups `[key, [value, …]]` in the order of keys. A key with
many values has several groups. The index has `[offset, length, values]` for each segment.

Frames are small and decompressed one at a time, so that a reducer can hold hundreds of segments open.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from .errors import BadValue, CorruptSegment
from .keys import decode_key
from .zstd import CompressionParameter, ZstdCompressor, ZstdError, decompress

Group = tuple[Any, list[Any]]  # a key and some of its values

MAGIC = b"MARLA\x00\x01\n"
TRAILER = struct.Struct(">Q8s")
FRAME_HEADER = struct.Struct(">I")
FRAME_BYTES = 16 << 10  # of uncompressed lines, at least
GROUPS_A_LINE = 64
VALUES_A_GROUP = 256
TAIL_BYTES = 32 << 10  # read first: holds the index of a thousand partitions, or the whole of a small object

# Level 1: the data is rewritten within seconds, and S3 is not slower than the compressor.
_COMPRESSION: dict[int, int] = {
    CompressionParameter.compression_level: 1,
    CompressionParameter.checksum_flag: 1,
}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Sink(Protocol):
    """Where an object's bytes go."""

    def write(self, data: bytes, /) -> Any:
        """Take some bytes."""
        ...


class Segment(NamedTuple):
    """Where a segment lies in its object, and how many values it holds."""

    offset: int
    length: int
    values: int


class SegmentWriter:
    """Writes an object: for each segment in turn its groups in the order of keys, then `end_segment`."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._compressor = ZstdCompressor(options=_COMPRESSION)
        self._segments: list[Segment] = []
        self._line: list[Group] = []
        self._frame: list[bytes] = []
        self._frame_bytes = 0
        self._offset = 0
        self._start = 0
        self._values = 0

    def add(self, key: Any, values: list[Any]) -> None:
        """Add a group to the current segment. Raises BadValue for what JSON cannot say."""
        self._values += len(values)
        for start in range(0, len(values), VALUES_A_GROUP):
            self._line.append((key, values[start : start + VALUES_A_GROUP]))
            if len(self._line) >= GROUPS_A_LINE:
                self._end_line()

    def end_segment(self) -> None:
        """Close the current segment; the next group begins another."""
        self._end_line()
        self._end_frame()
        self._segments.append(Segment(self._start, self._offset - self._start, self._values))
        self._start = self._offset
        self._values = 0

    def finish(self) -> int:
        """Write index and trailer; return how many values the object holds."""
        index = _encode([list(segment) for segment in self._segments]).encode()
        self._sink.write(index + TRAILER.pack(len(index), MAGIC))
        return sum(segment.values for segment in self._segments)

    def _end_line(self) -> None:
        if not self._line:
            return
        try:
            line = _encode(self._line)
        except (TypeError, ValueError, RecursionError):
            _name_the_bad_value(self._line)
            raise
        self._line = []
        # A lone surrogate, which JSON can say and UTF-8 cannot, has to survive.
        self._frame.append(line.encode(errors="surrogatepass"))
        self._frame_bytes += len(line)
        if self._frame_bytes >= FRAME_BYTES:
            self._end_frame()

    def _end_frame(self) -> None:
        if not self._frame:
            return
        data = self._compressor.compress(b"\n".join(self._frame), ZstdCompressor.FLUSH_FRAME)
        self._sink.write(FRAME_HEADER.pack(len(data)) + data)
        self._offset += FRAME_HEADER.size + len(data)
        self._frame = []
        self._frame_bytes = 0


def _name_the_bad_value(groups: list[Group]) -> None:
    for key, values in groups:
        for value in values:
            try:
                _encode(value)
            except (TypeError, ValueError, RecursionError) as error:
                raise BadValue(
                    f"a value of key {key!r} is nothing that JSON can say ({error}); "
                    "yield strings, finite numbers, booleans, None, lists and dicts"
                ) from error


class SegmentedObject:
    """An object of segments, to be read in ranges.

    Args:
        read: returns bytes `[start, stop)` of the object.
        tail: the object's last bytes (TAIL_BYTES, or all of them).
        size: of the object, in bytes.
        url: for messages.
    """

    def __init__(self, read: Callable[[int, int], bytes], tail: bytes, size: int, url: str) -> None:
        self._read = read
        self._tail = tail
        self._tail_start = size - len(tail)
        self._url = url
        self.segments = self._read_index(size)
        if self._tail_start > 0:
            # It was for the index only. Hundreds of objects may be open: hold none of it.
            self._tail, self._tail_start = b"", size

    def _read_index(self, size: int) -> list[Segment]:
        if size < TRAILER.size or self._tail[-8:] != MAGIC:
            raise CorruptSegment(f"{self._url}: not an object of segments")
        length, _ = TRAILER.unpack(self._tail[-TRAILER.size :])
        stop = size - TRAILER.size
        start = stop - length
        segments: list[Segment] = []
        try:
            segments = [Segment(*entry) for entry in json.loads(self.read(max(start, 0), stop))]
            edges = list(itertools.accumulate((segment.length for segment in segments), initial=0))
        except (TypeError, ValueError):
            edges = []
        # Frames have checksums and the index has none, but segments lie back to back.
        if edges != [*(segment.offset for segment in segments), start]:
            raise CorruptSegment(f"{self._url}: its index is damaged")
        return segments

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes `[start, stop)`, from the tail if they are in it."""
        if start >= self._tail_start:
            return self._tail[start - self._tail_start : stop - self._tail_start]
        return self._read(start, stop)

    def groups(self, number: int, chunk_bytes: int, pool: ThreadPoolExecutor) -> Iterator[Group]:
        """Yield the groups of segment `number`, the next `chunk_bytes` of it always under way.

        The first chunk is asked for at once, not when the first group is. Raises CorruptSegment if the
        segment is damaged or holds other than the number of values that its index says.
        """
        segment = self.segments[number]
        stop = segment.offset + segment.length
        starts = range(segment.offset, stop, chunk_bytes)
        chunks = _Chunks(lambda start: self.read(start, min(start + chunk_bytes, stop)), starts, pool)
        return self._groups(chunks, segment, number)

    def _groups(self, chunks: _Chunks, segment: Segment, number: int) -> Iterator[Group]:
        values_read = 0
        while frame_header := chunks.take(FRAME_HEADER.size):
            if len(frame_header) < FRAME_HEADER.size:
                raise CorruptSegment(f"{self._url}: segment {number} ends within a frame")
            for line in self._lines(chunks.take(FRAME_HEADER.unpack(frame_header)[0]), number):
                for key, values in json.loads(line.decode(errors="surrogatepass")):
                    values_read += len(values)
                    yield decode_key(key), values
        if values_read != segment.values:
            raise CorruptSegment(
                f"{self._url}: segment {number} holds {values_read} values, its index says {segment.values}"
            )

    def _lines(self, frame: bytes, number: int) -> list[bytes]:
        try:
            return decompress(frame).split(b"\n")
        except ZstdError as error:
            raise CorruptSegment(f"{self._url}: segment {number}: {error}") from error


class _Chunks:
    """The bytes of a segment, one chunk being fetched while the one before is used."""

    def __init__(self, fetch: Callable[[int], bytes], starts: range, pool: ThreadPoolExecutor) -> None:
        self._fetch = fetch
        self._starts = iter(starts)
        self._pool = pool
        self._next = self._submit()
        self._held = b""
        self._position = 0

    def _submit(self) -> Future[bytes] | None:
        start = next(self._starts, None)
        return None if start is None else self._pool.submit(self._fetch, start)

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes, or fewer at the end."""
        while len(self._held) - self._position < count and self._next:
            chunk = self._next.result()
            self._next = self._submit()
            self._held = self._held[self._position :] + chunk
            self._position = 0
        data = self._held[self._position : self._position + count]
        self._position += count
        return data

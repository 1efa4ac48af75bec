"""Segments of Python jobs: sorted groups of (key, values), back to back in an object (see segmented.py).

A segment is a row of frames, each its length (4 bytes), a CRC32 (4 bytes) and so much zstd. The CRC32 is that
of the object's URL, the segment's number, and all frames so far: so it tells damage, and what is whole and
good in another place. It is verified before anything is made of a frame. A frame decompresses to some groups,
in the order of keys, as a column of keys and one of values:

    head (JSON, a line of its own) | keys | values

The head is `[kind of keys, bytes of keys, kind of values, [values of group 0, …]]`; instead of a list of ones
it says null. A key with many values has groups in several frames. The records that the index counts are
values.

Frames are small and decompressed one at a time, so that a reducer can hold hundreds of segments open. How
long the longest is, compressed and not, is in the notes of the index, so that no damaged length is believed.
"""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, repeat
from typing import Any, Protocol

from . import columns
from .errors import BadValue, CorruptSegment
from .keys import decode_key
from .segmented import Segment, checksum_of, pack_index, read_index
from .storage import Range
from .zstd import CompressionParameter, ZstdCompressor, ZstdDecompressor, ZstdError

Group = tuple[Any, Sequence[Any]]  # a key and some of its values

FRAME_HEADER = struct.Struct(">II")
FRAME_BYTES = 16 << 10  # what a frame should hold, uncompressed
FRAME_VALUES = 1024  # what a frame may hold
FIRST_FRAME_VALUES = 64  # while it is not known how large values are
FRAMES = "frames"  # the note that says how long the longest frame is

# Level 1: the data is rewritten within seconds, and S3 is not slower than the compressor.
_COMPRESSION: dict[int, int] = {CompressionParameter.compression_level: 1}


class Sink(Protocol):
    """Where an object's bytes go."""

    def write(self, data: bytes, /) -> Any:
        """Take some bytes."""
        ...


class SegmentWriter:
    """Writes an object: for each segment in turn its groups in the order of keys, then `end_segment`.

    The bytes follow from the URL and the groups alone, not from whether they come one by one or many at once.

    Args:
        url: of the object, as its readers will call it.
    """

    def __init__(self, sink: Sink, url: str) -> None:
        self._sink = sink
        self._url = url
        self._compressor = ZstdCompressor(options=_COMPRESSION)
        self._segments: list[Segment] = []
        self._offset = 0
        self._start = 0
        self._segment_values = 0
        self._checksum = _first_checksum(url, 0)
        self._longest = self._largest = 0  # of frames: compressed, and decompressed
        # The groups of the next frame, and how many values it takes.
        self._keys: list[Any] = []
        self._counts: list[int] = []
        self._values: list[Any] = []
        self._room = FIRST_FRAME_VALUES

    def add(self, key: Any, values: Iterable[Any]) -> None:
        """Add a group, all of it, to the current segment. Raises BadValue for what JSON cannot say."""
        remaining = iter(values)
        while some := list(islice(remaining, self._room - len(self._values))):
            self._keys.append(key)
            self._counts.append(len(some))
            self._values += some
            self._end_full_frame()

    def add_singles(self, keys: list[Any], values: list[Any]) -> None:
        """Add groups of one value each. Raises BadValue for what JSON cannot say."""
        start = 0
        while start < len(keys):
            stop = start + self._room - len(self._values)
            self._keys += keys[start:stop]
            self._values += values[start:stop]
            self._counts += repeat(1, len(self._keys) - len(self._counts))
            self._end_full_frame()
            start = stop

    def end_segment(self) -> None:
        """Close the current segment; the next group begins another."""
        self._end_frame()
        self._segments.append(Segment(self._start, self._offset - self._start, self._segment_values))
        self._start = self._offset
        self._segment_values = 0
        self._checksum = _first_checksum(self._url, len(self._segments))

    def finish(self) -> int:
        """Write index and trailer; return how many values the object holds."""
        notes = {FRAMES: [self._longest, self._largest]}
        self._sink.write(pack_index(self._url, self._segments, notes))
        return sum(segment.records for segment in self._segments)

    def _end_full_frame(self) -> None:
        if len(self._values) >= self._room:
            self._end_frame()

    def _end_frame(self) -> None:
        if not self._keys:
            return
        frame = self._encode_frame()
        data = self._compressor.compress(frame, ZstdCompressor.FLUSH_FRAME)
        self._checksum = zlib.crc32(data, self._checksum)
        self._sink.write(FRAME_HEADER.pack(len(data), self._checksum) + data)
        self._longest, self._largest = max(self._longest, len(data)), max(self._largest, len(frame))
        self._offset += FRAME_HEADER.size + len(data)
        self._segment_values += len(self._values)
        # The next frame's values are most likely as large as this one's.
        self._room = max(1, min(FRAME_VALUES, len(self._values) * FRAME_BYTES // len(frame)))
        self._keys, self._counts, self._values = [], [], []

    def _encode_frame(self) -> bytes:
        kind_of_keys, keys = columns.encode(self._keys)
        try:
            kind_of_values, values = columns.encode(self._values)
        except (TypeError, ValueError, RecursionError):
            self._name_the_bad_value()
            raise
        counts = None if len(self._keys) == len(self._values) else self._counts
        head = columns.to_json([kind_of_keys, len(keys), kind_of_values, counts])
        return b"".join((head.encode(), b"\n", keys, values))

    def _name_the_bad_value(self) -> None:
        keys = itertools.chain.from_iterable(map(repeat, self._keys, self._counts))
        for key, value in zip(keys, self._values, strict=True):
            try:
                columns.to_json(value)
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
        url: what its writer called it.

    Raises CorruptSegment for an index that is damaged, is another object's, or is none.
    """

    def __init__(self, read: Callable[[int, int], bytes], tail: bytes, size: int, url: str) -> None:
        self._read = read
        self._tail = tail
        self._tail_start = size - len(tail)
        self._url = url
        index = read_index(read, Range(tail, size), url)
        self.segments = index.segments
        try:
            self._longest, self._largest = map(int, index.notes[FRAMES])
        except (LookupError, TypeError, ValueError) as error:
            raise CorruptSegment(f"{url}: not an object of a Python job's segments") from error
        if self._tail_start > 0:
            # It was for the index only. Hundreds of objects may be open: hold none of it.
            self._tail, self._tail_start = b"", size

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
        return itertools.chain.from_iterable(self._frames(chunks, segment, number))

    def _frames(self, chunks: _Chunks, segment: Segment, number: int) -> Iterator[Iterable[Group]]:
        values_read = 0
        checksum = _first_checksum(self._url, number)
        where = f"{self._url}: segment {number}"
        while frame_header := chunks.take(FRAME_HEADER.size):
            if len(frame_header) < FRAME_HEADER.size:
                raise CorruptSegment(f"{where} ends within a frame")
            length, expected = FRAME_HEADER.unpack(frame_header)
            # A length that is damaged may be one of 4 GB.
            frame = chunks.take(min(length, self._longest))
            checksum = zlib.crc32(frame, checksum)
            if checksum != expected or len(frame) != length:
                raise CorruptSegment(f"{where} is damaged, or is another one: its checksum is wrong")
            try:
                count, groups = _decode_frame(_decompress(frame, self._largest))
            except (ZstdError, ValueError, TypeError, RecursionError) as error:
                raise CorruptSegment(f"{where}: {error}") from error
            values_read += count
            yield groups
        if values_read != segment.records:
            raise CorruptSegment(f"{where} holds {values_read} values, its index says {segment.records}")


def _first_checksum(url: str, number: int) -> int:
    """Return what the checksums of a segment's frames go on from."""
    return checksum_of(f"{url} {number}")


def _decompress(frame: bytes, largest: int) -> bytes:
    """Return what a frame holds: `largest` bytes at most. Raises ZstdError or ValueError if it is none."""
    decompressor = ZstdDecompressor()
    data = decompressor.decompress(frame, largest + 1)
    if not decompressor.eof or decompressor.unused_data:
        raise ValueError("it holds more, or less, than one frame")
    return data


def _decode_frame(frame: bytes) -> tuple[int, Iterator[Group]]:
    """Return how many values a frame holds, and its groups."""
    head, _, body = frame.partition(b"\n")
    kind_of_keys, bytes_of_keys, kind_of_values, counts = json.loads(head)
    keys = columns.decode(kind_of_keys, body[:bytes_of_keys])
    if kind_of_keys == "json":
        keys = list(map(decode_key, keys))
    values = columns.decode(kind_of_values, body[bytes_of_keys:])
    remaining = iter(values)
    # For groups of one value, which are many, zip makes their tuples without running any Python.
    by_group = zip(remaining) if counts is None else (tuple(islice(remaining, count)) for count in counts)
    return len(values), zip(keys, by_group, strict=True)


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

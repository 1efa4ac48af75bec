"""Objects that hold one segment for each partition.

Segments lie back to back, then an index, then a trailer:

    segment 0 | segment 1 | … | index (JSON) | its length (8 bytes) | CRC32 (4 bytes) | MAGIC (8 bytes)

The index has `[length, records, checksums…]` for each segment, and notes: whatever readers of the segments
have to know of all of them. The CRC32 is that of the object's place in its job, the index and its length: it
tells damage, and another object in the place of this one, which counts of records would not. Segments have
checksums of their own, of the same kind.
"""

from __future__ import annotations

import itertools
import json
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import CorruptSegment
from .storage import Range

MAGIC = b"MARLA\x00\x04\n"
TRAILER = struct.Struct(">QI8s")
TAIL_BYTES = 32 << 10  # read first: holds the index of a thousand partitions
# More than any index takes: a thousand partitions have 25 KB, 48 GiB of SQL segments 0.6 MB.
MOST_INDEX_BYTES = 64 << 20


JOB = re.compile(r"^s3://[^/]+/jobs/[^/]+/")


class Segment(NamedTuple):
    """Where a segment lies in its object, how many records it holds, and checksums, if it keeps them here."""

    offset: int
    length: int
    records: int
    checksums: tuple[int, ...] = ()


class Index(NamedTuple):
    """What an object of segments holds."""

    segments: list[Segment]
    notes: dict[str, Any]


def checksum_of(url: str) -> int:
    """Return the CRC32 of an object's place in its job, from which that of its bytes goes on.

    Not of all of its URL, for the same job over the same input writes the same bytes by whatever name.
    """
    return zlib.crc32(JOB.sub("", url).encode(errors="surrogatepass"))


def pack_index(url: str, segments: list[Segment], notes: dict[str, Any]) -> bytes:
    """Return what follows the last segment.

    Args:
        url: of the object, as its readers will call it.
    """
    entries = [(segment.length, segment.records, *segment.checksums) for segment in segments]
    index = json.dumps({"segments": entries, "notes": notes}, separators=(",", ":")).encode()
    return index + TRAILER.pack(len(index), _checksum(url, index), MAGIC)


def _checksum(url: str, index: bytes) -> int:
    return zlib.crc32(index, zlib.crc32(b"%d" % len(index), checksum_of(url)))


def read_index(read: Callable[[int, int], bytes], tail: Range, url: str) -> Index:
    """Return the index of an object.

    Args:
        read: returns bytes `[start, stop)` of the object, for an index that is longer than the tail.
        tail: the object's last TAIL_BYTES, or all of it; and how long it is.
        url: of the object; it must be what the writer called it.

    Raises CorruptSegment for an index that is damaged, is another object's, or is none.
    """
    data, size = tail
    if len(data) < TRAILER.size or not data.endswith(MAGIC):
        raise CorruptSegment(f"{url}: not an object of segments")
    length, checksum, _ = TRAILER.unpack(data[-TRAILER.size :])
    start = size - TRAILER.size - length
    if start < 0 or length > MOST_INDEX_BYTES:
        raise CorruptSegment(f"{url}: its index is damaged")
    if length > len(data) - TRAILER.size:
        data = read(start, size)
    index = data[-TRAILER.size - length : -TRAILER.size]
    if _checksum(url, index) != checksum:
        raise CorruptSegment(f"{url}: its index is damaged, or is that of another object")
    try:
        fields = json.loads(index)
        entries = fields["segments"]
        starts = list(itertools.accumulate((entry[0] for entry in entries), initial=0))
        segments = [
            Segment(offset, length, records, tuple(checksums))
            for offset, (length, records, *checksums) in zip(starts, entries, strict=False)
        ]
        found = Index(segments, dict(fields["notes"]))
    except (TypeError, ValueError, LookupError, RecursionError) as error:
        raise CorruptSegment(f"{url}: its index is damaged ({error})") from error
    numbers = itertools.chain.from_iterable(entries)
    if any(type(number) is not int or number < 0 for number in numbers) or starts[-1] != start:
        raise CorruptSegment(f"{url}: its index does not fit its segments")
    return found

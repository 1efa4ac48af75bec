"""Objects that hold one segment for each partition.

Segments lie back to back, then an index, then a trailer:

    segment 0 | segment 1 | … | index (JSON) | length of the index (8 bytes) | MAGIC (8 bytes)

The index has `[offset, length, records]` for each segment, and notes: whatever readers of the segments have
to know of all of them.
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from .errors import CorruptSegment
from .storage import Range

MAGIC = b"MARLA\x00\x03\n"
TRAILER = struct.Struct(">Q8s")
TAIL_BYTES = 32 << 10  # read first: holds the index of a thousand partitions


class Segment(NamedTuple):
    """Where a segment lies in its object, and how many records it holds."""

    offset: int
    length: int
    records: int


class Index(NamedTuple):
    """What an object of segments holds."""

    segments: list[Segment]
    notes: dict[str, Any]


def pack_index(segments: list[Segment], notes: dict[str, Any]) -> bytes:
    """Return what follows the last segment."""
    index = json.dumps({"segments": segments, "notes": notes}, separators=(",", ":")).encode()
    return index + TRAILER.pack(len(index), MAGIC)


def read_index(read: Callable[[int, int], bytes], tail: Range, url: str) -> Index:
    """Return the index of an object.

    Args:
        read: returns bytes `[start, stop)` of the object, for an index that is longer than the tail.
        tail: the object's last TAIL_BYTES, or all of it; and how long it is.
        url: for messages.

    Raises CorruptSegment for an index that is damaged, or is none.
    """
    data, size = tail
    if len(data) < TRAILER.size or not data.endswith(MAGIC):
        raise CorruptSegment(f"{url}: not an object of segments")
    length, _ = TRAILER.unpack(data[-TRAILER.size :])
    stop = size - TRAILER.size
    start = stop - length
    if length > len(data) - TRAILER.size:
        data = read(max(start, 0), size)
    index = Index([], {})
    try:
        fields = json.loads(data[-TRAILER.size - length : -TRAILER.size])
        index = Index([Segment(*entry) for entry in fields["segments"]], dict(fields["notes"]))
        edges = list(itertools.accumulate((segment.length for segment in index.segments), initial=0))
    except (TypeError, ValueError, KeyError):
        edges = []
    # Segments have checksums and the index has none, but segments lie back to back.
    if edges != [*(segment.offset for segment in index.segments), start]:
        raise CorruptSegment(f"{url}: its index is damaged")
    return index

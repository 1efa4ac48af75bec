"""Segments of SQL jobs: partial rows as Parquet files sorted by key, back to back in an object.

The index has a CRC32 for each chunk of a segment's bytes. A chunk is what is fetched at once, and it is
verified before DuckDB sees any of it.
"""

from __future__ import annotations

import zlib
from functools import partial

from ..errors import CorruptSegment
from ..segmented import Segment
from ..storage import ObjectStore, ObjectWriter, Range
from .database import Database, Statement
from .parts import PartedFile, Parts
from .shape import Shape, carried, listed

CHUNK_BYTES = 1 << 20
# Level 1, for the data is read again within seconds; version 2 has the denser encodings.
PARQUET = "FORMAT parquet, USE_TMP_FILE false, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2"


class _Summed:
    """An object that is being written, and the checksums of what is written from now on."""

    def __init__(self, output: ObjectWriter) -> None:
        self._output = output
        self._start = output.size
        self._checksums = [0]
        self._room = CHUNK_BYTES

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        self._output.write(data)
        start = 0
        while start < len(data):
            if not self._room:
                self._checksums.append(0)
                self._room = CHUNK_BYTES
            some = memoryview(data)[start : start + self._room]
            self._checksums[-1] = zlib.crc32(some, self._checksums[-1])
            self._room -= len(some)
            start += len(some)

    def segment(self, records: int) -> Segment:
        """Return what was written."""
        return Segment(self._start, self._output.size - self._start, records, tuple(self._checksums))


def write_segment(
    database: Database, relation: str, shape: Shape, output: ObjectWriter, *statements: Statement
) -> Segment:
    """Append partial rows to an object as a Parquet file, in the order of keys; return where they are.

    Args:
        relation: what goes behind FROM; its columns have the shape's names and types.
        statements: whose texts stand in `relation`.
    """
    order = f" ORDER BY {listed(shape.key)}" if shape.key else ""
    summed = _Summed(output)
    file = database.files.create(summed)
    rows = database.execute(
        f"COPY (SELECT {carried(shape.partial)} FROM {relation}{order}) TO {file} ({PARQUET})", *statements
    )
    return summed.segment(int(rows[0][0]))


def segment_file(store: ObjectStore, bucket: str, key: str, segment: Segment, parts: Parts) -> PartedFile:
    """Return a segment as a file. To read it raises CorruptSegment if it is damaged."""
    fetch = partial(_verified, store, bucket, key, segment)
    return PartedFile(fetch, segment.offset, segment.offset + segment.length, parts, CHUNK_BYTES)


def _verified(  # noqa: PLR0913 - where the chunk is
    store: ObjectStore, bucket: str, key: str, segment: Segment, start: int, stop: int
) -> Range:
    found = store.read(bucket, key, start, stop)
    number = (start - segment.offset) // CHUNK_BYTES
    if segment.checksums[number : number + 1] != (zlib.crc32(found.data),):
        raise CorruptSegment(
            f"s3://{bucket}/{key}: damaged in bytes {start} to {stop}: their checksum is wrong"
        )
    return found

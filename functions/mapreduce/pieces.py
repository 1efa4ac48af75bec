"""From pieces of objects to blocks of whole records.

A piece is a byte range of an object, cut with no regard to records. The records of a piece are those that
begin in it: a reader of lines looks one byte back to see whether a record begins at its start, and reads past
its end to finish the last one. So each record is read exactly once, however the object was cut (Dean and
Ghemawat 2004 leave this to the input reader; Hadoop's LineRecordReader has the same rule).
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from .compression import DAMAGE, OPENERS, Chunks
from .errors import BadObject, InputNotReadable, RecordTooLong
from .signatures import check_is_text
from .storage import ObjectStore, Range, read_ahead

PART_BYTES = 8 << 20  # one ranged GET; large enough that S3's latency does not count
PARTS_AHEAD = 3  # with the one being mapped, what a mapper holds of its input: 32 MB
OVERLAP_BYTES = 64 << 10  # what the last GET of a piece reads past its end, where most last records end
NO_GZIP = "Not a gzipped file"  # how gzip begins to say so
BLOCK_BYTES = 1 << 20  # what is parsed at once: small, so that its records stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `[start, end)` of an object; a compressed object has one piece, all of it.

    `etag` is that of the object as it was listed, so that no other is read in its place.
    """

    bucket: str
    key: str
    start: int
    end: int
    etag: str = ""

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def compression(self) -> str:
        """The suffix that says how the object is compressed, or nothing."""
        return next((suffix for suffix in OPENERS if self.key.lower().endswith(suffix)), "")


class Block(NamedTuple):
    """Whole records, one after the other; an object's last may lack its end.

    `offset` counts bytes from the start of the object, of the decompressed data if it is compressed.
    """

    offset: int
    data: bytes


class _Part(NamedTuple):
    piece: int
    start: int
    range: Range


class Framing:
    """Where records begin and end in an object: here, they are lines. See mapreduce.framing for others."""

    def ranges_of(self, piece: Piece) -> list[tuple[int, int]]:
        """Return the ranges in which a piece is fetched: from the byte before it to somewhat behind it."""
        ranges = in_parts(max(piece.start - 1, 0), piece.end)
        return [*ranges[:-1], (ranges[-1][0], piece.end + OVERLAP_BYTES)]

    def blocks_of(self, chunks: Iterator[bytes], piece: Piece, max_record_bytes: int) -> Iterator[Block]:
        """Yield the records of a piece.

        Args:
            chunks: the object from the piece's first range to its end; all of it, decompressed, if it is
                compressed. Each costs a request, so no more are taken than the piece's last record needs.

        Raises RecordTooLong; BadObject if the object begins as no text does.
        """
        if piece.compression:
            blocks = blocks_of_lines(chunks, 0, 0, None, max_record_bytes, piece.url)
        else:
            origin = max(piece.start - 1, 0)
            blocks = blocks_of_lines(chunks, origin, piece.start, piece.end, max_record_bytes, piece.url)
        return _of_text(blocks, piece)


LINES = Framing()


def read_pieces(
    store: ObjectStore,
    pieces: list[Piece],
    max_record_bytes: int,
    pool: ThreadPoolExecutor,
    framing: Framing = LINES,
) -> Generator[tuple[Piece, Iterator[Block]]]:
    """Yield each piece with the blocks of its records, reading ahead within and across pieces.

    A piece's blocks must be consumed before the next piece is asked for. A piece of which nothing has to be
    read is left out. Raises RecordTooLong, BadObject or InputNotReadable, naming object and byte offset.
    """

    def fetch(request: tuple[int, int, int]) -> _Part:
        index, start, stop = request
        return _Part(index, start, read_part(store, pieces[index], start, stop))

    requests = (
        (index, start, stop)
        for index, piece in enumerate(pieces)
        for start, stop in _ranges_of(piece, framing)
    )
    parts = read_ahead(fetch, requests, PARTS_AHEAD, pool)
    for index, parts_of_piece in itertools.groupby(parts, key=lambda part: part.piece):
        piece = pieces[index]
        if piece.compression:
            chunks = _decompress(piece, (part.range.data for part in parts_of_piece))
        else:
            chunks = _to_the_end(store, piece, parts_of_piece)
        yield piece, framing.blocks_of(chunks, piece, max_record_bytes)


def read_part(store: ObjectStore, piece: Piece, start: int, stop: int) -> Range:
    """Return bytes `[start, stop)` of a piece's object. Raises InputNotReadable or InputChanged."""
    part = store.read(piece.bucket, piece.key, start, stop, piece.etag)
    if part.size < piece.end:
        raise shorter(piece, part.size)
    return part


def shorter(piece: Piece, size: int) -> InputNotReadable:
    """Return the error of an object that has become shorter."""
    return InputNotReadable(
        f"{piece.url}: shorter than when the job listed it ({size} bytes); start the job again"
    )


def _ranges_of(piece: Piece, framing: Framing) -> list[tuple[int, int]]:
    if piece.end <= piece.start:
        return []
    return in_parts(0, piece.end) if piece.compression else framing.ranges_of(piece)


def in_parts(start: int, stop: int, reach: int = 0, multiple: int = 1) -> list[tuple[int, int]]:
    """Cut a range into ranges that are each one GET.

    Args:
        reach: to where the last range may go, if further than `stop`. None begins at `stop` or behind it, for
            S3 refuses a range that begins behind an object's end.
        multiple: cut at multiples of so many bytes from `start`, unless those are more than one GET.
    """
    step = PART_BYTES - PART_BYTES % multiple or PART_BYTES
    return [(first, min(first + step, max(stop, reach))) for first in range(start, stop, step)]


def _to_the_end(store: ObjectStore, piece: Piece, parts: Iterator[_Part]) -> Iterator[bytes]:
    """Yield the parts, then the rest of the object for as long as the consumer wants more."""
    position = size = 0
    for part in parts:
        yield part.range.data
        position = part.start + len(part.range.data)
        size = part.range.size
    step = OVERLAP_BYTES
    while position < size:
        more = store.read(piece.bucket, piece.key, position, position + step, piece.etag)
        yield more.data
        position += len(more.data)
        step = min(step * 2, PART_BYTES)


def _decompress(piece: Piece, chunks: Iterator[bytes]) -> Iterator[bytes]:
    position = 0
    try:
        with OPENERS[piece.compression](io.BufferedReader(Chunks(chunks), BLOCK_BYTES)) as stream:
            while data := stream.read(BLOCK_BYTES):
                position += len(data)
                yield data
    except DAMAGE as error:
        reason, rename = str(error), ""
        if reason.startswith(NO_GZIP):  # and goes on with some bytes of the object
            reason, rename = NO_GZIP, "; if it is not compressed, let its name end otherwise"
        raise BadObject(
            f"{piece.url}: damaged after byte {position} of its decompressed data: {reason}. "
            f"Upload it again, or leave it out of the input{rename}"
        ) from error


def _of_text(blocks: Iterator[Block], piece: Piece) -> Iterator[Block]:
    for block in blocks:
        if block.offset == 0:
            check_is_text(block.data, piece.url, piece.compression)
        yield block


def blocks_of_lines(  # noqa: PLR0913 - one coordinate system needs its coordinates
    chunks: Iterator[bytes], origin: int, start: int, end: int | None, max_record_bytes: int, url: str
) -> Iterator[Block]:
    """Yield the lines that begin in `[start, end)` of a stream whose first byte is at `origin`.

    `origin` is the byte before `start`, or 0; `end` None means to the end of the stream. Reads no chunk
    behind the one that holds the last record's newline.
    """
    position = origin  # of the first byte that is not yielded yet
    # What is not yielded yet: the beginning of a record. It is joined once, when there is an end to it.
    waiting: list[bytes] = []
    size = 0
    begun = start == 0  # whether a record begins at `position`
    for chunk in chunks:
        data = chunk
        if not begun:
            newline = data.find(b"\n")
            begun = newline >= 0
            skipped = newline + 1 if begun else len(data)
            position += skipped
            data = data[skipped:]
        if end is not None and position >= end:
            return
        if not begun:
            continue
        last = -1 if end is None else data.find(b"\n", max(end - 1 - position - size, 0))
        cut = (last if last >= 0 else data.rfind(b"\n")) + 1
        if cut:
            records = b"".join((*waiting, data[:cut]))
            yield from _cut_into_blocks(records, position, max_record_bytes, url)
            position += len(records)
            data = data[cut:]
            waiting, size = [], 0
        if last >= 0:
            return
        waiting.append(data)
        size += len(data)
        if size > max_record_bytes:
            raise too_long(url, position, max_record_bytes)
    if size and begun:
        yield from _cut_into_blocks(b"".join(waiting), position, max_record_bytes, url)


def _cut_into_blocks(data: bytes, offset: int, max_record_bytes: int, url: str) -> Iterator[Block]:
    """Cut whole records at newlines, into blocks of about BLOCK_BYTES; a longer record is a block."""
    start = 0
    while start < len(data):
        stop = start + BLOCK_BYTES
        if stop < len(data):
            stop = data.rfind(b"\n", start, stop) + 1 or data.find(b"\n", stop) + 1 or len(data)
        block = data[start:stop]
        if len(block) > max_record_bytes:
            _check_lengths(block, offset + start, max_record_bytes, url)
        yield Block(offset + start, block)
        start = stop


def _check_lengths(block: bytes, offset: int, max_record_bytes: int, url: str) -> None:
    for line in block.split(b"\n"):
        if len(line) > max_record_bytes:
            raise too_long(url, offset, max_record_bytes)
        offset += len(line) + 1


def too_long(
    url: str,
    offset: int,
    max_record_bytes: int,
    or_else: str = "check that the object's lines end in newlines",
) -> RecordTooLong:
    """Return the error of a record that begins at `offset`."""
    return RecordTooLong(
        f"{url} at byte {offset}: a record of more than {max_record_bytes} bytes. Raise maxRecordBytes "
        f"(and the mapper's memory), or {or_else}"
    )

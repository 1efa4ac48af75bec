"""Which parts of a task's input are sampled, and how they are read.

The pieces of a task are a tape of bytes. It is cut into as many strata as there are to be parts, and of each
stratum one range of bytes is read, so that input whose keys are in order or in clusters is met everywhere.
What can only be read from its start (a compressed object, or one that is a single record) gives a part from
there, which stands for all ranges that fall into it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import NamedTuple

from .compression import DAMAGE, OPENERS
from .errors import RecordTooLong
from .formats import Fixed, Format, Whole
from .partitioning import GOLDEN
from .pieces import PART_BYTES, Block, Piece, read_part
from .storage import ObjectStore, read_ahead

# Where a job has a single mapper (which samples up to 1 GiB), its sample alone has to do: some hundred
# records for each partition, from several places. To read 4 MiB in 128 parts takes some tenths of a second.
LEAST_BYTES, MOST_BYTES, BYTES_PER_PARTITION = 4 << 20, 16 << 20, 64 << 10
LEAST_PARTS, MOST_PARTS, PARTS_PER_PARTITION = 128, 1024, 16

THREADS = 16  # requests at once: parts are small, and S3 takes some 20 ms for each
REACH_BYTES = 2 << 10  # that are read behind a range, where most last records end
RECORD_BYTES = 8 << 20  # a longer record is passed over, for there may be THREADS of them in memory

START_BYTES = 64 << 10  # that are taken at least of what is read from its start
WHOLE_BYTES = 1 << 20  # that are taken at most of an object that is one record
LEAST_STARTS = 16  # objects that are read from their start, even if that is more than a sample should have
EXPANSION = 8  # how many times its length a compressed object may give, if all of it is wanted
FIRST_FETCH_BYTES = 64 << 10  # of what is read from its start; each further GET asks for twice as much
FEED_BYTES = 4 << 10  # that a decompressor gets at a time, so that it is known how many it took


class Part(NamedTuple):
    """A part of a task's input.

    Attributes:
        piece: what to read: a range of bytes; or an object that is read from its start.
        stands_for: how many bytes of the task, compressed if it is compressed.
        limit: how many bytes to take from the start, decompressed.
    """

    piece: Piece
    stands_for: float
    limit: int


class Sampled(NamedTuple):
    """A part with its records, and how many bytes of the task's each of their bytes stands for."""

    part: Part
    blocks: list[Block]
    factor: float


def parts_to_sample(pieces: list[Piece], format: Format, partitions: int) -> list[Part]:
    """Return which parts of some pieces to read, for boundaries of so many partitions.

    They follow from the arguments alone. They are all there is, if that is little.
    """
    whole = isinstance(format, Whole)  # then only an object's first piece has a record
    pieces = [piece for piece in pieces if piece.start < piece.end and not (whole and piece.start)]
    edges = list(accumulate((piece.end - piece.start for piece in pieces), initial=0))
    total = edges[-1]
    wanted = min(max(LEAST_BYTES, BYTES_PER_PARTITION * partitions), MOST_BYTES)
    if total <= wanted:
        sizes = [piece.end - piece.start for piece in pieces]
        return [
            Part(piece, size, _limit(size * EXPANSION, format))
            for piece, size in zip(pieces, sizes, strict=True)
        ]
    count = min(max(LEAST_PARTS, PARTS_PER_PARTITION * partitions), MOST_PARTS)
    stratum, length = total / count, wanted // count
    each_for = stratum / length
    parts: list[Part] = []
    from_start: dict[int, int] = {}  # by the number of a piece, how much falls into it
    for number in range(count):
        # Not at the same place of each stratum, for the input may have a period too.
        start = int(stratum * number + (stratum - length) * (number * GOLDEN % 1))
        for index, low, high in _overlaps(edges, start, start + length):
            piece = pieces[index]
            if _is_read_from_start(piece, format):
                from_start[index] = from_start.get(index, 0) + high - low
            else:
                range_ = replace(piece, start=piece.start + low, end=piece.start + high)
                parts.append(Part(range_, (high - low) * each_for, 0))
    starts = [
        Part(pieces[index], fallen * each_for, _limit(fallen, format)) for index, fallen in from_start.items()
    ]
    return parts + _fewer(starts, wanted)


def _is_read_from_start(piece: Piece, format: Format) -> bool:
    return bool(piece.compression) or isinstance(format, Whole)


def _limit(wanted: int, format: Format) -> int:
    return WHOLE_BYTES if isinstance(format, Whole) else max(START_BYTES, wanted)


def _overlaps(edges: list[int], start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield which intervals a range meets, each with the positions in it from which and to which."""
    index = bisect_right(edges, start) - 1
    while start < stop and index < len(edges) - 1:
        end = min(stop, edges[index + 1])
        if start < end:
            yield index, start - edges[index], end - edges[index]
        start = end
        index += 1


def _fewer(starts: list[Part], wanted: int) -> list[Part]:
    """Return so many of the parts that they give no more than wanted; they stand for their neighbours too."""
    gives = sum(part.limit if part.piece.compression else min(part.limit, part.piece.end) for part in starts)
    most = max(len(starts) * wanted // max(gives, 1), LEAST_STARTS)
    if len(starts) <= most:
        return starts
    edges = [number * len(starts) // most for number in range(most + 1)]
    return [
        starts[(low + high) // 2]._replace(stands_for=sum(part.stands_for for part in starts[low:high]))
        for low, high in pairwise(edges)
    ]


def read_parts(
    store: ObjectStore, parts: list[Part], format: Format, max_record_bytes: int
) -> Generator[Sampled]:
    """Yield the parts in their order, several being read at once; of records that are too long, nothing.

    Raises InputNotReadable or InputChanged.
    """
    longest = min(max_record_bytes, RECORD_BYTES)

    def read(part: Part) -> Sampled:
        piece = part.piece
        of_piece = _read_start if _is_read_from_start(piece, format) else _read_range
        chunks, factor = of_piece(store, part, format)
        try:
            return Sampled(part, list(format.framing.blocks_of(chunks, piece, longest)), factor)
        except RecordTooLong:
            return Sampled(part, [], factor)

    with ThreadPoolExecutor(THREADS) as pool:
        yield from read_ahead(read, parts, THREADS, pool)


def _read_range(store: ObjectStore, part: Part, format: Format) -> tuple[Iterator[bytes], float]:
    piece = part.piece
    ranges = format.framing.ranges_of(piece)
    if not ranges:
        return iter([]), 0.0
    stop = min(ranges[-1][1], piece.end + REACH_BYTES)
    return _chunks(store, piece, ranges[0][0], stop), part.stands_for / (piece.end - piece.start)


def _chunks(store: ObjectStore, piece: Piece, start: int, stop: int) -> Iterator[bytes]:
    """Yield a range of a piece's object, then what follows, for as long as more is asked for."""
    size = stop
    step = FIRST_FETCH_BYTES
    while start < size:
        data, size = read_part(store, piece, start, stop)
        yield data
        start += len(data)
        stop = start + step
        step = min(step * 2, PART_BYTES)


def _read_start(store: ObjectStore, part: Part, format: Format) -> tuple[Iterator[bytes], float]:
    piece = part.piece
    feed = _Feed(store, piece)
    taken = _decompressed(feed, piece, part.limit) if piece.compression else feed.read_up_to(part.limit)
    if not taken:
        return iter([]), 0.0
    data = taken[: part.limit]
    # A piece may be the first of several of an object that is read as a whole.
    each_for = part.stands_for * (feed.size / piece.end) / feed.taken
    factor = each_for * len(taken) / len(data)
    if len(data) < len(taken) or feed.taken < feed.size:
        data = _without_rest(data, format)
    return iter([data] if data else []), factor


def _without_rest(data: bytes, format: Format) -> bytes:
    """Return data that were cut somewhere without the record, or at least the character, that was cut."""
    if isinstance(format, Fixed):
        return data[: len(data) - len(data) % format.length]
    return data[: data.rfind(b"\n") + 1] or data.decode(errors="ignore").encode()


def _decompressed(feed: _Feed, piece: Piece, limit: int) -> bytes:
    """Return the beginning of a compressed object: `limit` bytes, and what came along with the last."""
    data = bytearray()
    try:
        with OPENERS[piece.compression](feed) as stream:
            while some := stream.read1(FIRST_FETCH_BYTES):
                data += some
                feed.ended = feed.ended or len(data) >= limit
    except DAMAGE:
        pass  # most often just the end that was made; damage is what the map task tells of
    return bytes(data)


class _Feed:
    """An object as a file that gives little at a time, fetches what it gives, and may be ended.

    Attributes:
        ended: set to end the file early.
        taken: how many bytes it gave.
        size: how many the object has; 0 before any is read.
    """

    def __init__(self, store: ObjectStore, piece: Piece) -> None:
        self.ended = False
        self.taken = 0
        self.size = 0
        self._store = store
        self._piece = piece
        self._fetched = b""
        self._position = 0  # in what is fetched
        self._step = FIRST_FETCH_BYTES

    def read(self, count: int = FEED_BYTES) -> bytes:
        """Return the next bytes, not many of them; none at the end."""
        if self.ended:
            return b""
        if self._position == len(self._fetched) and (self.taken < self.size or not self.taken):
            stop = self.taken + self._step
            self._fetched, self.size = read_part(self._store, self._piece, self.taken, stop)
            self._position = 0
            self._step = min(self._step * 2, PART_BYTES)
        count = min(count, FEED_BYTES) if count >= 0 else FEED_BYTES
        data = self._fetched[self._position : self._position + count]
        self._position += len(data)
        self.taken += len(data)
        return data

    def read_up_to(self, limit: int) -> bytes:
        """Return the first `limit` bytes, or all."""
        data = bytearray()
        while len(data) < limit and (some := self.read()):
            data += some
        return bytes(data)

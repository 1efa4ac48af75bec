"""Objects of the input as files that DuckDB reads while they are fetched."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from threading import Lock

from ..parsing import BYTE_ORDER_MARK
from ..pieces import OVERLAP_BYTES, PART_BYTES, Piece, read_part, shorter, too_long
from ..signatures import check_is_text
from ..storage import ObjectStore, Range
from .database import DataError
from .long_lines import LongLines
from .parts import Parted, Parts
from .quotes import UNCLOSED, Quotes

FOOTER_BYTES = 128 << 10  # what DuckDB reads first of a Parquet file


class PieceFile(Parted):
    """The whole records of a piece of an uncompressed object, as a file that is fetched while it is read.

    Its records are those that begin in the piece, as in mapreduce.pieces; a header is none of them. Where
    they begin and end is looked up first: so DuckDB's reads are the very parts that are fetched, uncopied.
    Where the first of them begins with a byte order mark, which is not the object's, the file has another one
    in front, for DuckDB to leave out (see mapreduce.sql.files.text_file).

    Args:
        quote: what is around fields, if there is such a thing. One that is not closed on its line raises
            DataError.
        longest: a line that is longer raises DataError, and one that is nearly as long may. 0 lets all pass.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        piece: Piece,
        store: ObjectStore,
        parts: Parts,
        max_record_bytes: int,
        header: bool,
        quote: str,
        longest: int = 0,
    ) -> None:
        self._piece = piece
        self._store = store
        self._max_record_bytes = max_record_bytes
        self._header = header
        self._quotes = Quotes(quote) if quote else None
        self._long_lines = LongLines(longest) if longest else None
        self._origin = max(piece.start - 1, 0)
        self._edges: Future[tuple[int, int]] | None = None
        self._mark = b""  # in front of the records
        self.bytes_read = 0
        count = -(-(piece.end - self._origin) // PART_BYTES)
        if count > 1:
            # In this order: the last waits for the others, and what fetches the body waits for it.
            head = parts.ask(partial(self._fetch, self._origin, self._origin + OVERLAP_BYTES))
            tail = parts.ask(partial(self._fetch, piece.end - 1, piece.end + OVERLAP_BYTES))
            self._edges = parts.ask(lambda: self._find_edges(head.result(), tail.result(), piece.end - 1))
            super().__init__(parts, PART_BYTES, [partial(self._fetch_body, one) for one in range(count)])
        else:
            # Small enough to be looked at whole.
            whole = partial(self._fetch, self._origin, piece.end + OVERLAP_BYTES)
            super().__init__(parts, PART_BYTES, [whole])

    def _fetch(self, start: int, stop: int) -> Range:
        return read_part(self._store, self._piece, start, stop)

    def _fetch_body(self, number: int) -> Range:
        begin, end = self.edges
        start = begin + number * PART_BYTES
        stop = end if number == self._count - 1 else min(start + PART_BYTES, end)
        return self._fetch(start, stop) if start < stop else Range(b"", 0)

    @property
    def size(self) -> int:
        begin, end = self.edges
        return len(self._mark) + end - begin

    @property
    def edges(self) -> tuple[int, int]:
        """Where the first record begins, and where the last one ends."""
        if self._edges is None:
            whole = self.parts.peek(self._first)
            self._edges = Future()
            self._edges.set_result(self._find_edges(whole, whole, self._origin))
        return self._edges.result()

    def _find_edges(self, head: Range, tail: Range, tail_start: int) -> tuple[int, int]:
        piece = self._piece
        begin = 0
        if piece.start or self._header:
            begin = self._behind_newline(head, self._origin, self._origin, piece.end)
        if self._origin == 0:
            check_is_text(head.data, piece.url, piece.compression)
        if begin >= piece.end:
            return piece.end, piece.end
        end = self._behind_newline(tail, tail_start, piece.end - 1, tail.size)
        # The object's own mark is of the first record, which may begin in a piece that ends within the mark.
        if begin == 0 and head.data.startswith(BYTE_ORDER_MARK):
            begin = len(BYTE_ORDER_MARK)
        start = head.data[begin - self._origin :][: len(BYTE_ORDER_MARK)]
        looked_at = len(start) == len(BYTE_ORDER_MARK) or begin + len(start) >= end
        if not looked_at:
            start = self._fetch(begin, begin + len(BYTE_ORDER_MARK)).data
        self._mark = BYTE_ORDER_MARK if start == BYTE_ORDER_MARK else b""
        return begin, end

    def _behind_newline(self, part: Range, part_start: int, start: int, limit: int) -> int:
        """Return where the line ends that goes on at `start`, or `limit` if it does not end before that."""
        newline = part.data.find(b"\n", start - part_start)
        position, step = part_start + len(part.data), OVERLAP_BYTES
        begun = part_start + part.data.rfind(b"\n", 0, start - part_start) + 1
        while newline < 0 and position < limit:
            if limit == part.size and position - begun > self._max_record_bytes:
                raise too_long(self._piece.url, begun, self._max_record_bytes)
            part_start, part = position, self._fetch(position, position + step)
            newline = part.data.find(b"\n")
            position += len(part.data)
            step = min(step * 2, PART_BYTES)
        return min(part_start + newline + 1, limit) if newline >= 0 else limit

    def read(self, start: int, stop: int) -> bytes:
        size = self.size
        mark = len(self._mark)
        if start < mark:
            return self._mark[start:stop] + (self._read(0, stop - mark, size - mark) if stop > mark else b"")
        return self._read(start - mark, stop - mark, size - mark)

    def _read(self, start: int, stop: int, size: int) -> bytes:
        """Return bytes of the records, `size` bytes in all."""
        data = super().read(start, min(stop, size))
        if start == self.bytes_read:
            self._check(data, at_end=stop >= size)
        elif start > self.bytes_read and self._quotes:
            raise DataError(UNCLOSED)  # for all that is known: what lies between was not looked at
        return data

    def _part(self, number: int) -> bytes:
        data = super()._part(number)
        if self._count > 1:
            return data
        begin, end = self.edges
        if end > self._origin + len(data):
            data += self._fetch(self._origin + len(data), end).data
        return data[begin - self._origin : end - self._origin]

    def _check(self, data: bytes, at_end: bool) -> None:
        self.bytes_read += len(data)
        if self._quotes and (self._quotes.feed(data) or (at_end and self._quotes.left_open)):
            raise DataError(UNCLOSED)
        if self._long_lines and self._long_lines.feed(data):
            raise DataError("a line that may be too long to be read as it streams")


class ObjectFile:
    """A whole object as a file, of which just the ranges are fetched that are asked for."""

    def __init__(self, piece: Piece, store: ObjectStore) -> None:
        self._piece = piece
        self._store = store
        tail = store.read_tail(piece.bucket, piece.key, FOOTER_BYTES, piece.etag)
        if tail.size < piece.end:
            raise shorter(piece, tail.size)
        self._lock = Lock()
        self._tail = tail.data
        self.size = tail.size
        self.bytes_read = 0

    def read(self, start: int, stop: int) -> bytes:
        stop = min(stop, self.size)
        if start >= stop:
            return b""
        if start >= self.size - len(self._tail):
            offset = self.size - len(self._tail)
            return self._tail[start - offset : stop - offset]
        with self._lock:  # DuckDB reads Parquet in several threads
            self.bytes_read += stop - start
        return read_part(self._store, self._piece, start, stop).data

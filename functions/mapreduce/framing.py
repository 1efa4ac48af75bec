"""Records that are no lines: of a fixed length, or whole objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .pieces import BLOCK_BYTES, Block, Framing, Piece, in_parts, too_long
from .signatures import check_is_text


@dataclass(frozen=True)
class FixedLength(Framing):
    """Records of `length` bytes, one behind the other: where they begin is arithmetic."""

    length: int

    def ranges_of(self, piece: Piece) -> list[tuple[int, int]]:
        """Return ranges from the first record that begins in a piece to the end of the last one."""
        return in_parts(self._next(piece.start), piece.end, self._next(piece.end), self.length)

    def _next(self, position: int) -> int:
        """Return where the first record begins that does not begin before `position`."""
        return -(-position // self.length) * self.length

    def blocks_of(self, chunks: Iterator[bytes], piece: Piece, max_record_bytes: int) -> Iterator[Block]:
        """Yield the records of a piece; if the last one of the object is too short, as a block of its own.

        Raises RecordTooLong if `length` is more than a record may have.
        """
        position = self._next(piece.start)
        end = None if piece.compression else self._next(piece.end)
        if self.length > max_record_bytes:
            raise too_long(piece.url, position, max_record_bytes, "lower format.length")
        waiting: list[bytes] = []
        size = 0
        for chunk in chunks:
            waiting.append(chunk)
            size += len(chunk)
            if size >= self.length:
                data = b"".join(waiting)
                whole = size - size % self.length
                if end is not None:
                    whole = min(whole, end - position)
                yield from self._cut(data[:whole], position)
                position += whole
                waiting, size = [data[whole:]], size - whole
                if position == end:
                    return
        if size:
            yield Block(position, b"".join(waiting))

    def _cut(self, data: bytes, offset: int) -> Iterator[Block]:
        step = max(BLOCK_BYTES // self.length, 1) * self.length
        for start in range(0, len(data), step):
            yield Block(offset + start, data[start : start + step])


@dataclass(frozen=True)
class WholeObject(Framing):
    """A record that is all of an object; an object without a byte is none."""

    def ranges_of(self, piece: Piece) -> list[tuple[int, int]]:
        """Return the ranges of an object's first piece; the rest follows, whichever pieces it is cut into."""
        return [] if piece.start else in_parts(0, piece.end)

    def blocks_of(self, chunks: Iterator[bytes], piece: Piece, max_record_bytes: int) -> Iterator[Block]:
        """Yield the object as one block.

        Raises RecordTooLong, before much more than that is read; BadObject if it begins as no text does.
        """
        parts: list[bytes] = []
        size = 0
        for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > max_record_bytes:
                remedy = "leave the object out: with format whole, an object is one record"
                raise too_long(piece.url, 0, max_record_bytes, remedy)
        if size:
            block = Block(0, b"".join(parts))
            check_is_text(block.data, piece.url, piece.compression)
            yield block

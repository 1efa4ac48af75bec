"""From a block to the records that a job's map receives: what all formats have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from .pieces import LINES, Block, Framing

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What is parsed at once. Its records take ten times as much, and are to stay in the processor's cache until
# they are mapped: with 1 MiB parsing and mapping take a third longer.
PARSE_BYTES = 128 << 10


class Reject(NamedTuple):
    """A record that could not be read: where it begins, why, and its bytes."""

    offset: int
    reason: str
    data: bytes


class Parsed(NamedTuple):
    """A block's records in order, what was not readable, and where record `i` begins and what it says.

    `locate` may be asked for each record: places are found all at once, at the first question.
    """

    records: list[Any]
    rejects: list[Reject]
    locate: Callable[[int], tuple[int, bytes]]


@dataclass(frozen=True)
class Format:
    """What input objects hold: where records begin and end, and what they are to a job's map."""

    @property
    def framing(self) -> Framing:
        """How the records of a piece are found."""
        return LINES

    @property
    def record(self) -> type:
        """What each record is; `object` where it may be anything."""
        return object

    @property
    def needs_header(self) -> bool:
        """Whether an object's first line names the columns; see `with_header`."""
        return False

    def with_header(self, line: bytes) -> Self:
        """Return the format of an object whose first line is `line`."""
        raise NotImplementedError

    def parts_of(self, block: Block) -> Iterator[Block]:
        """Cut a block between records, into parts that are each to be parsed at once."""
        offset, data = block
        start = 0
        while start < len(data):
            stop = self._end_of_record(data, start + PARSE_BYTES)
            yield Block(offset + start, data[start:stop])
            start = stop

    def _end_of_record(self, data: bytes, position: int) -> int:
        """Return where a record ends, at or behind a position; or the end of the data."""
        raise NotImplementedError

    def parse(self, block: Block) -> Parsed:
        """Return the records of a block; those that cannot be read are set aside, the others stay."""
        raise NotImplementedError


def without_mark(block: Block) -> Block:
    """Return a block without the byte order mark that an object may begin with."""
    offset, data = block
    if offset == 0 and data.startswith(BYTE_ORDER_MARK):
        return Block(len(BYTE_ORDER_MARK), data[len(BYTE_ORDER_MARK) :])
    return block

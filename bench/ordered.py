"""Sorted results: in total order, and of the same records as the input, in the manner of TeraValidate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import le
from typing import Protocol

from .oracle import ResultError

HASHES = 2**64


class Layout(Protocol):
    """How records lie one behind the other, and what they are sorted by."""

    def end(self, data: bytes) -> int:
        """Return where the last whole record of some data ends."""
        ...

    def records(self, data: bytes) -> list[bytes]:
        """Return the records of data that is nothing but whole ones."""
        ...

    def keys(self, records: list[bytes]) -> list[bytes]:
        """Return what records are sorted by."""
        ...


@dataclass(frozen=True, slots=True)
class FixedLength:
    """Records of so many bytes, sorted by the first ones of them."""

    length: int
    key: int

    def end(self, data: bytes) -> int:
        """Return where the last whole record of some data ends."""
        return len(data) - len(data) % self.length

    def records(self, data: bytes) -> list[bytes]:
        """Return the records of data that is nothing but whole ones."""
        length = self.length
        return [data[start : start + length] for start in range(0, len(data), length)]

    def keys(self, records: list[bytes]) -> list[bytes]:
        """Return what records are sorted by."""
        key = self.key
        return [record[:key] for record in records]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines, sorted by the field before the first delimiter."""

    delimiter: bytes

    def end(self, data: bytes) -> int:
        """Return where the last whole record of some data ends."""
        return data.rfind(b"\n") + 1

    def records(self, data: bytes) -> list[bytes]:
        """Return the records of data that is nothing but whole ones."""
        return data[:-1].split(b"\n")

    def keys(self, records: list[bytes]) -> list[bytes]:
        """Return what records are sorted by."""
        delimiter = self.delimiter
        return [record.partition(delimiter)[0] for record in records]


@dataclass
class Tally:
    """How many records there are, and a sum of their hashes, which does not depend on their order.

    Python's hashes of bytes have 64 bits, and a key that each process draws: tallies of two processes cannot
    be compared.
    """

    records: int = 0
    checksum: int = 0

    def add(self, records: list[bytes]) -> None:
        """Count some more records."""
        self.records += len(records)
        self.checksum = (self.checksum + sum(map(hash, records))) % HASHES


def tally(parts: Iterable[Iterable[bytes]], layout: Layout) -> Tally:
    """Return the tally of some objects, each in chunks. Raises ResultError for one that ends in a record."""
    found = Tally()
    for chunks in parts:
        for records in _blocks(chunks, layout):
            found.add(records)
    return found


def check(parts: Iterable[Iterable[bytes]], layout: Layout, expected: Tally) -> list[int]:
    """Check that result objects, one after the other, are in order, and have the records of the input.

    Args:
        parts: the objects in their order, each in chunks. None of them is held.
        expected: of the input.

    Returns:
        How many records each object has.

    Raises ResultError.
    """
    found = Tally()
    counts = []
    last = b""
    for number, chunks in enumerate(parts):
        before = found.records
        for records in _blocks(chunks, layout):
            keys = layout.keys(records)
            in_order = list(map(le, [last, *keys], keys))
            if not all(in_order):
                record = found.records - before + in_order.index(False)
                raise ResultError(f"part {number}: record {record:,} belongs before the one before it")
            last = keys[-1]
            found.add(records)
        counts.append(found.records - before)
    if found.records != expected.records:
        raise ResultError(f"{found.records:,} records where the input has {expected.records:,}")
    if found != expected:
        raise ResultError(f"{found.records:,} records, as in the input, but not the same ones")
    return counts


def _blocks(chunks: Iterable[bytes], layout: Layout) -> Iterator[list[bytes]]:
    """Yield the records of an object in their order, some at a time."""
    held = b""
    for chunk in chunks:
        held += chunk
        end = layout.end(held)
        if end:
            yield layout.records(held[:end])
            held = held[end:]
    if held:
        raise ResultError(f"an object ends in the midst of a record: {held[:100]!r}")

"""Distinct lines: the grouping of section 2.1 of Dean and Ghemawat 2004, with nothing left to reduce."""

from collections.abc import Iterable, Iterator

from ._fields import FieldJob


class Distinct(FieldJob):
    """Find the distinct lines, or the distinct values of a field."""

    output = "text"
    columns = ("value",)

    def map(self, record: str) -> Iterator[tuple[str, None]]:
        yield self.key_of(record), None

    def combine(self, key: str, values: list[None]) -> None:
        return None

    def reduce(self, key: str, values: Iterable[None]) -> Iterator[tuple[str, tuple[()]]]:
        yield key, ()

"""Lines, counted: as little as a Python job can do with each of them."""

from collections.abc import Iterable, Iterator

from mapreduce import Job


class CountLines(Job):
    """Count the lines of the input."""

    def map(self, record: str) -> Iterator[tuple[str, int]]:  # noqa: ARG002 - a line is a line
        yield "lines", 1

    def combine(self, key: str, values: list[int]) -> int:  # noqa: ARG002 - there is one
        return sum(values)

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values)

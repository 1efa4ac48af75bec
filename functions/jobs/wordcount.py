"""Word count, the first example of Dean and Ghemawat 2004."""

from collections.abc import Iterable, Iterator

from mapreduce import Job


class WordCount(Job):
    """Count how often each word (a run of characters between white space) occurs."""

    columns = ("word", "count")

    def map(self, record: str) -> Iterator[tuple[str, int]]:
        for word in record.split():
            yield word, 1

    def combine(self, key: str, values: list[int]) -> int:
        return sum(values)

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values)

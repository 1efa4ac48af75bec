"""Find the lines, or the values of a field, that occur most often.

Two stages: a word count, and a selection of which every worker keeps but `k` (the term vector's "most
important words" of section 2.3 of Dean and Ghemawat 2004 need the same).
"""

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from itertools import chain

from mapreduce import Csv, Job, Pipeline, Stage, param, parameter

from ._fields import FieldJob

Group = tuple[str, int]  # a value, and how often it occurs


class GroupCount(FieldJob):
    """Count how often each line, or each value of a field, occurs."""

    output = "csv"
    columns = ("value", "count")

    def map(self, record: str) -> Iterator[Group]:
        yield self.key_of(record), 1

    def combine(self, key: str, values: list[int]) -> int:
        return sum(values)

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[Group]:
        yield key, sum(values)


class Largest(Job):
    """Find the groups of the largest counts, the largest first; those of equal counts in order."""

    format = Csv(columns=GroupCount.columns)
    columns = GroupCount.columns

    k: int = parameter(10, "how many groups", minimum=1)

    def map(self, record: list[str]) -> Iterator[tuple[int, list[Group]]]:
        value, count = record
        yield 0, [(value, int(count))]  # all have one key, so that they meet

    def combine(self, key: int, values: list[list[Group]]) -> list[Group]:
        return self._largest(values)

    def reduce(self, key: int, values: Iterable[list[Group]]) -> Iterator[Group]:
        yield from self._largest(values)

    def _largest(self, groups: Iterable[list[Group]]) -> list[Group]:
        # What went through JSON is a list.
        each = ((value, count) for value, count in chain.from_iterable(groups))
        return nsmallest(self.k, each, key=lambda group: (-group[1], group[0]))


pipeline = Pipeline(
    stages=(
        Stage("count", GroupCount, params={name: param(name) for name in GroupCount.parameters()}),
        Stage("largest", Largest, params={"k": param("k")}, options={"partitions": 1}),
    ),
    params=Largest.parameters() | GroupCount.parameters(),
)

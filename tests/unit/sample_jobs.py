"""Jobs for tests: each shows one thing that a user's job may do."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

from mapreduce import BadRecord, Csv, Fixed, Job, JsonLines, Whole, parameter


class Collect(Job):
    """Collect the values of each key, in order, from records `[key, value]`."""

    format = JsonLines()

    def map(self, record: Any) -> Iterator[tuple[Any, Any]]:
        key, value = record
        yield tuple(key) if isinstance(key, list) else key, value

    def reduce(self, key: Any, values: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        yield key, list(values)


class Total(Collect):
    """Sum the values of each key."""

    def combine(self, key: Any, values: list[int]) -> int:
        return sum(values)

    def reduce(self, key: Any, values: Iterable[int]) -> Iterator[tuple[Any, int]]:
        yield key, sum(values)


class Spread(Collect):
    """Find the least and the greatest value of each key: the values are pairs."""

    def map(self, record: Any) -> Iterator[tuple[Any, Any]]:
        for key, value in super().map(record):
            yield key, (value, value)

    def combine(self, key: Any, values: list[Any]) -> Any:
        return min(value[0] for value in values), max(value[1] for value in values)

    def reduce(self, key: Any, values: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        yield key, self.combine(key, list(values))


class Fussy(Job):
    """Count words, and stumble over some of them."""

    def map(self, record: str) -> Iterator[Any]:
        for word in record.split():
            match word:
                case "raise":
                    raise ValueError("cannot read this")
                case "refuse":
                    raise BadRecord("out of season")
                case "nokey":
                    yield None, 1
                case "nopair":
                    yield "nopair"
                case "novalue":
                    yield word, {1, 2}
                case "number":
                    yield 1, 1
                case _:
                    yield word, 1

    def reduce(self, key: Any, values: Iterable[int]) -> Iterator[tuple[Any, Any]]:
        yield key, sum(values)


class FailingCombine(Fussy):
    """Count words, with a combine that fails."""

    def combine(self, key: Any, values: list[int]) -> int:
        raise ZeroDivisionError("combine fails")


class FailingReduce(Fussy):
    """Count words, with a reduce that fails at the word `fatal`."""

    def reduce(self, key: Any, values: Iterable[int]) -> Iterator[tuple[Any, int]]:
        if key == "fatal":
            raise KeyError("no such thing")
        yield key, sum(values)


class Lazy(Fussy):
    """List words without looking at their values."""

    def reduce(self, key: Any, values: Iterable[int]) -> Iterator[tuple[Any, str]]:
        yield key, "seen"


class Rows(Job):
    """Write a result row for each input record `[key, value]`, in the order of keys."""

    format = JsonLines()

    def map(self, record: Any) -> Iterator[tuple[Any, Any]]:
        yield tuple(record)

    def reduce(self, key: Any, values: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        for value in values:
            yield key, value


class Columns(Job):
    """Sum the column `amount` by the column `name`, by the names in each object's header."""

    format = Csv(header=True)
    columns = ("name", "amount")

    def map(self, record: dict[str, str]) -> Iterator[tuple[str, int]]:
        yield record["name"], int(record["amount"])

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values)


class Shouted(Job):
    """Show a job's parameters."""

    format = Csv(delimiter=";", columns=("a", "b"))
    output = "jsonl"
    columns = ("text", "count")

    times: int = parameter(1, "how often", minimum=1)
    scale: float = parameter(1.5, "by what")
    mark: str = parameter("!", "what to end with")
    loud: bool = parameter(True, "whether to shout")

    def map(self, record: list[str]) -> Iterator[tuple[str, int]]:
        yield record[0].upper() + self.mark * self.times, 1

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values)


class PeakMemory(Rows):
    """Tell the most memory that reading a key's values took, one at a time."""

    def reduce(self, key: Any, values: Iterable[Any]) -> Iterator[tuple[Any, int]]:
        for _ in values:
            pass
        yield key, tracemalloc.get_traced_memory()[1]


class Ordered(Collect):
    """Write a result row for each input record `[key, value]`, parts being ranges of keys."""

    output = "jsonl"
    partitioning = "range"

    descending: bool = parameter(False, "whether the greatest key comes first")

    def reduce(self, key: Any, values: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        for value in values:
            yield key, value


class Sorted(Ordered):
    """The same, where a frequent key may be in several parts."""

    splits_keys = True


class Lines(Job):
    """Write the lines of the input in order."""

    output = "text"
    partitioning = "range"

    descending: bool = parameter(False, "whether the greatest line comes first")

    def map(self, record: str) -> Iterator[tuple[str, int]]:
        yield record, 1

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, Any]]:
        for _ in values:
            yield key, ()


class SortedLines(Lines):
    """The same, where a frequent line may be in several parts."""

    splits_keys = True


class CountedLines(Lines):
    """Count how often each line occurs, in order."""

    def combine(self, key: str, values: list[int]) -> int:
        return sum(values)

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values)


class Grouped(Collect):
    """Collect the values of each group, the first field of a key, in the order of the whole keys."""

    output = "jsonl"
    group_fields = 1

    descending: bool = parameter(False, "whether the greatest key comes first")


class GroupedByTwo(Grouped):
    """The same, where a group is the first two fields."""

    group_fields = 2


class GroupedTotals(Grouped):
    """Sum the values of each group."""

    def combine(self, key: Any, values: list[int]) -> int:
        return sum(values)

    def reduce(self, key: Any, values: Iterable[int]) -> Iterator[tuple[Any, int]]:
        yield key, sum(values)


class GroupedAcross(Grouped):
    """Write a row for each record, parts being ranges of keys, of which a group may have several."""

    splits_keys = True

    def reduce(self, key: Any, values: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        for value in values:
            yield key, value


class PeakMemoryOfGroups(PeakMemory):
    """Tell the most memory that reading a group's values took, one at a time."""

    group_fields = 1


class Documents(Job):
    """Count words of whole objects."""

    format = Whole()
    partitioning = "range"

    def map(self, record: str) -> Iterator[tuple[str, int]]:
        for word in record.split():
            yield word, 1

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[tuple[str, int]]:
        yield key, sum(values)


class Blocks(Job):
    """Sort records of 10 bytes by their first 4."""

    format = Fixed(10)
    output = "raw"
    partitioning = "range"

    def map(self, record: str) -> Iterator[tuple[str, str]]:
        yield record[:4], record[4:]

    def reduce(self, key: str, values: Iterable[str]) -> Iterator[tuple[str, str]]:
        for value in values:
            yield key, value


class Places(Job):
    """Say of each line where it comes from, in the order of that."""

    partitioning = "range"
    output = "jsonl"

    def map(self, record: str) -> Iterator[tuple[tuple[int, str, str, int], str]]:
        yield (self.place.number, self.place.input, self.place.url, self.place.offset), record

    def reduce(self, key: Any, values: Iterable[str]) -> Iterator[tuple[Any, str]]:
        for value in values:
            yield key, value


SAMPLE_JOBS: dict[str, type[Job]] = {
    "collect": Collect,
    "total": Total,
    "spread": Spread,
    "fussy": Fussy,
    "failing-combine": FailingCombine,
    "failing-reduce": FailingReduce,
    "lazy": Lazy,
    "rows": Rows,
    "columns": Columns,
    "shouted": Shouted,
    "peak-memory": PeakMemory,
    "ordered": Ordered,
    "sorted": Sorted,
    "lines": Lines,
    "sorted-lines": SortedLines,
    "counted-lines": CountedLines,
    "grouped": Grouped,
    "grouped-by-two": GroupedByTwo,
    "grouped-totals": GroupedTotals,
    "grouped-across": GroupedAcross,
    "peak-memory-of-groups": PeakMemoryOfGroups,
    "documents": Documents,
    "blocks": Blocks,
    "places": Places,
}

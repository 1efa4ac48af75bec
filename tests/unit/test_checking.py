"""check_combiner: that right combiners pass, and that wrong ones are found."""

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Any

import pytest

from jobs.wordcount import WordCount
from mapreduce import BadRecord, Job, check_combiner
from tests.unit.sample_jobs import Collect, Spread, Total

NUMBERS = [["a", 5], ["b", 2], ["a", 3], ["a", 1], ["c", 7], ["a", 11], ["b", 4], ["a", 2]]
FRACTIONS = [["a", number / 7] for number in range(1, 30)]


# What passes


@pytest.mark.parametrize("job", [Total(), Spread()])
def test_a_combiner_that_changes_nothing_passes(job: Job) -> None:
    check_combiner(job, NUMBERS)
    check_combiner(WordCount(), ["a b a", "a b", "a a c"])


class Mean(Collect):
    """The mean, from sums and counts."""

    def map(self, record: Any) -> Any:
        for key, value in super().map(record):
            yield key, (value, 1)

    def combine(self, key: Any, values: list[Any]) -> Any:
        return sum(value[0] for value in values), sum(value[1] for value in values)

    def reduce(self, key: Any, values: Iterable[Any]) -> Any:
        total, count = self.combine(key, list(values))
        yield key, total / count


class Concatenated(Collect):
    """All values of a key, in their order: runs of neighbours may be combined."""

    def map(self, record: Any) -> Any:
        for key, value in super().map(record):
            yield key, [value]

    def combine(self, key: Any, values: list[Any]) -> Any:
        return [item for value in values for item in value]

    def reduce(self, key: Any, values: Iterable[Any]) -> Any:
        yield key, [item for value in values for item in value]


class PerSource(Job):
    """Counts of sources for each target: values of several keys of a group, in the order of the keys."""

    group_fields = 1

    def map(self, record: Any) -> Any:
        target, source, count = record
        yield (target, source), [source, count]

    def combine(self, key: Any, values: list[Any]) -> Any:
        return [key[1], sum(count for _, count in values)]

    def reduce(self, key: Any, values: Iterable[Any]) -> Any:
        by_source = groupby(values, key=lambda value: value[0])
        yield key, {source: sum(count for _, count in some) for source, some in by_source}


class PerInput(Total):
    """Sums of two inputs, one of which counts tenfold."""

    def map(self, record: Any) -> Any:
        for key, value in super().map(record):
            yield key, value * (10 if self.place.input == "many" else 1)


def test_right_combiners_of_all_kinds_pass() -> None:
    check_combiner(Mean(), NUMBERS + FRACTIONS)
    check_combiner(Concatenated(), NUMBERS)
    check_combiner(PerSource(), [["t", f"s{row % 3}", row] for row in range(12)] + [["u", "s", 1]])
    check_combiner(PerInput(), {"few": NUMBERS, "many": NUMBERS})
    check_combiner(PerInput(), {"few": iter(NUMBERS), "many": []})


def test_the_samples_are_those_of_the_inputs_they_come_from() -> None:
    seen = []

    class Seen(PerInput):
        def map(self, record: Any) -> Any:
            seen.append((self.place.input, self.place.number, self.place.offset))
            return super().map(record)

    check_combiner(Seen(), {"few": NUMBERS[:2], "many": NUMBERS[:1]})
    assert seen == [("few", 0, 0), ("few", 0, 1), ("many", 1, 0)]


def test_floats_may_differ_by_the_tolerance() -> None:
    check_combiner(Total(), FRACTIONS)  # sums of floats, in several orders
    with pytest.raises(AssertionError, match="changes the result"):
        check_combiner(Total(), FRACTIONS, tolerance=0)


# What is wrong with a combine


def failing(combine: Any, samples: list[Any] = NUMBERS, base: type[Job] = Total, **others: Any) -> str:
    """Return what is said of a job with this combine."""
    job = type("Wrong", (base,), {"combine": combine, **others})
    with pytest.raises(AssertionError) as caught:
        check_combiner(job(), samples)
    return str(caught.value)


def rows_of(function: Any) -> Any:
    """A reduce that is the same function of all values as combine."""
    return lambda self, key, values: iter([(key, function(list(values)))])


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


@pytest.mark.parametrize(
    "function",
    [
        mean,
        median,
        lambda values: values[0] - sum(values[1:]),
        lambda values: sum(value * value for value in values),
        lambda values: math.sqrt(sum(values)),
        lambda values: sum(values) + 1,
    ],
    ids=["mean", "median", "subtraction", "squares", "root", "off by one"],
)
def test_what_is_not_associative_is_found(function: Any) -> None:
    message = failing(lambda self, key, values: function(values), reduce=rows_of(function))
    assert message.startswith("combine of Wrong changes the result, for key 'a'\n")


@pytest.mark.parametrize(
    "function", [len, max, lambda values: values[0], lambda values: 0, lambda values: sum(values[:-1])]
)
def test_what_is_something_else_than_reduce_makes_of_values_is_found(function: Any) -> None:
    assert "changes the result" in failing(lambda self, key, values: function(values))


def test_counting_is_found_where_values_are_all_one() -> None:
    ones = [["a", 1]] * 4
    assert "changes the result" in failing(lambda self, key, values: len(values), ones)


def test_a_combine_that_waits_for_all_values_is_found() -> None:
    class All(Collect):
        def combine(self, key: Any, values: list[Any]) -> Any:
            return sum(values) if len(values) == 5 else 0

        def reduce(self, key: Any, values: Iterable[Any]) -> Any:
            yield key, sum(values)

    with pytest.raises(AssertionError, match="changes the result"):
        check_combiner(All(), NUMBERS)


def test_a_combine_that_forgets_the_order_is_found() -> None:
    message = failing(
        lambda self, key, values: sorted(item for value in values for item in value), base=Concatenated
    )
    assert "changes the result" in message


def test_a_combine_of_another_kind_of_value_is_found() -> None:
    # Right for values as they were mapped, and for none that were combined.
    message = failing(lambda self, key, values: [sum(values), len(values)])
    assert "for key 'a'" in message
    message = failing(lambda self, key, values: str(sum(map(int, values))))
    assert "returns what reduce cannot read: TypeError(" in message


def test_a_tuple_that_reduce_takes_for_a_tuple_is_found() -> None:
    def reduce(self: Any, key: Any, values: Iterable[Any]) -> Any:
        yield key, sum(value[0] if isinstance(value, tuple) else value for value in values)

    def combine(self: Any, key: Any, values: list[Any]) -> Any:
        return (sum(value[0] if isinstance(value, tuple) else value for value in values),)

    assert "TypeError" in failing(combine, reduce=reduce)


def test_keys_that_json_makes_texts_are_found() -> None:
    class Histogram(Collect):
        def map(self, record: Any) -> Any:
            for key, value in super().map(record):
                yield key, [value]

        def combine(self, key: Any, values: list[Any]) -> Any:
            items = [item for value in values for item in (value if type(value) is list else value.items())]
            counts: dict[Any, int] = {}
            for item in items:
                number, count = item if type(item) is tuple else (item, 1)
                counts[number] = counts.get(number, 0) + count
            return counts

        def reduce(self, key: Any, values: Iterable[Any]) -> Any:
            yield key, sorted(self.combine(key, list(values)).items(), key=str)

    with pytest.raises(AssertionError, match="changes the result"):
        check_combiner(Histogram(), NUMBERS)


def test_a_combine_that_changes_its_values_is_found() -> None:
    def extend(self: Any, key: Any, values: list[Any]) -> Any:
        for value in values[1:]:
            values[0].extend(value)
        return values[0]

    message = failing(extend, base=Concatenated)
    assert message.startswith("combine of Wrong changes the values that it gets, for key 'a'\n")
    # What it was given is shown as it was.
    assert "  values       [[5], [3], [1], [11], [2]]\n" in message

    def pop(self: Any, key: Any, values: list[int]) -> int:
        total = 0
        while values:
            total += values.pop()
        return total

    assert "changes the values" in failing(pop)


@pytest.mark.parametrize(
    "wrong",
    [{1, 2}, object(), math.nan, math.inf, iter([1]), b"1"],
    ids=["set", "object", "nan", "inf", "iterator", "bytes"],
)
def test_a_result_that_json_cannot_say_is_found(wrong: Any) -> None:
    message = failing(lambda self, key, values: wrong)
    assert message.startswith("combine of Wrong returns what JSON cannot say (")
    assert f"  returns      {wrong!r}" in message


def test_a_combine_that_raises_is_found() -> None:
    def fussy(self: Any, key: Any, values: list[int]) -> int:
        if len(values) < 3:
            raise ValueError("too few")
        return sum(values)

    message = failing(fussy)
    assert message.startswith("combine of Wrong raises ValueError('too few'), for key 'a'\n")
    assert "combined as  combine(" in message


def test_a_whole_number_that_becomes_a_fraction_is_a_difference() -> None:
    message = failing(lambda self, key, values: float(sum(values)))
    assert "  rows         [('a', 22.0)]\n  instead of   [('a', 22)]" in message


def test_a_wrong_combine_of_one_key_of_a_group_is_found() -> None:
    samples = [["t", f"s{row % 3}", row] for row in range(12)]
    message = failing(lambda self, key, values: values[0], samples, PerSource)
    assert "for key ('t', 's0')" in message
    assert "'s1': 22" in message


# What is said


def test_the_message_shows_values_how_they_were_combined_and_both_results() -> None:
    samples = [["k", 1], ["k", 2], ["k", 6]]
    message = failing(lambda self, key, values: mean(values), samples, reduce=rows_of(mean))
    lines = [line.split(maxsplit=1) for line in message.splitlines()]
    assert message.splitlines()[0] == "combine of Wrong changes the result, for key 'k'"
    assert "  values       [1, 2, 6]" in message
    assert "  instead of   [('k', 3.0)]" in message
    ways = {
        "[combine(combine(1, 2), 6)]": 3.75,
        "[combine(1, 2), 6]": 3.75,
        "[combine(1, combine(2, 6))]": 2.5,
        "[1, combine(2, 6)]": 2.5,
    }
    shown = next(way for way in ways if f"  combined as  {way}\n" in message)
    assert f"  rows         [('k', {ways[shown]})]" in message
    assert [words[0] for words in lines] == ["combine", "values", "combined", "reduce", "rows", "instead"]


def test_long_values_are_cut() -> None:
    message = failing(lambda self, key, values: [], [["k", ["x" * 9000]]] * 3, Concatenated)
    assert len(message) < 15_000
    assert "..." in message


def test_the_same_check_says_the_same() -> None:
    one, other = (failing(lambda self, key, values: median(values)) for _ in range(2))
    assert one == other


# What cannot be checked


def test_a_job_without_a_combine_is_refused() -> None:
    with pytest.raises(ValueError, match="Collect has no combine; there is nothing to check"):
        check_combiner(Collect(), NUMBERS)


@pytest.mark.parametrize("samples", [[], NUMBERS[:2], {"": NUMBERS[:1]}])
def test_samples_without_two_values_of_a_key_are_refused(samples: Any) -> None:
    with pytest.raises(
        ValueError, match="no key of the samples has two values for Total to combine; give more"
    ):
        check_combiner(Total(), samples)


def test_what_is_wrong_with_map_or_reduce_is_raised_as_it_is() -> None:
    class BadMap(Total):
        def map(self, record: Any) -> Any:
            raise BadRecord("no such record")

    class BadReduce(Total):
        def reduce(self, key: Any, values: Iterable[int]) -> Any:
            raise ZeroDivisionError("reduce fails")

    with pytest.raises(BadRecord, match="no such record"):
        check_combiner(BadMap(), NUMBERS)
    with pytest.raises(ZeroDivisionError):
        check_combiner(BadReduce(), NUMBERS)

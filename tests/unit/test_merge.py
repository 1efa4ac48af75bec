import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.errors import BadKey
from mapreduce.merge import Largest, by_group, merge
from mapreduce.segments import Group


def streams(sort: bool = True) -> st.SearchStrategy[list[list[Group]]]:
    """Streams sorted by key, in which a key may have several groups."""
    pairs = st.tuples(st.integers(0, 6), st.lists(st.integers(), min_size=1, max_size=3))
    return st.lists(
        st.lists(pairs, max_size=8).map(lambda some: sorted(some, key=lambda group: group[0])),
        min_size=1,
        max_size=5,
    )


def merged(some: Iterable[list[Group]], **options: Any) -> list[Group]:
    return [(key, list(values)) for key, values in merge([iter(stream) for stream in some], **options)]


@given(streams())
def test_each_key_comes_once_in_order_with_its_values_by_stream_and_position(some: list[list[Group]]) -> None:
    keys = sorted({key for stream in some for key, _ in stream})
    assert merged(some) == [
        (key, [value for stream in some for other, values in stream if other == key for value in values])
        for key in keys
    ]


@given(streams())
def test_descending_streams_are_merged_in_descending_order(some: list[list[Group]]) -> None:
    reversed_ = [sorted(stream, key=lambda group: -group[0]) for stream in some]
    assert merged(reversed_, descending=True) == merged(some)[::-1]


@given(streams(), st.booleans(), st.booleans())
def test_the_largest_key_is_found_whether_or_not_its_values_are_used(
    some: list[list[Group]], used: bool, descending: bool
) -> None:
    largest = Largest()
    streams = [iter(sorted(stream, key=lambda group: group[0], reverse=descending)) for stream in some]
    for _, values in merge(streams, descending=descending, largest=largest):
        if used:
            list(values)
    counts = {key: len(values) for key, values in merged(some)}
    first = max(counts, key=lambda key: (counts[key], key if descending else -key), default=None)
    assert (largest.key, largest.values) == (first, counts.get(first or 0, 0))


@given(streams())
def test_the_largest_group_is_found(some: list[list[Group]]) -> None:
    largest = Largest(lambda key: key // 2)
    found = by_group(merge([iter(stream) for stream in some], largest=largest), lambda key: key // 2)
    counts = {group: len(list(values)) for group, values in found}
    first = max(counts, key=lambda group: (counts[group], -group), default=None)
    assert (largest.key, largest.values) == (first, counts.get(first or 0, 0))


def test_what_has_as_many_values_as_a_key_can_have_is_the_largest_and_the_rest_still_comes() -> None:
    some: list[list[Group]] = [[(key, [key]) for key in (1, 2, 4)], [(key, [-key]) for key in (2, 3, 4)]]
    largest = Largest(most=2)
    assert merged(some, largest=largest) == [(1, [1]), (2, [2, -2]), (3, [-3]), (4, [4, -4])]
    assert (largest.key, largest.values) == (2, 2)


@given(streams())
def test_a_group_comes_once_with_the_values_of_its_keys_in_their_order(some: list[list[Group]]) -> None:
    found = by_group(merge([iter(stream) for stream in some]), lambda key: key // 3)
    expected: dict[int, list[Any]] = {}
    for key, values in merged(some):
        expected.setdefault(key // 3, []).extend(values)
    assert [(group, list(values)) for group, values in found] == list(expected.items())


def test_a_group_whose_values_nobody_looks_at_is_passed_over() -> None:
    found = by_group(merge([iter([(1, [1]), (2, [2]), (5, [5])]), iter([(2, [3])])]), lambda key: key // 3)
    assert [group for group, _ in found] == [0, 1]


@given(streams())
def test_values_that_nobody_looks_at_are_passed_over(some: list[list[Group]]) -> None:
    assert [key for key, _ in merge([iter(stream) for stream in some])] == [key for key, _ in merged(some)]


def test_merging_nothing_gives_nothing() -> None:
    assert merged([[]]) == []
    assert merged([[], []]) == []


def test_equal_keys_are_one_key_whatever_their_type() -> None:
    assert merged([[(1, ["int"])], [(1.0, ["float"])]]) == [(1, ["int", "float"])]


@pytest.mark.parametrize(
    "some",
    [
        [[("a", [1])], [(1, [1])]],
        [[((1, "x"), [1]), ((2, "x"), [1])], [((2, 5), [1])]],  # comparable until the first is through
        [[("a", [1])], [("b", [1])], [("a", [1]), (2, [1])]],
    ],
)
@pytest.mark.parametrize("largest", [None, Largest()])
def test_keys_of_several_kinds_are_an_error_of_their_own(
    some: list[list[Group]], largest: Largest | None
) -> None:
    with pytest.raises(BadKey, match="a job's keys must be of one kind, to be sorted: '<' not supported"):
        merged(some, largest=largest)


def test_an_error_of_who_uses_the_values_is_no_error_of_the_keys() -> None:
    _, values = next(merge([iter([("a", [1, "x"])]), iter([])]))
    with pytest.raises(TypeError, match="not supported between instances"):
        max(values)


def test_an_error_of_a_stream_comes_through() -> None:
    def broken() -> Iterator[Group]:
        yield "a", [1]
        raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        merged([list[Any]([("b", [1])]), broken()])  # type: ignore[list-item]


def test_streams_are_read_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[Group]:
        nonlocal taken
        while taken < sys.maxsize:
            taken += 1
            yield taken, [taken]

    found = merge([endless(), iter([(3, ["other"])])])
    assert [(key, list(values)) for key, values in (next(found) for _ in range(3))][-1] == (3, [3, "other"])
    assert taken <= 5

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.errors import BadKey
from mapreduce.merge import merge
from mapreduce.segments import Group


def streams(sort: bool = True) -> st.SearchStrategy[list[list[Group]]]:
    """Streams sorted by key, in which a key may have several groups."""
    pairs = st.tuples(st.integers(0, 6), st.lists(st.integers(), min_size=1, max_size=3))
    return st.lists(
        st.lists(pairs, max_size=8).map(lambda some: sorted(some, key=lambda group: group[0])),
        min_size=1,
        max_size=5,
    )


def merged(some: Iterable[list[Group]]) -> list[Group]:
    return [(key, list(values)) for key, values in merge([iter(stream) for stream in some])]


@given(streams())
def test_each_key_comes_once_in_order_with_its_values_by_stream_and_position(some: list[list[Group]]) -> None:
    keys = sorted({key for stream in some for key, _ in stream})
    assert merged(some) == [
        (key, [value for stream in some for other, values in stream if other == key for value in values])
        for key in keys
    ]


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
def test_keys_of_several_kinds_are_an_error_of_their_own(some: list[list[Group]]) -> None:
    with pytest.raises(BadKey, match="a job's keys must be of one kind, to be sorted: '<' not supported"):
        merged(some)


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

"""Partitioners by themselves: which share of some groups each partition gets."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce import Job
from mapreduce.errors import BadKey
from mapreduce.keys import partition_of
from mapreduce.partitioning import Boundary, HashPartitioner, Partitioner, RangePartitioner, Share
from tests.unit.sample_jobs import Grouped, GroupedAcross, GroupedByTwo, Ordered, Sorted

words = st.text("ab한", max_size=2)
pairs = st.tuples(words, st.integers(0, 3))


def shares(partitioner: Partitioner, counts: dict[Any, int], turn: int = 0) -> list[Share]:
    """Return all partitions' shares of groups with so many values."""
    found = list(partitioner.shares(counts, counts.__getitem__, turn))
    assert len(found) == partitioner.partitions
    return found


def values_in(share: Share, counts: dict[Any, int]) -> dict[Any, range]:
    """Return which values of each key a partition gets."""
    return {key: range(counts[key])[share.slices.get(key, slice(None))] for key in share.keys}


def keys_of(partitioner: Partitioner, *keys: Any) -> list[list[Any]]:
    found = shares(partitioner, dict.fromkeys(keys, 1))
    assert not any(share.slices for share in found)
    return [share.keys for share in found]


# By hash


@given(st.sets(words), st.integers(1, 5), st.booleans())
def test_a_hash_says_the_partition_and_keys_are_in_order(
    keys: set[str], partitions: int, descending: bool
) -> None:
    found = keys_of(HashPartitioner(Ordered(descending=descending), partitions), *keys)
    assert found == [
        sorted((key for key in keys if partition_of(key, partitions) == part), reverse=descending)
        for part in range(partitions)
    ]


@pytest.mark.parametrize(("job", "fields"), [(Grouped(), 1), (GroupedByTwo(), 2)])
def test_a_group_is_in_one_partition_by_the_hash_of_what_reduce_gets(job: Job, fields: int) -> None:
    keys = [(group, number // 2, number) for group in "abcdef" for number in range(4)]
    for part, found in enumerate(keys_of(HashPartitioner(job, 3), *keys)):
        assert found == [
            key for key in keys if partition_of(key[0] if fields == 1 else key[:fields], 3) == part
        ]


# By ranges


def test_a_boundary_is_the_last_key_of_its_partition() -> None:
    partitioner = RangePartitioner(Ordered(), [Boundary("b"), Boundary("d")], 3)
    assert keys_of(partitioner, "e", "d", "da", "b", "ba", "a") == [["a", "b"], ["ba", "d"], ["da", "e"]]
    down = RangePartitioner(Ordered(descending=True), [Boundary("d"), Boundary("b")], 3)
    assert keys_of(down, "e", "d", "da", "b", "ba", "a") == [["e", "da", "d"], ["ba", "b"], ["a"]]


@pytest.mark.parametrize("job", [Ordered(), Ordered(descending=True), Sorted()])
@given(keys=st.sets(words), ends=st.lists(words, max_size=4), more=st.integers(1, 3))
def test_partitions_follow_one_another_and_have_all_keys(
    job: Job, keys: set[str], ends: list[str], more: int
) -> None:
    ends = sorted(ends, reverse=job.descending)
    partitioner = RangePartitioner(job, [Boundary(end) for end in ends], len(ends) + more)
    found = keys_of(partitioner, *keys)
    assert [key for some in found for key in some] == sorted(keys, reverse=job.descending)
    for key in keys:
        before = [end for end in ends if (end > key if job.descending else end < key)]
        assert key in found[len(before)]


def test_without_boundaries_all_is_in_the_first_partition() -> None:
    assert keys_of(RangePartitioner(Ordered(), [], 3), 2, 1, 3) == [[1, 2, 3], [], []]


@pytest.mark.parametrize("job", [Grouped(), Grouped(descending=True)])
@given(keys=st.sets(pairs), end=words)
def test_a_range_does_not_tear_a_group(job: Job, keys: set[tuple[str, int]], end: str) -> None:
    first, second = keys_of(RangePartitioner(job, [Boundary(end)], 2), *keys)
    assert {key[0] for key in first}.isdisjoint({key[0] for key in second})
    assert first + second == sorted(keys, reverse=job.descending)
    assert all(group >= end if job.descending else group <= end for group, _ in first)


def test_a_range_tears_a_group_where_the_job_says_it_may() -> None:
    partitioner = RangePartitioner(GroupedAcross(), [Boundary(("a", 1))], 2)
    assert keys_of(partitioner, ("a", 2), ("a", 1), ("b", 0)) == [[("a", 1)], [("a", 2), ("b", 0)]]


def test_keys_that_cannot_be_compared_with_boundaries_are_an_error_of_the_job() -> None:
    with pytest.raises(BadKey, match="a job's keys must be of one kind, to be sorted: '<' not supported"):
        keys_of(RangePartitioner(Ordered(), [Boundary(1)], 2), "a", "b")


# Keys that fill several partitions


def test_the_values_of_a_key_are_dealt_by_their_position() -> None:
    ends = [Boundary("k", 0.25), Boundary("k", 0.75), Boundary("z")]
    counts = {"a": 2, "k": 100, "m": 3, "zz": 1}
    found = shares(RangePartitioner(Sorted(), ends, 4), counts)
    assert [values_in(share, counts) for share in found] == [
        {"a": range(2), "k": range(25)},
        {"k": range(25, 75)},
        {"k": range(75, 100), "m": range(3)},
        {"zz": range(1)},
    ]


fractions = st.lists(st.floats(0.01, 1), min_size=1, max_size=4).map(sorted)


@given(
    counts=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 40), max_size=4),
    key=st.sampled_from("abcd"),
    fractions=fractions,
    descending=st.booleans(),
    task=st.integers(0, 9),
    turn=st.integers(0, 3),
)
def test_each_value_is_in_one_partition_in_order_and_fractions_are_kept_to(
    counts: dict[str, int], key: str, fractions: list[float], descending: bool, task: int, turn: int
) -> None:
    ends = [Boundary(key, fraction) for fraction in fractions]
    partitioner = RangePartitioner(Sorted(descending=descending), ends, len(ends) + 1, task)
    found = shares(partitioner, counts, turn)
    dealt = [
        (other, value)
        for share in found
        for other, values in values_in(share, counts).items()
        for value in values
    ]
    in_order = sorted(counts, reverse=descending)
    assert dealt == [(other, value) for other in in_order for value in range(counts[other])]
    assert all(values for share in found for values in values_in(share, counts).values())
    before = 0
    for share, fraction in zip(found, fractions, strict=False):
        before += len(values_in(share, counts).get(key, ()))
        assert abs(before - fraction * counts.get(key, 0)) <= 1


def test_tasks_and_spills_with_one_value_of_a_key_do_not_all_favour_the_same_partition() -> None:
    ends = [Boundary("k", 0.2), Boundary("k", 0.5), Boundary("k", 0.9)]
    dealt: Counter[int] = Counter()
    for task in range(1000):
        for part, share in enumerate(shares(RangePartitioner(Sorted(), ends, 4, task), {"k": 1})):
            dealt[part] += len(share.keys)
    for part, expected in enumerate((200, 300, 400, 100)):
        assert abs(dealt[part] - expected) < 5
    turns = [
        next(
            part
            for part, share in enumerate(shares(RangePartitioner(Sorted(), ends, 4), {"k": 1}, turn))
            if share.keys
        )
        for turn in range(20)
    ]
    assert set(turns) == {0, 1, 2, 3}


def test_a_key_that_is_not_there_is_dealt_nowhere() -> None:
    ends = [Boundary("k", 0.3), Boundary("k", 1.0)]
    found = keys_of(RangePartitioner(Sorted(), ends, 3), "a", "z")
    assert found == [["a"], [], ["z"]]

import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.errors import BadKey
from mapreduce.keys import check_key, decode_key, encode_key, partition_of, sort_keys

scalars = st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
keys = scalars | st.lists(scalars, min_size=1, max_size=3).map(tuple)


@pytest.mark.parametrize("key", ["", "a", 0, -1, 1.5, 10**30, ("a",), ("a", 1, 2.5), "\ud800"])
def test_strings_numbers_and_tuples_of_them_are_keys(key: Any) -> None:
    check_key(key)


@pytest.mark.parametrize(
    "key",
    [
        None, True, False, math.nan, math.inf, -math.inf, [], ["a"], {}, {"a": 1}, {1}, b"a", (), 1j,
        ("a", None), ("a", True), ("a", math.nan), ("a", ("b",)), ("a", ["b"]),
    ],
)  # fmt: skip
def test_anything_else_is_refused_as_a_key(key: Any) -> None:
    with pytest.raises(BadKey, match="a key is a string, a finite number or a tuple of them, not "):
        check_key(key)


# These never change: a job that began with one version of the functions may end with the next one.
@pytest.mark.parametrize(
    ("key", "of_1000", "of_7"),
    [
        ("", 952, 3),
        ("a", 16, 4),
        ("한글", 692, 6),
        ("1", 339, 4),
        (1, 910, 2),
        (0, 789, 2),
        (1.5, 893, 6),
        (10**20, 28, 1),
        (("a", 1), 812, 0),
        (("a",), 549, 2),
        ('["a"]', 499, 4),
        ("\ud800", 640, 4),
    ],
)
def test_the_partition_of_a_key_never_changes(key: Any, of_1000: int, of_7: int) -> None:
    assert (partition_of(key, 1000), partition_of(key, 7), partition_of(key, 1)) == (of_1000, of_7, 0)


def test_the_partition_of_a_key_is_the_same_in_every_process() -> None:
    functions = Path(__file__).parents[2] / "functions"
    code = "from mapreduce.keys import partition_of; print([partition_of(k, 999) for k in ('x', ('y', 1.0))])"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": str(functions), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{[partition_of('x', 999), partition_of(('y', 1), 999)]}\n"}


@pytest.mark.parametrize(
    ("key", "equal"),
    [(1, 1.0), (0, -0.0), (10**20, 1e20), (-3, -3.0), (("a", 2), ("a", 2.0)), (2**53, 2.0**53)],
)
def test_equal_keys_are_in_one_partition(key: Any, equal: Any) -> None:
    assert key == equal
    assert encode_key(key) == encode_key(equal)
    assert partition_of(key, 1 << 40) == partition_of(equal, 1 << 40)


@given(keys, keys)
def test_only_equal_keys_have_the_same_text(one: Any, other: Any) -> None:
    assert (encode_key(one) == encode_key(other)) == (one == other)


@given(keys, st.integers(1, 2000))
def test_a_partition_is_one_of_those_asked_for(key: Any, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


def test_keys_spread_evenly_over_partitions() -> None:
    counts = Counter(partition_of(f"key {number}", 10) for number in range(10_000))
    assert len(counts) == 10
    assert max(counts.values()) < 1.15 * min(counts.values())


def test_keys_are_sorted() -> None:
    assert sort_keys(["b", "", "한", "a"]) == ["", "a", "b", "한"]
    assert sort_keys([10, 9.5, -1]) == [-1, 9.5, 10]
    assert sort_keys([("a", 2), ("a", 1), ("a",)]) == [("a",), ("a", 1), ("a", 2)]
    assert sort_keys([("a", 2), ("b", 1), ("a",)], descending=True) == [("b", 1), ("a", 2), ("a",)]


@pytest.mark.parametrize("some", [["a", 1], [("a",), "a"], [("a", 1), ("a", "b")]])
def test_keys_of_several_kinds_cannot_be_sorted(some: list[Any]) -> None:
    with pytest.raises(BadKey, match="a job's keys must be of one kind"):
        sort_keys(some)


@pytest.mark.parametrize(("value", "key"), [(["a", 1], ("a", 1)), ("a", "a"), (1, 1), (1.5, 1.5)])
def test_a_tuple_comes_back_from_json_as_a_tuple(value: Any, key: Any) -> None:
    assert decode_key(value) == key

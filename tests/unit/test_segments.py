import contextlib
import io
import itertools
import json
import math
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapreduce import segments
from mapreduce.errors import BadValue, CorruptSegment
from mapreduce.segmented import MAGIC, TAIL_BYTES, TRAILER
from mapreduce.segments import Group, SegmentedObject, SegmentWriter
from mapreduce.zstd import decompress

FunctionScoped = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.text(max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
keys = scalars | st.lists(scalars, min_size=1, max_size=3).map(tuple)
values = st.recursive(
    st.none() | st.booleans() | scalars,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=3),
    max_leaves=4,
)
groups = st.tuples(keys, st.lists(values, min_size=1, max_size=4))


def written(some: list[list[Group]]) -> bytes:
    sink = io.BytesIO()
    writer = SegmentWriter(sink)
    for segment in some:
        for key, values in segment:
            writer.add(key, values)
        writer.end_segment()
    assert writer.finish() == sum(len(values) for segment in some for _, values in segment)
    return sink.getvalue()


def opened(data: bytes, tail_bytes: int = TAIL_BYTES) -> SegmentedObject:
    return SegmentedObject(
        lambda start, stop: data[start:stop], data[-tail_bytes:], len(data), "s3://bucket/segments"
    )


def read(
    data: bytes, pool: ThreadPoolExecutor, tail_bytes: int = TAIL_BYTES, chunk_bytes: int = 1 << 20
) -> list[list[Group]]:
    source = opened(data, tail_bytes)
    return [
        [(key, list(values)) for key, values in source.groups(number, chunk_bytes, pool)]
        for number in range(len(source.segments))
    ]


def joined(some: list[Group]) -> list[Group]:
    """Join neighbours of one key: a key with many values has several groups."""
    return [
        (key, [value for _, values in groups for value in values])
        for key, groups in itertools.groupby(some, key=lambda group: group[0])
    ]


def frames(data: bytes) -> list[bytes]:
    """Decompress every frame of an object of segments."""
    (length, _) = TRAILER.unpack(data[-TRAILER.size :])
    rest, found = data[: -TRAILER.size - length], []
    while rest:
        size = int.from_bytes(rest[:4], "big")
        found.append(decompress(rest[4 : 4 + size]))
        rest = rest[4 + size :]
    return found


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FRAME_BYTES", 150)
    monkeypatch.setattr(segments, "FRAME_VALUES", 5)
    monkeypatch.setattr(segments, "FIRST_FRAME_VALUES", 3)


@FunctionScoped
@given(
    some=st.lists(st.lists(groups, max_size=8), max_size=5),
    tail_bytes=st.integers(TRAILER.size, 600),
    chunk_bytes=st.integers(1, 300),
)
def test_groups_come_back_as_they_were_written(
    small_frames: None,
    pool: ThreadPoolExecutor,
    some: list[list[Group]],
    tail_bytes: int,
    chunk_bytes: int,
) -> None:
    found = read(written(some), pool, tail_bytes, chunk_bytes)
    assert [joined(segment) for segment in found] == [joined(segment) for segment in some]


@pytest.mark.parametrize("key", [1.0, 1, -0.0, "1", ("1", 1.0), 10**30, 1e300, "\ud800\n\0", "한"])
def test_keys_keep_their_type(key: Any, pool: ThreadPoolExecutor) -> None:
    ((found,),) = read(written([[(key, [0])]]), pool)
    assert repr(found[0]) == repr(key)


def test_keys_keep_their_types_beside_each_other(pool: ThreadPoolExecutor) -> None:
    some: list[list[Group]] = [[(1, [1]), (1.5, [2.0])], [((1,), [None]), ((1, "a"), [True])]]
    assert repr(read(written(some), pool)) == repr(some)


@FunctionScoped
@given(some=st.lists(st.tuples(keys, values), max_size=30), before=st.lists(groups, max_size=3))
def test_groups_of_one_value_are_the_same_bytes_however_they_are_added(
    small_frames: None, some: list[tuple[Any, Any]], before: list[Group]
) -> None:
    one_by_one, together = io.BytesIO(), io.BytesIO()
    first, second = SegmentWriter(one_by_one), SegmentWriter(together)
    for writer in (first, second):
        for key, values in before:
            writer.add(key, iter(values))
    for key, value in some:
        first.add(key, [value])
    second.add_singles([key for key, _ in some], [value for _, value in some])
    for writer in (first, second):
        writer.end_segment()
        writer.finish()
    assert one_by_one.getvalue() == together.getvalue()


def test_a_value_comes_back_as_json_has_it(pool: ThreadPoolExecutor) -> None:
    value = {"a": (1, None, True), 2: "\ud800"}
    assert read(written([[("key", [value])]]), pool) == [[("key", [{"a": [1, None, True], "2": "\ud800"}])]]


def test_the_same_groups_are_the_same_bytes() -> None:
    some: list[list[Group]] = [[(number, ["x" * number]) for number in range(500)], []]
    assert written(some) == written(some)


def test_there_may_be_a_thousand_partitions_most_of_them_empty(pool: ThreadPoolExecutor) -> None:
    some: list[list[Group]] = [[("key", [number])] if number % 100 == 7 else [] for number in range(1000)]
    found = read(written(some), pool)
    assert found == some


def test_the_index_of_a_thousand_partitions_is_in_the_tail() -> None:
    some: list[list[Group]] = [
        [(f"{partition} {key}", [1] * 50) for key in range(40)] for partition in range(1000)
    ]
    data = written(some)

    def no_other_request(start: int, stop: int) -> bytes:
        raise AssertionError(f"bytes {start} to {stop} are not in the tail")

    source = SegmentedObject(no_other_request, data[-TAIL_BYTES:], len(data), "s3://bucket/segments")
    assert [segment.records for segment in source.segments] == [2000] * 1000


def test_the_index_says_how_many_values_a_segment_holds() -> None:
    source = opened(written([[("a", [1, 2]), ("b", [3])], [], [("c", [4] * 1000)]]))
    assert [segment.records for segment in source.segments] == [3, 0, 1000]


def test_a_key_with_many_values_makes_no_large_frame(pool: ThreadPoolExecutor) -> None:
    data = written([[("hot", list(range(500_000)))]])
    assert max(map(len, frames(data))) < 300_000  # of about 3.4 MB
    assert joined(read(data, pool)[0]) == [("hot", list(range(500_000)))]


@pytest.mark.parametrize("size", [10, 1000, 100_000])
def test_frames_are_of_one_size_however_large_values_are(size: int, pool: ThreadPoolExecutor) -> None:
    numbers = random.Random(size)
    some: list[list[Group]] = [
        [(number, ["x" * numbers.randrange(1, 2 * size)]) for number in range(200 + 1_000_000 // size)]
    ]
    data = written(some)
    sizes = sorted(map(len, frames(data)))
    assert sizes[len(sizes) // 2] < 2 * max(segments.FRAME_BYTES, size)
    assert sizes[-1] < segments.FIRST_FRAME_VALUES * 2 * size + 5 * segments.FRAME_BYTES
    assert read(data, pool) == some


def test_a_segment_is_fetched_a_chunk_at_a_time(pool: ThreadPoolExecutor) -> None:
    data = written([[(f"{number:06} {hash(number * 1.1)}", [number]) for number in range(50_000)]])
    asked: list[tuple[int, int]] = []

    def fetch(start: int, stop: int) -> bytes:
        asked.append((start, stop))
        return data[start:stop]

    source = SegmentedObject(fetch, data[-TAIL_BYTES:], len(data), "s3://bucket/segments")
    stream = source.groups(0, 10_000, pool)
    next(stream)
    assert len(asked) < 15  # as many as one frame takes, and one ahead
    assert sum(1 for _ in stream) == 49_999
    assert all(stop - start <= 10_000 for start, stop in asked)


# Values that JSON cannot say


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, {1, 2}, b"bytes", object(), {(1, 2): 3}, [1, [math.nan]]]
)
def test_a_value_that_json_cannot_say_is_named_by_its_key(value: Any) -> None:
    with pytest.raises(BadValue, match=r"a value of key \('a', 1\) is nothing that JSON can say"):
        written([[("fine", [1]), (("a", 1), [1, value]), ("z", [2])]])


def test_a_value_that_holds_itself_is_named_by_its_key() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(BadValue, match="a value of key 'loop'"):
        written([[("loop", [value])]])


# Damage

DATA = written([[("a", [1]), ("b", ["x"])], [("c", [2]), ("d", ["y"])], [], [("e", [3]), ("f", ["z"])]])


@pytest.mark.parametrize(
    "change", [lambda old: old ^ 1, lambda old: old ^ 0x0C, lambda old: old ^ 0xFF, lambda old: ord("0")]
)
@pytest.mark.parametrize("tail_bytes", [TRAILER.size, TAIL_BYTES])
def test_a_changed_byte_is_noticed_or_changes_nothing(
    change: Callable[[int], int], tail_bytes: int, pool: ThreadPoolExecutor
) -> None:
    intact = read(DATA, pool)
    for place in range(len(DATA)):
        damaged = bytearray(DATA)
        damaged[place] = change(damaged[place])
        with contextlib.suppress(CorruptSegment):
            assert read(bytes(damaged), pool, tail_bytes) == intact


@pytest.mark.parametrize("place", [10, len(DATA) - 30, len(DATA) - 1], ids=["frame", "index", "trailer"])
def test_damage_is_told_with_the_object(place: int, pool: ThreadPoolExecutor) -> None:
    damaged = bytearray(DATA)
    damaged[place] ^= 0xFF
    with pytest.raises(CorruptSegment, match="s3://bucket/segments: "):
        read(bytes(damaged), pool)


def test_any_digit_of_the_index_is_guarded(pool: ThreadPoolExecutor) -> None:
    # Segments of one length and one number of values: a wrong offset would read another one in full.
    data = written([[(f"key {number}", [number])] for number in range(10)])
    intact = read(data, pool)
    length, _ = TRAILER.unpack(data[-TRAILER.size :])
    for place in range(len(data) - TRAILER.size - length, len(data) - TRAILER.size):
        for other in b"0123456789 -.,[]":
            damaged = bytearray(data)
            damaged[place] = other
            with contextlib.suppress(CorruptSegment):
                assert read(bytes(damaged), pool) == intact


@pytest.mark.parametrize("length", [0, 1, 7, 8, TRAILER.size, len(DATA) // 2, len(DATA) - 1])
def test_an_object_that_is_cut_short_is_noticed(length: int, pool: ThreadPoolExecutor) -> None:
    with pytest.raises(CorruptSegment, match="s3://bucket/segments: not an object of segments"):
        read(DATA[:length], pool)


def test_values_that_are_fewer_than_the_index_says_are_noticed(pool: ThreadPoolExecutor) -> None:
    length, _ = TRAILER.unpack(DATA[-TRAILER.size :])
    body = DATA[: -TRAILER.size - length]
    index = json.loads(DATA[len(body) : -TRAILER.size])
    index["segments"][1][2] += 1
    changed = json.dumps(index).encode()
    data = body + changed + TRAILER.pack(len(changed), MAGIC)
    with pytest.raises(CorruptSegment, match="segment 1 holds 2 values, its index says 3"):
        read(data, pool)

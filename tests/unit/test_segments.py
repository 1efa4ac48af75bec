import io
import itertools
import math
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapreduce import segments
from mapreduce.errors import BadValue, CorruptSegment
from mapreduce.segmented import TAIL_BYTES, TRAILER, Segment, pack_index, read_index
from mapreduce.segments import FRAME_HEADER, FRAMES, Group, SegmentedObject, SegmentWriter
from mapreduce.storage import Range
from mapreduce.zstd import ZstdDecompressor

URL = "s3://bucket/segments"
FunctionScoped = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.text(max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
keys = scalars | st.lists(scalars, min_size=1, max_size=3).map(tuple)
values = st.recursive(
    st.none() | st.booleans() | scalars,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=3),
    max_leaves=4,
)
groups = st.tuples(keys, st.lists(values, min_size=1, max_size=4))


def written(some: list[list[Group]], url: str = URL) -> bytes:
    sink = io.BytesIO()
    writer = SegmentWriter(sink, url)
    for segment in some:
        for key, values in segment:
            writer.add(key, values)
        writer.end_segment()
    assert writer.finish() == sum(len(values) for segment in some for _, values in segment)
    return sink.getvalue()


def opened(data: bytes, tail_bytes: int = TAIL_BYTES) -> SegmentedObject:
    return SegmentedObject(lambda start, stop: data[start:stop], data[-tail_bytes:], len(data), URL)


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
    rest, found = body_of(data), []
    while rest:
        length, _ = FRAME_HEADER.unpack(rest[: FRAME_HEADER.size])
        stop = FRAME_HEADER.size + length
        found.append(ZstdDecompressor().decompress(rest[FRAME_HEADER.size : stop]))
        rest = rest[stop:]
    return found


def body_of(data: bytes) -> bytes:
    """Return an object's segments, without the index."""
    length, *_ = TRAILER.unpack(data[-TRAILER.size :])
    return data[: -TRAILER.size - length]


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
    first, second = SegmentWriter(one_by_one, URL), SegmentWriter(together, URL)
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

    source = SegmentedObject(no_other_request, data[-TAIL_BYTES:], len(data), URL)
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

    source = SegmentedObject(fetch, data[-TAIL_BYTES:], len(data), URL)
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


@pytest.mark.parametrize("tail_bytes", [TRAILER.size, TAIL_BYTES])
def test_any_flipped_bit_is_noticed(tail_bytes: int, pool: ThreadPoolExecutor) -> None:
    for place, bit in itertools.product(range(len(DATA)), range(8)):
        damaged = bytearray(DATA)
        damaged[place] ^= 1 << bit
        with pytest.raises(CorruptSegment, match=f"^{URL}: "):
            read(bytes(damaged), pool, tail_bytes)


def test_an_object_that_is_cut_short_is_noticed(pool: ThreadPoolExecutor) -> None:
    for length in range(len(DATA)):
        with pytest.raises(CorruptSegment, match=f"^{URL}: not an object of segments"):
            read(DATA[:length], pool)


def test_another_object_in_its_place_is_noticed(pool: ThreadPoolExecutor) -> None:
    """It has as many segments and records, and all of its checksums are right."""
    other = written([[("a", [1])]], "s3://bucket/other")
    with pytest.raises(CorruptSegment, match=f"^{URL}: its index is damaged, or is that of another object"):
        read(other, pool)


def test_the_segments_of_another_object_are_noticed(pool: ThreadPoolExecutor) -> None:
    own, other = written([[("a", [1])]]), written([[("a", [2])]], "s3://bucket/other")
    assert len(own) == len(other)
    with pytest.raises(CorruptSegment, match=f"^{URL}: segment 0 is damaged, or is another one"):
        read(body_of(other) + own[len(body_of(own)) :], pool)


def test_segments_in_each_other_s_place_are_noticed(pool: ThreadPoolExecutor) -> None:
    data = written([[("a", [1])], [("b", [1])]])
    first, second = (data[one.offset :][: one.length] for one in opened(data).segments)
    assert len(first) == len(second)
    with pytest.raises(CorruptSegment, match=f"^{URL}: segment 0 is damaged, or is another one"):
        read(second + first + data[len(first + second) :], pool)


def test_frames_in_each_other_s_place_are_noticed(small_frames: None, pool: ThreadPoolExecutor) -> None:
    data = written([[("a", [1] * 3), ("b", [1] * 3)]])
    body = body_of(data)
    first, second = body[: len(body) // 2], body[len(body) // 2 :]
    assert len(frames(first + data[len(body) :])) == 1, "the frames are of one length"
    with pytest.raises(CorruptSegment, match=f"^{URL}: segment 0 is damaged, or is another one"):
        read(second + first + data[len(body) :], pool)


def with_index(data: bytes, segments: list[Segment], notes: dict[str, Any]) -> bytes:
    body = body_of(data)
    return body + pack_index(URL, segments, notes)


def index_of(data: bytes) -> tuple[list[Segment], dict[str, Any]]:
    return read_index(lambda start, stop: data[start:stop], Range(data, len(data)), URL)


def test_values_that_are_fewer_than_the_index_says_are_noticed(pool: ThreadPoolExecutor) -> None:
    segments, notes = index_of(DATA)
    segments[1] = segments[1]._replace(records=3)
    with pytest.raises(CorruptSegment, match="segment 1 holds 2 values, its index says 3"):
        read(with_index(DATA, segments, notes), pool)


@pytest.mark.parametrize("notes", [{}, {FRAMES: 5}, {FRAMES: [1]}, {FRAMES: ["x", 2]}, {FRAMES: [1, 2, 3]}])
def test_an_object_that_does_not_say_how_long_its_frames_are_is_no_python_job_s(
    notes: dict[str, Any],
) -> None:
    with pytest.raises(CorruptSegment, match=f"^{URL}: not an object of a Python job's segments"):
        opened(with_index(DATA, index_of(DATA)[0], notes))


def test_no_more_is_fetched_or_decompressed_than_the_longest_frame_has(pool: ThreadPoolExecutor) -> None:
    some: list[list[Group]] = [[(f"{number:09}", [number])] * 20 for number in range(2000)]
    data = bytearray(written(some))
    data[0] = 0xFF  # the first frame's length: 4 GB
    fetched = 0

    def fetch(start: int, stop: int) -> bytes:
        nonlocal fetched
        fetched += stop - start
        return bytes(data[start:stop])

    source = SegmentedObject(fetch, bytes(data[-TAIL_BYTES:]), len(data), URL)
    with pytest.raises(CorruptSegment, match=f"^{URL}: segment 0 is damaged"):
        list(source.groups(0, 1000, pool))
    assert fetched < 4000


@pytest.mark.parametrize("much", [b"\0" * 100_000, b"0" * 100_000, b"[" * 100_000])
def test_a_frame_that_decompresses_to_more_than_any_is_refused(much: bytes, pool: ThreadPoolExecutor) -> None:
    """Its checksums are right: what is in it cannot have been written."""
    sink = io.BytesIO()
    writer = SegmentWriter(sink, URL)
    writer._encode_frame = lambda: much  # type: ignore[method-assign]
    writer.add("a", [1])
    writer.end_segment()
    writer._largest = 50_000
    writer.finish()
    with pytest.raises(CorruptSegment, match=f"^{URL}: segment 0: "):
        read(sink.getvalue(), pool)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\n",
        b"[" * 100_000,
        b'["text",1,"int",null]\na' + b"x" * 7,
        b'["none",1,"int",null]\na' + b"x" * 8,
        b'["json",1,"json",null]\n55',
        b'["json",50000,"json",null]\n' + b"[" * 100_000,
        b'["text","1","int",null]\na' + b"x" * 8,
        b'["text",1]\na',
        b"5\na",
    ],
)
def test_a_frame_that_holds_something_else_is_refused(frame: bytes, pool: ThreadPoolExecutor) -> None:
    """Its checksums are right, too."""
    sink = io.BytesIO()
    writer = SegmentWriter(sink, URL)
    writer._encode_frame = lambda: frame or b" "  # type: ignore[method-assign]
    writer.add("a", [1])
    writer.end_segment()
    writer.finish()
    with pytest.raises(CorruptSegment, match=f"^{URL}: segment 0: "):
        read(sink.getvalue(), pool)

import itertools
import zlib
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.errors import CorruptSegment
from mapreduce.segmented import (
    MAGIC,
    MOST_INDEX_BYTES,
    TAIL_BYTES,
    TRAILER,
    Index,
    Segment,
    checksum_of,
    pack_index,
    read_index,
)
from mapreduce.storage import Range

URL = "s3://bucket/map/0"


def pack(parts: list[bytes], notes: dict[str, object]) -> bytes:
    """Return an object whose segments hold some bytes."""
    segments = []
    offset = 0
    for number, part in enumerate(parts):
        segments.append(Segment(offset, len(part), number))
        offset += len(part)
    return b"".join(parts) + pack_index(URL, segments, notes)


def read(data: bytes, tail_bytes: int = TAIL_BYTES) -> Index:
    return read_index(lambda start, stop: data[start:stop], Range(data[-tail_bytes:], len(data)), URL)


def refuse(start: int, stop: int) -> NoReturn:
    raise AssertionError("the tail says it all")


@given(st.lists(st.binary(max_size=40), max_size=6), st.dictionaries(st.text(), st.text()))
def test_segments_are_where_the_index_says(parts: list[bytes], notes: dict[str, object]) -> None:
    data = pack(parts, notes)
    index = read_index(refuse, Range(data, len(data)), URL)
    assert [data[segment.offset :][: segment.length] for segment in index.segments] == parts
    assert [segment.records for segment in index.segments] == list(range(len(parts)))
    assert index.notes == notes


@given(st.integers(TRAILER.size, 400))
def test_an_index_longer_than_the_tail_is_fetched(tail_bytes: int) -> None:
    data = pack([b"x" * number for number in range(30)], {"note": "한"})
    assert read(data, tail_bytes) == read(data)


def test_the_index_of_a_thousand_partitions_is_in_the_tail() -> None:
    data = pack([b"some bytes of a segment" * 50] * 1000, {})
    index = read_index(refuse, Range(data[-TAIL_BYTES:], len(data)), URL)
    assert len(index.segments) == 1000


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 100, MAGIC[:-1], pack([b"abc"], {})[:-1]])
def test_what_is_no_object_of_segments_is_refused_by_its_name(data: bytes) -> None:
    with pytest.raises(CorruptSegment, match=f"^{URL}: not an object of segments"):
        read(data)


@pytest.mark.parametrize("tail_bytes", [TRAILER.size, TAIL_BYTES])
def test_any_flipped_bit_of_an_index_is_noticed(tail_bytes: int) -> None:
    whole = pack([b"abc", b"", b"de"], {"note": 1})
    for place, bit in itertools.product(range(5, len(whole)), range(8)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        with pytest.raises(CorruptSegment, match=f"^{URL}: "):
            read(bytes(damaged), tail_bytes)


def test_the_index_of_another_object_is_noticed() -> None:
    other = pack_index("s3://bucket/map/1", [Segment(0, 0, 0)], {})
    with pytest.raises(CorruptSegment, match=f"^{URL}: its index is damaged, or is that of another object"):
        read(other)


def test_segments_may_have_checksums_in_the_index() -> None:
    segments = [Segment(0, 2, 1, (7, 8)), Segment(2, 1, 1, ()), Segment(3, 0, 0, (2**32 - 1,))]
    assert read(b"abc" + pack_index(URL, segments, {})).segments == segments


def with_index(body: bytes, index: bytes) -> bytes:
    """Return an object whose index is some bytes, with a trailer that fits them."""
    checksum = zlib.crc32(index, zlib.crc32(b"%d" % len(index), checksum_of(URL)))
    return body + index + TRAILER.pack(len(index), checksum, MAGIC)


def test_an_index_is_what_its_documentation_says() -> None:
    index = b'{"segments":[[2,1],[1,5,9]],"notes":{}}'
    assert read(with_index(b"abc", index)).segments == [Segment(0, 2, 1), Segment(2, 1, 5, (9,))]


@pytest.mark.parametrize(
    "index",
    [
        b"{}",
        b"[]",
        b"5",
        b"",
        b"\xff",
        b'{"segments": [[3, 1]]}',
        b'{"segments": [[3]], "notes": {}}',
        b'{"segments": [[]], "notes": {}}',
        b'{"segments": [3], "notes": {}}',
        b'{"segments": 3, "notes": {}}',
        b'{"segments": {"a": 3}, "notes": {}}',
        b'{"segments": "abc", "notes": {}}',
        b'{"segments": [[2, 1]], "notes": {}}',
        b'{"segments": [[3.0, 1]], "notes": {}}',
        b'{"segments": [["3", 1]], "notes": {}}',
        b'{"segments": [[5, 1], [-2, 1]], "notes": {}}',
        b'{"segments": [[3, -1]], "notes": {}}',
        b'{"segments": [[3, true]], "notes": {}}',
        b'{"segments": [[3, 1, "x"]], "notes": {}}',
        b'{"segments": [[3, 1]], "notes": 5}',
        b'{"segments": [[3, NaN]], "notes": {}}',
        b'{"segments": [[3, %s]], "notes": {}}' % (b"9" * 10_000),
        b'{"segments": %s' % (b"[" * 100_000),
    ],
)
def test_an_index_that_does_not_fit_its_segments_is_damaged(index: bytes) -> None:
    with pytest.raises(CorruptSegment, match=f"^{URL}: its index (is damaged|does not fit its segments)"):
        read(with_index(b"abc", index))


@pytest.mark.parametrize("length", [0, 5, 1 << 20, MOST_INDEX_BYTES + 1, (1 << 64) - 1])
def test_an_index_of_another_length_than_its_trailer_says_is_damaged(length: int) -> None:
    whole = pack([b"abc"], {})
    with pytest.raises(CorruptSegment, match="its index is damaged"):
        read(whole[: -TRAILER.size] + TRAILER.pack(length, 0, MAGIC))


def test_no_index_is_fetched_that_is_longer_than_any() -> None:
    """A damaged length would else be that of an object of many gigabytes."""
    tail = bytes(TAIL_BYTES - TRAILER.size) + TRAILER.pack(1 << 33, 0, MAGIC)
    with pytest.raises(CorruptSegment, match="its index is damaged"):
        read_index(refuse, Range(tail, 1 << 40), URL)

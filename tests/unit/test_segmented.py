import json
from contextlib import suppress
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.errors import CorruptSegment
from mapreduce.segmented import MAGIC, TAIL_BYTES, TRAILER, Index, Segment, pack_index, read_index
from mapreduce.storage import Range

URL = "s3://bucket/map/0"


def pack(parts: list[bytes], notes: dict[str, object]) -> bytes:
    """Return an object whose segments hold some bytes."""
    segments = []
    offset = 0
    for number, part in enumerate(parts):
        segments.append(Segment(offset, len(part), number))
        offset += len(part)
    return b"".join(parts) + pack_index(segments, notes)


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


@given(st.data())
def test_a_damaged_index_is_never_taken_for_another(data: st.DataObject) -> None:
    whole = pack([b"abc", b"", b"de"], {})
    place = data.draw(st.integers(5, len(whole) - TRAILER.size - 1))
    byte = data.draw(st.integers(0, 255))
    damaged = whole[:place] + bytes([byte]) + whole[place + 1 :]
    with suppress(CorruptSegment):
        # What is not found out has no place that could be checked: numbers of records, and white space.
        assert [one[:2] for one in read(damaged).segments] == [one[:2] for one in read(whole).segments]


@pytest.mark.parametrize(
    "index",
    [
        {},
        [],
        {"segments": [[0, 3, 1]]},
        {"segments": [[0, 3]], "notes": {}},
        {"segments": [[0, 2, 1]], "notes": {}},
        {"segments": [[1, 3, 1]], "notes": {}},
        {"segments": [[0, "3", 1]], "notes": {}},
        {"segments": [[0, 3, 1]], "notes": 5},
    ],
)
def test_an_index_that_does_not_fit_its_segments_is_damaged(index: object) -> None:
    text = json.dumps(index).encode()
    with pytest.raises(CorruptSegment, match="its index is damaged"):
        read(b"abc" + text + TRAILER.pack(len(text), MAGIC))


@pytest.mark.parametrize("length", [0, 5, 1 << 20, (1 << 64) - 1])
def test_an_index_of_another_length_than_its_trailer_says_is_damaged(length: int) -> None:
    whole = pack([b"abc"], {})
    with pytest.raises(CorruptSegment, match="its index is damaged"):
        read(whole[: -TRAILER.size] + TRAILER.pack(length, MAGIC))

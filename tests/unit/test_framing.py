import gzip
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapreduce.errors import InputNotReadable, RecordTooLong
from mapreduce.framing import FixedLength, WholeObject
from mapreduce.pieces import Block, Framing, Piece
from tests.unit.cuts import COMPRESSORS, LIMIT, blocks_in, cut, small_reads, split
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, run_on

Located = tuple[int, bytes]  # where a record begins, and its bytes

WHOLE = WholeObject()
SAMPLES = [b"x", b"\n", b"abc", b"\xef\xbb\xbfab\r\n", "한글 단어\n".encode(), bytes(range(250, 256)) * 4]
sizes = st.integers(1, 40)


def records(data: bytes, length: int, offset: int = 0) -> list[Located]:
    return [(offset + start, data[start : start + length]) for start in range(0, len(data), length)]


def blocks(data: bytes, some: list[Piece], framing: Framing, limit: int = LIMIT) -> list[Block]:
    _, store = memory_store(INPUT, {some[0].key: data})
    return blocks_in(store, some, framing, limit)


def read(data: bytes, some: list[Piece], length: int, limit: int = LIMIT) -> list[Located]:
    found = blocks(data, some, FixedLength(length), limit)
    return [record for block in found for record in records(block.data, length, block.offset)]


# Records of a fixed length


@pytest.mark.parametrize("data", SAMPLES)
def test_each_record_of_a_fixed_length_is_read_once_whatever_the_size_of_pieces_is(data: bytes) -> None:
    for length in range(1, len(data) + 3):
        for split_bytes in range(1, len(data) + 2):
            assert read(data, split("a.bin", len(data), split_bytes), length) == records(data, length)


@given(
    data=st.binary(min_size=1, max_size=120),
    cuts=st.lists(st.integers(1, 120), max_size=8),
    length=sizes,
    part=sizes,
    overlap=sizes,
    block=sizes,
)
@example(
    data=b"x" * 30, cuts=[], length=40, part=7, overlap=1, block=1
)  # requests would go on behind its end
@example(data=b"x" * 120, cuts=[13, 26], length=40, part=7, overlap=90, block=1)
def test_each_record_of_a_fixed_length_is_read_once_whatever_the_sizes_of_requests_are(
    data: bytes, cuts: list[int], length: int, part: int, overlap: int, block: int
) -> None:
    with small_reads(part, overlap, block):
        assert read(data, cut("a.bin", len(data), cuts), length) == records(data, length)


@pytest.mark.parametrize("suffix", COMPRESSORS)
@given(
    members=st.lists(st.binary(max_size=60), min_size=1, max_size=3), length=sizes, part=sizes, block=sizes
)
@settings(max_examples=40)
def test_a_compressed_object_has_the_same_records_of_a_fixed_length(
    suffix: str, members: list[bytes], length: int, part: int, block: int
) -> None:
    compressed = b"".join(map(COMPRESSORS[suffix], members))
    with small_reads(part, overlap=5, block=block):
        found = read(compressed, cut("a" + suffix, len(compressed), []), length)
    assert found == records(b"".join(members), length)


@given(count=st.integers(1, 30), length=sizes, block=sizes)
def test_blocks_are_as_many_records_of_a_fixed_length_as_fit(count: int, length: int, block: int) -> None:
    data = bytes(count * length)
    with small_reads(part=len(data), overlap=10, block=block):
        found = blocks(data, cut("a.bin", len(data), []), FixedLength(length))
    assert b"".join(block.data for block in found) == data
    assert {len(one.data) for one in found[:-1]} <= {max(block // length, 1) * length}
    assert len(found[-1].data) <= max(block, length)


def test_of_records_of_a_fixed_length_nothing_is_read_but_they_themselves() -> None:
    s3, store = memory_store(INPUT, {"a.bin": bytes(1000)})
    with small_reads(part=100, overlap=20, block=50):
        found = blocks_in(store, [Piece(INPUT, "a.bin", 95, 280)], FixedLength(30))
    assert (found[0].offset, sum(len(block.data) for block in found)) == (120, 180)
    assert s3.bytes_sent == 180
    assert (s3.requests["get_object"], s3.largest_response) == (2, 90)  # the records that 100 bytes can hold


def test_a_piece_in_which_no_record_begins_costs_no_request() -> None:
    s3, store = memory_store(INPUT, {"a.bin": bytes(1000)})
    assert blocks_in(store, [Piece(INPUT, "a.bin", 101, 200)], FixedLength(100)) == []
    assert s3.requests["get_object"] == 0


@pytest.mark.parametrize("key", ["a.bin", "a.gz"])
def test_a_fixed_length_that_no_record_may_have_is_told_at_the_first_one(key: str) -> None:
    data = gzip.compress(bytes(50)) if key == "a.gz" else bytes(50)
    message = (
        rf"s3://{INPUT}/{key} at byte 0: a record of more than 10 bytes. .*maxRecordBytes.*format\.length"
    )
    with pytest.raises(RecordTooLong, match=message):
        read(data, cut(key, len(data), []), 11, limit=10)
    assert len(read(data, cut(key, len(data), []), 10, limit=10)) == 5


def test_an_absurd_length_is_not_asked_for() -> None:
    s3, store = memory_store(INPUT, {"a.bin": bytes(1_000_000)})
    with small_reads(part=100, overlap=20, block=50), pytest.raises(RecordTooLong):
        blocks_in(store, [Piece(INPUT, "a.bin", 0, 1000)], FixedLength(10**15))
    assert s3.bytes_sent <= 500


@pytest.mark.parametrize("end", [101, 950])
def test_an_object_of_a_fixed_length_that_shrank_is_no_partial_result(end: int) -> None:
    with pytest.raises(InputNotReadable, match=rf"s3://{INPUT}/a\.bin: shorter than when the job listed it"):
        read(bytes(100), [Piece(INPUT, "a.bin", 0, end)], 10)


# Whole objects


@pytest.mark.parametrize("data", SAMPLES)
def test_an_object_is_one_record_whatever_the_size_of_pieces_is(data: bytes) -> None:
    for split_bytes in range(1, len(data) + 2):
        assert blocks(data, split("a.txt", len(data), split_bytes), WHOLE) == [(0, data)]


@given(
    data=st.binary(min_size=1, max_size=120),
    cuts=st.lists(st.integers(1, 120), max_size=8),
    part=sizes,
    overlap=sizes,
)
def test_an_object_is_one_record_whatever_the_sizes_of_requests_are(
    data: bytes, cuts: list[int], part: int, overlap: int
) -> None:
    with small_reads(part, overlap, block=7):
        assert blocks(data, cut("a.txt", len(data), cuts), WHOLE) == [(0, data)]


@pytest.mark.parametrize("suffix", COMPRESSORS)
@given(members=st.lists(st.binary(max_size=60), min_size=1, max_size=3), part=sizes, block=sizes)
@settings(max_examples=40)
def test_a_compressed_object_is_one_record_decompressed(
    suffix: str, members: list[bytes], part: int, block: int
) -> None:
    compressed, data = b"".join(map(COMPRESSORS[suffix], members)), b"".join(members)
    with small_reads(part, overlap=5, block=block):
        found = blocks(compressed, cut("a" + suffix, len(compressed), []), WHOLE)
    assert found == ([(0, data)] if data else [])


def test_an_empty_object_is_no_record() -> None:
    assert blocks(b"", [Piece(INPUT, "a.txt", 0, 0)], WHOLE) == []


def test_pieces_of_an_object_but_the_first_cost_no_request() -> None:
    s3, store = memory_store(INPUT, {"a.txt": bytes(1000)})
    assert blocks_in(store, [Piece(INPUT, "a.txt", 1, 500), Piece(INPUT, "a.txt", 500, 1000)], WHOLE) == []
    assert s3.requests["get_object"] == 0


def test_an_object_is_read_in_parts_and_no_byte_twice() -> None:
    data = bytes(range(256)) * 40
    s3, store = memory_store(INPUT, {"a.txt": data})
    with small_reads(part=1000, overlap=100, block=50):
        assert blocks_in(store, [Piece(INPUT, "a.txt", 0, 2500)], WHOLE) == [(0, data)]
    assert s3.bytes_sent == len(data)
    assert s3.largest_response == 1000


def test_a_task_reads_several_whole_objects_in_their_order() -> None:
    _, store = memory_store(INPUT, {"one": b"1", "two": b"2\n2", "three": b"3"})
    tape = [Piece(INPUT, "one", 0, 1), Piece(INPUT, "two", 0, 2), Piece(INPUT, "three", 0, 1)]
    assert [block.data for block in blocks_in(store, tape, WHOLE)] == [b"1", b"2\n2", b"3"]


@pytest.mark.parametrize("suffix", ["", *COMPRESSORS])
def test_an_object_longer_than_a_record_may_be_says_what_to_do(suffix: str) -> None:
    data = COMPRESSORS[suffix](bytes(101)) if suffix else bytes(101)
    some = split("a" + suffix, len(data), 50) if not suffix else cut("a" + suffix, len(data), [])
    message = (
        rf"s3://{INPUT}/a{suffix} at byte 0: a record of more than 100 bytes\. Raise maxRecordBytes.*, or "
        "leave the object out: with format whole, an object is one record"
    )
    with pytest.raises(RecordTooLong, match=message):
        blocks(data, some, WHOLE, limit=100)
    assert len(blocks(data, some, WHOLE, limit=101)) == 1


def test_an_object_longer_than_a_record_may_be_is_not_read_to_its_end() -> None:
    s3, store = memory_store(INPUT, {"a.txt": bytes(1_000_000)})
    with small_reads(part=1000, overlap=100, block=100), pytest.raises(RecordTooLong):
        blocks_in(store, [Piece(INPUT, "a.txt", 0, 500_000)], WHOLE, limit=5000)
    assert s3.bytes_sent < 12_000


# Jobs


@pytest.mark.usefixtures("sample_jobs")
@pytest.mark.parametrize("format", [{"type": "fixed", "length": 5}, "whole"])
def test_a_job_counts_the_same_whatever_the_size_of_pieces_is(format: Any) -> None:
    objects = {"one": b"aaaa bbbb aaaa ", "two": b"bbbb cccc \naa  ", "three": b" b\n\na"}
    for split_bytes in range(1, 40):
        outcome = run_on(objects, "fussy", format=format, split_bytes=split_bytes)
        assert outcome.parts == [b"a,1\naa,1\naaaa,2\nb,1\nbbbb,2\ncccc,1\n"]
        read = sum(counters["recordsIn"] for counters in outcome.mapped)
        assert read == (3 if format == "whole" else 7)

import gzip
import io
import re

import pytest
from botocore.stub import Stubber
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mypy_boto3_s3.client import S3Client

from mapreduce.errors import BadObject, InputChanged, InputNotReadable, RecordTooLong
from mapreduce.pieces import Piece, blocks_of_lines
from mapreduce.storage import ObjectStore
from tests.unit.cuts import COMPRESSORS, LIMIT, blocks_in, cut, small_reads
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT

Located = tuple[int, bytes]  # where a line begins, and the line with its newline

lines = st.one_of(
    st.sampled_from([b"", b"a", b"\r", b"crlf\r", "한글 단어".encode(), b"long " * 12, b"\xff"]),
    # Nor what UTF-16 begins with.
    st.binary(max_size=6).map(lambda data: data.replace(b"\n", b"").replace(b"\xfe", b"\xfd")),
)
texts = st.builds(
    lambda some, end: b"\n".join(some) + end, st.lists(lines, max_size=12), st.sampled_from([b"", b"\n"])
)
sizes = st.integers(1, 40)


def located_lines(data: bytes, offset: int = 0) -> list[Located]:
    """Cut at newlines the way that Python's binary files do."""
    found = []
    for line in io.BytesIO(data):
        found.append((offset, line))
        offset += len(line)
    return found


def read(store: ObjectStore, some: list[Piece], limit: int = LIMIT) -> list[Located]:
    blocks = blocks_in(store, some, limit=limit)
    return [line for block in blocks for line in located_lines(block.data, block.offset)]


def read_data(key: str, data: bytes, cuts: list[int], limit: int = LIMIT) -> list[Located]:
    _, store = memory_store(INPUT, {key: data})
    return read(store, cut(key, len(data), cuts), limit)


# Cutting


@given(
    data=texts.filter(bool),
    cuts=st.lists(st.integers(1, 120), max_size=8),
    chunk=st.integers(1, 30),
    block=sizes,
)
@example(data=b"\n", cuts=[], chunk=1, block=1)
@example(data=b"x", cuts=[], chunk=1, block=1)
@example(data=b"a\nb\nc", cuts=[1, 2, 3, 4], chunk=2, block=1)
@example(data="한글\n단어".encode(), cuts=list(range(1, 13)), chunk=1, block=3)
def test_each_record_is_in_exactly_one_piece_wherever_an_object_is_cut(
    data: bytes, cuts: list[int], chunk: int, block: int
) -> None:
    found: list[Located] = []
    with small_reads(part=1, overlap=1, block=block):
        for piece in cut("lines.txt", len(data), cuts):
            origin = max(piece.start - 1, 0)
            chunks = (data[start : start + chunk] for start in range(origin, len(data), chunk))
            for some in blocks_of_lines(chunks, origin, piece.start, piece.end, LIMIT, piece.url):
                found += located_lines(some.data, some.offset)
    assert found == located_lines(data)


@given(
    data=texts.filter(bool),
    cuts=st.lists(st.integers(1, 120), max_size=8),
    part=sizes,
    overlap=sizes,
    block=sizes,
)
def test_each_record_is_read_once_whatever_the_sizes_of_requests_are(
    data: bytes, cuts: list[int], part: int, overlap: int, block: int
) -> None:
    with small_reads(part, overlap, block):
        assert read_data("lines.txt", data, cuts) == located_lines(data)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=texts.filter(bool), cuts=st.lists(st.integers(1, 60), max_size=4), part=sizes, overlap=sizes)
def test_each_record_is_read_once_from_s3(
    s3: S3Client, store: ObjectStore, data: bytes, cuts: list[int], part: int, overlap: int
) -> None:
    s3.put_object(Bucket=INPUT, Key="lines.txt", Body=data)
    with small_reads(part, overlap, block=7):
        assert read(store, cut("lines.txt", len(data), cuts)) == located_lines(data)


def test_every_byte_can_be_its_own_piece() -> None:
    data = "첫 줄\r\n\n둘째 줄\nlast".encode()
    found = read_data("lines.txt", data, list(range(len(data))))
    assert found == located_lines(data)


@given(data=texts, limit=st.integers(1, 30))
def test_blocks_are_whole_records_and_no_larger_than_they_must_be(data: bytes, limit: int) -> None:
    with small_reads(part=50, overlap=10, block=limit):
        blocks = list(blocks_of_lines(iter([data]), 0, 0, None, LIMIT, "s3://bucket/key"))
    assert all(block.data.endswith(b"\n") for block in blocks[:-1])
    assert all(len(block.data) <= limit or block.data.count(b"\n", 0, -1) == 0 for block in blocks)
    assert b"".join(block.data for block in blocks) == data


def test_a_task_reads_several_pieces_of_several_objects_in_their_order(
    s3: S3Client, store: ObjectStore
) -> None:
    s3.put_object(Bucket=INPUT, Key="one", Body=b"1\n2\n3\n")
    s3.put_object(Bucket=INPUT, Key="two", Body=b"4")
    s3.put_object(Bucket=INPUT, Key="three", Body=b"5\n6\n7\n8\n")
    tape = [Piece(INPUT, "one", 3, 6), Piece(INPUT, "two", 0, 1), Piece(INPUT, "three", 0, 4)]
    assert read(store, tape) == [(4, b"3\n"), (0, b"4"), (0, b"5\n"), (2, b"6\n")]


def test_an_empty_piece_has_no_records() -> None:
    _, store = memory_store(INPUT, {"empty": b"", "one": b"1\n"})
    tape = [Piece(INPUT, "empty", 0, 0), Piece(INPUT, "one", 0, 2), Piece(INPUT, "one", 1, 1)]
    assert read(store, tape) == [(0, b"1\n")]


@pytest.mark.parametrize(
    "key", ["a b.txt", "a+b.txt", "100%.txt", "%2B%20.txt", "한국어/파일 이름.txt", "?q=1&x#y.txt"]
)
def test_keys_may_have_any_characters(s3: S3Client, store: ObjectStore, key: str) -> None:
    s3.put_object(Bucket=INPUT, Key=key, Body=b"one\ntwo\n")
    assert read(store, cut(key, 8, [5])) == [(0, b"one\n"), (4, b"two\n")]


def test_the_last_record_of_a_piece_costs_no_request_of_its_own() -> None:
    data = b"0123456\n" * 100
    s3, store = memory_store(INPUT, {"lines.txt": data})
    with small_reads(part=100, overlap=20, block=50):
        read(store, [Piece(INPUT, "lines.txt", 100, 300)])
    assert s3.requests["get_object"] == 3  # from byte 99 to 320
    assert s3.bytes_sent == 320 - 99


def test_a_piece_without_a_record_of_its_own_reads_no_further_than_its_overlap() -> None:
    s3, store = memory_store(INPUT, {"line.txt": b"x" * 100_000})
    with small_reads(part=1000, overlap=10, block=50):
        assert read(store, [Piece(INPUT, "line.txt", 500, 600)]) == []
    assert s3.bytes_sent == 600 + 10 - 499


def test_a_long_last_record_is_fetched_in_parts() -> None:
    data = b"short\n" + b"x" * 20_000 + b"\nnot ours\n"
    s3, store = memory_store(INPUT, {"lines.txt": data})
    with small_reads(part=1000, overlap=10, block=100):
        assert read(store, [Piece(INPUT, "lines.txt", 0, 10)]) == located_lines(data)[:2]
    assert s3.largest_response <= 1000
    assert s3.requests["get_object"] < 35


# Compression


@pytest.mark.parametrize("suffix", COMPRESSORS)
@given(members=st.lists(texts, min_size=1, max_size=3), part=sizes, block=sizes)
@settings(max_examples=40)
def test_a_compressed_object_has_the_records_of_its_plain_text(
    suffix: str, members: list[bytes], part: int, block: int
) -> None:
    compressed = b"".join(map(COMPRESSORS[suffix], members))
    with small_reads(part, overlap=5, block=block):
        assert read_data("lines" + suffix, compressed, []) == located_lines(b"".join(members))


@pytest.mark.parametrize("key", ["LINES.GZ", "lines.txt.Gz"])
def test_a_suffix_in_capitals_means_compression_too(key: str) -> None:
    assert read_data(key, gzip.compress(b"one\n"), []) == [(0, b"one\n")]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_an_object_that_ends_too_early_is_named(suffix: str) -> None:
    compressed = COMPRESSORS[suffix](b"".join(b"%d\n" % number for number in range(30)))
    for length in range(1, len(compressed)):
        with pytest.raises(BadObject, match=rf"s3://{INPUT}/some/lines{suffix}: .*Upload it again"):
            read_data("some/lines" + suffix, compressed[:length], [])


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_an_object_that_is_not_compressed_at_all_is_named(suffix: str) -> None:
    with pytest.raises(BadObject, match=rf"s3://{INPUT}/lines{suffix}: damaged after byte 0"):
        read_data("lines" + suffix, b"plain text, whatever its name says\n", [])


def test_what_was_read_before_the_damage_is_told() -> None:
    with (
        small_reads(part=50, overlap=5, block=10),
        pytest.raises(BadObject, match=r"damaged after byte 20 of its decompressed data"),
    ):
        read_data("lines.gz", gzip.compress(b"0123456789" * 2) + gzip.compress(b"more")[:5], [])


# Lengths of records


@given(data=texts.filter(bool), cuts=st.lists(st.integers(1, 120)), limit=sizes, part=sizes, block=sizes)
def test_the_first_record_that_is_too_long_is_named_and_others_are_read(
    data: bytes, cuts: list[int], limit: int, part: int, block: int
) -> None:
    too_long = [offset for offset, line in located_lines(data) if len(line.rstrip(b"\n")) > limit]
    with small_reads(part, overlap=5, block=block):
        if too_long:
            place = re.escape(f"s3://{INPUT}/lines.txt at byte {too_long[0]}: ")
            with pytest.raises(RecordTooLong, match=place):
                read_data("lines.txt", data, cuts, limit)
        else:
            assert read_data("lines.txt", data, cuts, limit) == located_lines(data)


def test_a_record_may_be_as_long_as_the_limit() -> None:
    assert read_data("lines.txt", b"0123456789\n0123456789", [], limit=10)[1] == (11, b"0123456789")


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_record_that_is_too_long_in_compressed_data_is_named_by_its_place_there(suffix: str) -> None:
    data = COMPRESSORS[suffix](b"short\n" + b"x" * 101 + b"\nshort\n")
    with pytest.raises(RecordTooLong, match=r"at byte 6: a record of more than 100 bytes.*maxRecordBytes"):
        read_data("lines" + suffix, data, [], limit=100)


def test_an_object_without_newlines_is_not_read_to_its_end() -> None:
    s3, store = memory_store(INPUT, {"blob": b"x" * 1_000_000})
    with small_reads(part=1000, overlap=100, block=100), pytest.raises(RecordTooLong):
        read(store, [Piece(INPUT, "blob", 0, 1000)], limit=5000)
    assert s3.bytes_sent < 20_000


# Objects that cannot be read


def test_an_object_that_is_gone_is_named(store: ObjectStore) -> None:
    with pytest.raises(InputNotReadable, match=rf"s3://{INPUT}/gone: no longer there.*start the job again"):
        read(store, [Piece(INPUT, "gone", 0, 10)])


def test_a_bucket_that_is_gone_is_named(store: ObjectStore) -> None:
    with pytest.raises(InputNotReadable, match="s3://no-such-bucket/key: no longer there"):
        read(store, [Piece("no-such-bucket", "key", 0, 10)])


def test_an_object_that_may_not_be_read_says_what_to_allow(s3: S3Client) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(InputNotReadable, match=rf"s3://{INPUT}/secret: access denied.*InputBuckets"):
            read(ObjectStore(s3), [Piece(INPUT, "secret", 0, 10)])


@pytest.mark.parametrize("key", ["lines.txt", "lines.gz"])
@pytest.mark.parametrize("missing", [1, 20, 10_000])
def test_an_object_that_shrank_since_it_was_listed_is_no_partial_result(
    s3: S3Client, store: ObjectStore, key: str, missing: int
) -> None:
    data = gzip.compress(b"now shorter") if key == "lines.gz" else b"now\nshorter\n"
    s3.put_object(Bucket=INPUT, Key=key, Body=data)
    with pytest.raises(InputNotReadable, match=rf"s3://{INPUT}/{key}: shorter than when the job listed it"):
        read(store, [Piece(INPUT, key, 0, len(data) + missing)])


def test_a_piece_behind_the_end_of_an_object_that_shrank_is_no_partial_result(
    s3: S3Client, store: ObjectStore
) -> None:
    s3.put_object(Bucket=INPUT, Key="lines.txt", Body=b"now\nshorter\n")
    with pytest.raises(InputNotReadable, match=rf"s3://{INPUT}/lines.txt: shorter than when .* listed it"):
        read(store, [Piece(INPUT, "lines.txt", 1000, 2000)])


def test_an_object_that_was_overwritten_after_it_was_listed_is_refused(
    s3: S3Client, store: ObjectStore
) -> None:
    listed = s3.put_object(Bucket=INPUT, Key="log", Body=b"old\nold\n")["ETag"].strip('"')
    assert read(store, [Piece(INPUT, "log", 0, 8, listed)])
    s3.put_object(Bucket=INPUT, Key="log", Body=b"new\nnew\n")
    with pytest.raises(InputChanged, match=f"s3://{INPUT}/log: another object"):
        read(store, [Piece(INPUT, "log", 0, 8, listed)])

"""Which parts of an input are sampled, and how they are read."""

import bz2
import gzip
import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapreduce import Fixed, Text, Whole
from mapreduce.errors import InputNotReadable
from mapreduce.formats import Format
from mapreduce.pieces import Piece
from mapreduce.sampled_parts import LEAST_BYTES, Part, parts_to_sample, read_parts
from mapreduce.storage import ObjectStore
from mapreduce.zstd import ZstdCompressor
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT

MIB = 1 << 20


# Which parts


def whole(keys: str, size: int) -> list[Piece]:
    return [Piece(INPUT, key, 0, size) for key in keys]


@pytest.mark.parametrize("format", [Text(), Fixed(10), Whole()])
def test_of_little_input_all_is_read(format: Format) -> None:
    pieces = [Piece(INPUT, "a", 0, LEAST_BYTES // 2), Piece(INPUT, "b.gz", 0, 1000), Piece(INPUT, "c", 0, 0)]
    parts = parts_to_sample(pieces, format, 9)
    assert [(part.piece, part.stands_for) for part in parts] == [
        (pieces[0], LEAST_BYTES // 2),
        (pieces[1], 1000),
    ]


@pytest.mark.parametrize("partitions", [1, 9, 64, 1000])
@pytest.mark.parametrize("pieces", [1, 7, 900])
def test_of_much_input_a_small_part_is_read_from_everywhere(partitions: int, pieces: int) -> None:
    size = (1 << 30) // pieces
    parts = parts_to_sample(
        [Piece(INPUT, f"{number}", 0, size) for number in range(pieces)], Text(), partitions
    )
    read = sum(part.piece.end - part.piece.start for part in parts)
    assert 0.99 * LEAST_BYTES <= read <= 16 * MIB
    assert sum(part.stands_for for part in parts) == pytest.approx(1 << 30, rel=0.01)
    places = sorted(int(part.piece.key) * size + part.piece.start for part in parts)
    assert max(after - before for before, after in itertools.pairwise(places)) < 2 * (1 << 30) / 128
    assert parts == parts_to_sample(
        [Piece(INPUT, f"{number}", 0, size) for number in range(pieces)], Text(), partitions
    )
    assert len(parts) <= 1024 + pieces


def test_parts_lie_within_pieces() -> None:
    pieces = [Piece(INPUT, f"{number}", number * 10, number * 10 + 50_000, "tag") for number in range(300)]
    by_key = {piece.key: piece for piece in pieces}
    for part in parts_to_sample(pieces, Text(), 4):
        of = by_key[part.piece.key]
        assert of.start <= part.piece.start < part.piece.end <= of.end
        assert part.piece.etag == "tag"


def test_what_is_read_from_its_start_stands_for_all_that_falls_into_it() -> None:
    pieces = [*whole("ab", 100 * MIB), Piece(INPUT, "c.gz", 0, 200 * MIB)]
    parts = parts_to_sample(pieces, Text(), 4)
    (compressed,) = [part for part in parts if part.piece.key == "c.gz"]
    assert compressed.stands_for == pytest.approx(200 * MIB, rel=0.02)
    assert LEAST_BYTES * 0.4 < compressed.limit < LEAST_BYTES * 0.6
    assert sum(part.stands_for for part in parts) == pytest.approx(400 * MIB, rel=0.01)


def test_of_many_objects_that_are_read_from_their_start_some_stand_for_their_neighbours() -> None:
    pieces = [Piece(INPUT, f"{number:04}.gz", 0, MIB) for number in range(1000)]
    parts = parts_to_sample(pieces, Text(), 4)
    assert 60 <= len(parts) <= 64
    assert sum(part.limit for part in parts) <= LEAST_BYTES
    assert sum(part.stands_for for part in parts) == pytest.approx(1000 * MIB, rel=0.01)
    numbers = [int(part.piece.key[:4]) for part in parts]
    assert max(after - before for before, after in itertools.pairwise([0, *numbers, 1000])) < 40


def test_of_whole_objects_only_first_pieces_have_a_record() -> None:
    pieces = [Piece(INPUT, "a", 0, MIB), Piece(INPUT, "a", MIB, 90 * MIB), Piece(INPUT, "b", 0, 9 * MIB)]
    parts = parts_to_sample(pieces, Whole(), 4)
    assert [part.piece for part in parts] == [pieces[0], pieces[2]]


# How they are read


def records(
    store: ObjectStore, parts: list[Part], format: Format, max_record_bytes: int = 1 << 30
) -> list[tuple[Any, float]]:
    """Return the records of some parts, each with what its bytes stand for."""
    return [
        (record, sampled.factor)
        for sampled in read_parts(store, parts, format, max_record_bytes)
        for block in sampled.blocks
        for record in format.parse(block).records
    ]


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 3000), min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 40_000), min_size=1, max_size=6),
    last_newline=st.booleans(),
)
def test_a_range_has_the_lines_that_begin_in_it(
    lengths: list[int], cuts: list[int], last_newline: bool
) -> None:
    lines = [f"{number}" + "x" * length for number, length in enumerate(lengths)]
    data = ("\n".join(lines) + "\n" * last_newline).encode()
    _, store = memory_store(INPUT, {"a": data})
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = [
        Part(Piece(INPUT, "a", low, high), 2.0 * (high - low), 0) for low, high in itertools.pairwise(edges)
    ]
    assert records(store, parts, Text()) == [(line, 2.0) for line in lines]


def test_fixed_records_of_ranges_are_whole() -> None:
    _, store = memory_store(INPUT, {"a": b"".join(b"%010d" % number for number in range(1000))})
    parts = [Part(Piece(INPUT, "a", start, start + 25), 50.0, 0) for start in (0, 101, 4444, 9975)]
    found = [int(record) for record, factor in records(store, parts, Fixed(10)) if factor == 2]
    assert found == [0, 1, 2, 11, 12, 445, 446, 998, 999]
    assert records(store, [Part(Piece(INPUT, "a", 11, 15), 50.0, 0)], Fixed(10)) == []


@pytest.mark.usefixtures("small_samples")
def test_little_is_read_of_much() -> None:
    lines = b"".join(b"%09d\n" % number for number in range(2_000_000))
    s3, store = memory_store(INPUT, {"a": lines})
    parts = parts_to_sample([Piece(INPUT, "a", 0, len(lines))], Text(), 4)
    found = [int(record) for record, _ in records(store, parts, Text())]
    assert len(found) == pytest.approx(13_000, rel=0.05)
    assert s3.bytes_sent < 128 * ((1 << 10) + 2500)
    assert max(after - before for before, after in itertools.pairwise(sorted(found))) < 2 * 2_000_000 / 128


def compressed(suffix: str, data: bytes) -> bytes:
    match suffix:
        case ".gz":
            return gzip.compress(data)
        case ".bz2":
            return bz2.compress(data)
    return ZstdCompressor().compress(data, ZstdCompressor.FLUSH_FRAME)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_a_compressed_object_is_read_from_its_start_and_no_further_than_wanted(suffix: str) -> None:
    numbers = random.Random(1)
    lines = [f"{number} {numbers.randbytes(40).hex()}" for number in range(60_000)]
    data = "\n".join(lines).encode()
    packed = compressed(suffix, data)
    s3, store = memory_store(INPUT, {f"a{suffix}": packed})
    part = Part(Piece(INPUT, f"a{suffix}", 0, len(packed)), len(packed), 50_000)
    found = records(store, [part], Text())
    assert [record for record, _ in found] == lines[: len(found)]
    assert 45_000 < sum(len(record) + 1 for record, _ in found) <= 50_000
    # The sample stands for all of the decompressed data.
    assert found[0][1] * 50_000 == pytest.approx(len(data), rel=0.15)
    assert s3.bytes_sent < (1_500_000 if suffix == ".bz2" else 300_000)
    all_of_it = records(store, [part._replace(limit=100 * MIB)], Text())
    assert all_of_it == [(line, 1.0) for line in lines]


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_of_a_damaged_object_what_can_be_read_is_sampled(suffix: str) -> None:
    packed = compressed(suffix, b"some line\n" * 100)
    for damaged in (packed[:-4], b"nonsense" * 9, packed[:6]):
        _, store = memory_store(INPUT, {f"a{suffix}": damaged})
        part = Part(Piece(INPUT, f"a{suffix}", 0, len(damaged)), 1.0, 1 << 20)
        assert {record for record, _ in records(store, [part], Text())} <= {"some line"}


def test_a_whole_object_is_read_up_to_a_limit_at_the_end_of_a_line_or_a_character() -> None:
    lines, no_lines = "한글 " * 10 + "\n", "한" * 10_000
    objects = {"a": (lines * 1000).encode(), "b": no_lines.encode(), "c": b"short"}
    _, store = memory_store(INPUT, objects)
    parts = [Part(Piece(INPUT, key, 0, len(data)), len(data), 1000) for key, data in objects.items()]
    (first, of_first), (second, of_second), (third, of_third) = records(store, parts, Whole())
    assert first == lines * (1000 // len(lines.encode()))
    assert second == "한" * 333
    assert third == "short"
    assert of_first * 1000 == pytest.approx(len(objects["a"]))
    assert of_second * 1000 == pytest.approx(len(objects["b"]))
    assert of_third == 1


def test_a_whole_object_of_several_pieces_stands_for_all_of_them() -> None:
    _, store = memory_store(INPUT, {"a": b"x" * 3000})
    ((record, factor),) = records(store, [Part(Piece(INPUT, "a", 0, 1000), 1000, 5000)], Whole())
    assert (len(record), factor) == (3000, 1.0)


def test_a_record_that_is_too_long_is_passed_over() -> None:
    _, store = memory_store(INPUT, {"a": b"x" * 5000 + b"\nshort\n"})
    parts = [Part(Piece(INPUT, "a", 0, 10), 10, 0), Part(Piece(INPUT, "a", 5001, 5003), 2, 0)]
    assert [record for record, _ in records(store, parts, Text(), 100)] == ["short"]


def test_an_object_that_is_gone_or_shorter_is_an_error() -> None:
    _, store = memory_store(INPUT, {"a": b"x\n" * 10})
    with pytest.raises(InputNotReadable, match="no longer there"):
        records(store, [Part(Piece(INPUT, "b", 0, 10), 10, 0)], Text())
    for key in ("a", "a.gz"):
        _, store = memory_store(INPUT, {key: b"x\n" * 10})
        with pytest.raises(InputNotReadable, match="shorter than when the job listed it"):
            records(store, [Part(Piece(INPUT, key, 0, 30), 10, 100)], Text())

"""The lines around a place in an object: which they are, and how they are shown on a terminal."""

from __future__ import annotations

from typing import Any, cast

import pytest

from marla.explain import excerpt
from marla.explain.excerpt import Place
from marla.explain.explanation import Excerpt
from tests.unit.cuts import COMPRESSORS
from tests.unit.failed_cloud import FakeCloud, refusal
from tests.unit.memory_s3 import MemoryS3, Stored

NUMBERED = b"".join(b"line %05d\n" % number for number in range(10_000))  # of 11 bytes each
LONG = 11  # bytes of a line


def read(data: bytes, offset: int, key: str = "data.csv", **others: Any) -> Excerpt:
    s3 = MemoryS3()
    s3.objects["in", key] = Stored(data, {}, "")
    return excerpt.read(FakeCloud(s3).stack(), Place(f"s3://in/{key}", offset, **others))


def shown(found: Excerpt) -> list[tuple[int, str, bool]]:
    return [(line.offset, line.text, line.bad) for line in found.lines]


def test_two_lines_before_and_behind_are_shown_with_their_offsets() -> None:
    found = read(NUMBERED, 5000 * LONG)
    assert shown(found) == [
        (4998 * LONG, "line 04998", False),
        (4999 * LONG, "line 04999", False),
        (5000 * LONG, "line 05000", True),
        (5001 * LONG, "line 05001", False),
        (5002 * LONG, "line 05002", False),
    ]
    assert found.note == ""


def test_at_the_ends_of_an_object_there_are_fewer() -> None:
    assert [line.text for line in read(NUMBERED, 0).lines] == ["line 00000", "line 00001", "line 00002"]
    assert [line.text for line in read(NUMBERED, 9999 * LONG).lines] == [
        "line 09997",
        "line 09998",
        "line 09999",
    ]
    assert shown(read(b"bad", 0)) == [(0, "bad", True)]


def test_empty_lines_are_lines() -> None:
    assert shown(read(b"a\n\n\nb\n", 2)) == [
        (0, "a", False),
        (2, "", True),
        (3, "", False),
        (4, "b", False),
    ]


def test_what_a_terminal_would_take_for_a_command_is_escaped() -> None:
    [line] = read(b"a\x1b[31m\tb\x00\x07 \xff\xfe \xe2\x80\xae \xc3\xa4\r\n", 0).lines
    assert line.text == r"a\x1b[31m\tb\x00\x07 \xff\xfe \u202e ä"


def test_a_line_that_is_too_long_is_cut() -> None:
    found = read(b"a\n" + b"x" * 100_000 + b"\nb\n", 2)
    assert shown(found) == [(0, "a", False), (2, "x" * excerpt.WIDTH + "…", True)]


def test_of_a_long_line_before_the_end_is_shown() -> None:
    found = read(b"y" * 99_990 + b"0123456789\nbad\nc\n", 100_001)
    before, bad, behind = found.lines
    assert before.text.startswith("…y")
    assert before.text.endswith("y0123456789")
    assert (bad.text, behind.text) == ("bad", "c")


def test_a_line_that_the_read_bytes_end_in_is_not_shown_as_if_it_were_whole() -> None:
    data = b"bad" + b"." * (excerpt.REACH - 10) + b"\nhere it is cut, for more than 2,048 bytes\n"
    assert [line.bad for line in read(data, 0).lines] == [True]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_the_place_in_a_compressed_object_is_one_of_its_data(suffix: str) -> None:
    found = read(COMPRESSORS[suffix](NUMBERED), 9000 * LONG, f"data.csv{suffix}")
    assert [line.text for line in found.lines if line.bad] == ["line 09000"]
    assert found.lines[0].offset == 8998 * LONG


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_of_a_compressed_object_that_is_damaged_what_is_before_the_damage_is_shown(suffix: str) -> None:
    data = COMPRESSORS[suffix](NUMBERED * 30)  # more than a block of bzip2's
    found = read(data[: len(data) - 5], LONG, f"data.csv{suffix}")
    assert (found.note, [line.text for line in found.lines if line.bad]) == ("", ["line 00001"])
    nothing = read(data[:10], LONG, f"data.csv{suffix}")
    assert nothing.lines == ()
    assert nothing.note.startswith("it could not be read: ")


def test_a_place_that_is_too_far_in_a_compressed_object_is_not_searched_for() -> None:
    cloud = FakeCloud(MemoryS3())
    found = excerpt.read(cloud.stack(), Place("s3://in/data.gz", excerpt.MOST + 1))
    assert (found.lines, cloud.requests["get_object"]) == ((), 0)
    assert found.note == "not shown: 67,108,865 bytes would have to be decompressed to reach it"


def test_records_of_a_fixed_length_are_shown_one_by_one() -> None:
    data = b"aaaa\nbbbbbcccc\ndddddeeeeefffff"
    assert shown(read(data, 10, record_bytes=5)) == [
        (0, r"aaaa\n", False),
        (5, "bbbbb", False),
        (10, r"cccc\n", True),
        (15, "ddddd", False),
        (20, "eeeee", False),
    ]


def test_of_parquet_no_lines_are_shown() -> None:
    assert read(b"PAR1", 0, "x.PARQUET") == Excerpt(
        "s3://in/x.PARQUET", note="it is no text, so no lines are shown"
    )


def test_an_object_that_was_written_again_since_is_said_to_be_another() -> None:
    assert read(b"a\nb\n", 2, etag="another").note.startswith("the object has been written again since")
    assert [line.text for line in read(b"a\nb\n", 2, etag="another").lines] == ["a", "b"]


@pytest.mark.parametrize(("size", "note"), [(5, "has become shorter since"), (0, "has become shorter since")])
def test_an_object_that_ends_before_the_place_now_is_said_to(size: int, note: str) -> None:
    assert note in read(b"x" * size, 5000).note


def test_a_compressed_object_that_ends_before_the_place_now_is_said_to() -> None:
    assert read(COMPRESSORS[".gz"](b"a\n"), 5000, "x.gz").note == "the object ends before it"


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("AccessDenied", "your credentials may not read the object"),
        ("403", "your credentials may not read the object"),
        ("NoSuchKey", "the object is gone"),
        ("404", "the object is gone"),
        ("NoSuchBucket", "the object's bucket is gone"),
        ("SlowDown", "it could not be read: An error occurred (SlowDown) when calling"),
    ],
)
def test_an_object_that_cannot_be_read_is_no_failure(code: str, note: str) -> None:
    class Refusing:
        def get_object(self, **_: Any) -> Any:
            raise refusal(code)

    found = excerpt.read(FakeCloud(cast(Any, Refusing())).stack(), Place("s3://in/x", 5))
    assert (found.object, found.lines) == ("s3://in/x", ())
    assert found.note.startswith(note)


def test_few_bytes_of_a_large_object_are_read() -> None:
    s3 = MemoryS3()
    s3.objects["in", "x"] = Stored(NUMBERED * 10, {}, "")
    excerpt.read(FakeCloud(s3).stack(), Place("s3://in/x", 50_000))
    assert (s3.requests["get_object"], s3.bytes_sent) == (1, 2 * excerpt.REACH)

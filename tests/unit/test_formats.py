from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce import Csv, Fixed, JsonLines, Text, Whole, parsing
from mapreduce.errors import InvalidParameter
from mapreduce.formats import Format, format_from
from mapreduce.pieces import Block
from tests.unit.cuts import COMPRESSORS, blocks_in, cut, split
from tests.unit.memory_s3 import memory_store
from tests.unit.parsed import records, rejects
from tests.unit.pipeline import INPUT

HEADED = Csv(header=True)


# Parts of blocks


@given(
    lines=st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), min_size=1, max_size=12),
    ended=st.booleans(),
    size=st.integers(1, 20),
)
def test_the_parts_of_a_block_of_lines_are_whole_lines_and_all_of_it(
    lines: list[bytes], ended: bool, size: int
) -> None:
    data = b"\n".join(lines) + b"\n" * ended
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsing, "PARSE_BYTES", size)
        parts = list(Text().parts_of(Block(70, data)))
    assert b"".join(part.data for part in parts) == data
    offset = 70
    for number, part in enumerate(parts, start=1):
        assert part.offset == offset
        assert part.data.endswith(b"\n") or number == len(parts)
        assert b"\n" not in part.data[size:-1]
        offset += len(part.data)


@given(data=st.binary(min_size=1, max_size=60), length=st.integers(1, 20), size=st.integers(1, 30))
def test_the_parts_of_a_block_of_records_of_a_fixed_length_are_whole_records_and_all_of_it(
    data: bytes, length: int, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsing, "PARSE_BYTES", size)
        parts = list(Fixed(length).parts_of(Block(70, data)))
    assert b"".join(part.data for part in parts) == data
    assert [part.offset - 70 for part in parts] == list(range(0, len(data), -(-size // length) * length))


def test_a_whole_object_is_parsed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "PARSE_BYTES", 3)
    assert list(Whole().parts_of(Block(0, b"one\ntwo\n"))) == [Block(0, b"one\ntwo\n")]


# Records of a fixed length


def test_records_of_a_fixed_length_are_texts_of_a_character_for_each_byte() -> None:
    data = bytes(range(256))
    found = records(Fixed(4), data)
    assert len(found) == 64
    assert "".join(found).encode("latin-1") == data
    assert sorted(found) == found


def test_records_of_a_fixed_length_may_hold_anything() -> None:
    assert records(Fixed(3), b"\xef\xbb\xbf\n\r\n\0\0\0") == ["ï»¿", "\n\r\n", "\0\0\0"]


def test_the_place_of_a_record_of_a_fixed_length_is_told() -> None:
    parsed = Fixed(3).parse(Block(30, b"abcdefgh"))
    assert [parsed.locate(index) for index in range(2)] == [(30, b"abc"), (33, b"def")]


def test_a_last_record_that_is_too_short_is_set_aside_and_the_others_stay() -> None:
    parsed = Fixed(3).parse(Block(30, b"abcdefgh"))
    assert parsed.records == ["abc", "def"]
    (reject,) = parsed.rejects
    assert (reject.offset, reject.data) == (36, b"gh")
    assert reject.reason == "the object ends after 2 of the record's 3 bytes (format.length)"


def test_an_object_shorter_than_one_record_is_one_bad_record() -> None:
    assert rejects(Fixed(), b"x") == [(0, b"x")]
    assert Fixed().parse(Block(0, b"x")).records == []


# Whole objects


@pytest.mark.parametrize("text", ["a", "\n", "one\r\ntwo\n", "첫 줄\n둘째 줄", "\0"])
def test_a_whole_object_is_its_text(text: str) -> None:
    parsed = Whole().parse(Block(0, text.encode()))
    assert (parsed.records, parsed.rejects) == ([text], [])
    assert parsed.locate(0) == (0, text.encode())


@pytest.mark.parametrize("text", ["", "text"])
def test_a_byte_order_mark_is_no_part_of_a_whole_object(text: str) -> None:
    parsed = Whole().parse(Block(0, b"\xef\xbb\xbf" + text.encode()))
    assert parsed.records == [text]
    assert parsed.locate(0) == (3, text.encode())


def test_a_whole_object_that_is_not_utf8_is_set_aside() -> None:
    parsed = Whole().parse(Block(0, b"fine\n\xff\n"))
    assert parsed.records == []
    (reject,) = parsed.rejects
    assert (reject.offset, reject.data) == (0, b"fine\n\xff\n")
    assert "utf-8" in reject.reason
    assert "position 5" in reject.reason


# Places


ALL_OF_A_TEXT = "첫 줄,1\r\n\n둘째,2\nlast,3"
EACH = [
    (Text(), [(0, "첫 줄,1"), (11, ""), (12, "둘째,2"), (21, "last,3")]),
    (Csv(), [(0, ["첫 줄", "1"]), (12, ["둘째", "2"]), (21, ["last", "3"])]),
    (Whole(), [(0, ALL_OF_A_TEXT)]),
    (
        Fixed(9),
        [(start, ALL_OF_A_TEXT.encode()[start : start + 9].decode("latin-1")) for start in (0, 9, 18)],
    ),
]


def located(format: Format, blocks: list[Block]) -> list[tuple[int, Any]]:
    found = []
    for block in blocks:
        for part in format.parts_of(block):
            parsed = format.parse(part)
            assert parsed.rejects == []
            found += [(parsed.locate(index)[0], record) for index, record in enumerate(parsed.records)]
    return found


@pytest.mark.parametrize(("format", "expected"), EACH)
def test_each_record_is_parsed_once_and_located_whatever_the_size_of_pieces_is(
    format: Format, expected: list[tuple[int, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ALL_OF_A_TEXT.encode()
    assert len(data) == 27
    _, store = memory_store(INPUT, {"a": data})
    monkeypatch.setattr(parsing, "PARSE_BYTES", 1)
    for split_bytes in range(1, len(data) + 2):
        found = blocks_in(store, split("a", len(data), split_bytes), format.framing)
        assert located(format, found) == expected


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize(("format", "expected"), EACH)
def test_a_compressed_object_has_the_records_of_its_plain_data(
    suffix: str, format: Format, expected: list[tuple[int, Any]]
) -> None:
    data = COMPRESSORS[suffix](ALL_OF_A_TEXT.encode())
    _, store = memory_store(INPUT, {"a" + suffix: data})
    assert located(format, blocks_in(store, cut("a" + suffix, len(data), []), format.framing)) == expected


@pytest.mark.parametrize("format", [Text(), Csv(), JsonLines()])
def test_places_are_found_once_for_all_records_and_only_if_they_are_asked_for(
    format: Format,
) -> None:
    looked: list[int] = []

    class Watched(bytes):
        """Lines that tell when they are cut."""

        def split(self, *separators: Any) -> list[bytes]:
            looked.append(1)
            return super().split(*separators)

    data = b"".join(b"%d\n" % number for number in range(1000))
    parsed = format.parse(Block(0, Watched(data)))
    assert looked == []
    assert [parsed.locate(index)[1] for index in range(1000)] == data.split()
    assert len(looked) == 1


# Options


@pytest.mark.parametrize(
    ("spec", "default", "expected"),
    [
        (None, HEADED, HEADED),
        ("text", HEADED, Text()),
        ("jsonl", Text(), JsonLines()),
        ({"type": "csv"}, Text(), Csv()),
        ({"type": "csv", "delimiter": "\t", "header": True}, Text(), Csv(delimiter="\t", header=True)),
        ({"type": "csv", "columns": ["a", "b"]}, Text(), Csv(columns=("a", "b"))),
        ({"type": "csv", "delimiter": "|"}, Csv(quote="", columns=("a",)), Csv("|", "", ("a",))),
        ({"type": "text"}, Csv(), Text()),
        ("fixed", Text(), Fixed(100)),
        ("fixed", Fixed(7), Fixed(7)),
        ({"type": "fixed", "length": 1}, Fixed(7), Fixed(1)),
        ("whole", Fixed(7), Whole()),
    ],
)
def test_an_input_may_choose_a_format_or_change_options_of_the_jobs(
    spec: object, default: Format, expected: Format
) -> None:
    assert format_from(spec, default) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("xml", r"format: got 'xml'; give one of text, csv, jsonl, fixed, whole, parquet"),
        (7, r"format: got 7; give one of"),
        ([], r"format: got \[\]; give one of"),
        ({}, r"format: got \{\}; give one of"),
        ({"type": ["csv"]}, r"format: got \{'type': \['csv'\]\}; give one of"),
        (
            {"type": "text", "delimiter": ";"},
            r"format.delimiter: text has no such option; it takes no options",
        ),
        ({"type": "csv", "sep": ";"}, r"format.sep: csv has no such option; it takes delimiter, quote, col"),
        ({"type": "csv", "delimiter": ";;"}, r"format.delimiter: got ';;'; give one character"),
        ({"type": "csv", "delimiter": ""}, r"format.delimiter: got ''; give one character"),
        ({"type": "csv", "delimiter": 7}, r"format.delimiter: got 7; give a text"),
        ({"type": "csv", "quote": "''"}, r"format.quote: got \"''\"; give one character, or \"\" for none"),
        ({"type": "csv", "header": "yes"}, r"format.header: got 'yes'; give true or false"),
        ({"type": "csv", "header": 1}, r"format.header: got 1; give true or false"),
        *(
            (
                {"type": "fixed", "length": length},
                rf"format\.length: got {got}; give a whole number of at least 1",
            )
            for length, got in [
                (0, "0"),
                (-5, "-5"),
                (2.5, r"2\.5"),
                ("100", "'100'"),
                (True, "True"),
                (None, "None"),
            ]
        ),
        ({"type": "fixed", "size": 5}, r"format.size: fixed has no such option; it takes length"),
        ({"type": "whole", "length": 5}, r"format.length: whole has no such option; it takes no options"),
        ({"type": "csv", "columns": "ab"}, r"format.columns: got 'ab'; give a list of names"),
        ({"type": "csv", "columns": 5}, r"format.columns: got 5; give a list of names"),
        ({"type": "csv", "columns": ["a", 1]}, r"format.columns: got \['a', 1\]; give a list of names"),
    ],
)
def test_a_wrong_format_names_field_value_and_what_to_give(spec: object, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        format_from(spec, Text())

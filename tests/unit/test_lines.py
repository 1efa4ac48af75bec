import csv
import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mapreduce import Csv, JsonLines, Text
from mapreduce.formats import Format
from mapreduce.pieces import Block
from tests.unit.parsed import records, rejects

PLAIN_CSV = Csv()
NO_QUOTES = Csv(quote="")
HEADED = Csv(header=True)

CSV_CHARACTERS = 'ab,"\r ;한'


def reason(format: Format, line: bytes) -> str:
    (reject,) = format.parse(Block(0, line)).rejects
    return reject.reason


# Lines


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\ntwo", ["one", "two"]),
        (b"one\r\ntwo\r\n", ["one", "two"]),
        (b"one\r\ntwo\r", ["one", "two"]),
        (b"\n\none\n\n", ["", "", "one", ""]),
        (b"a\rb\n", ["a\rb"]),
        (
            "한 줄\n\u2028 is no end\x0b\x0c\x85 of a line\n".encode(),
            ["한 줄", "\u2028 is no end\x0b\x0c\x85 of a line"],
        ),
        (b"", []),
    ],
)
def test_text_is_lines_without_their_ends(data: bytes, expected: list[str]) -> None:
    assert records(Text(), data) == expected


@pytest.mark.parametrize(
    ("format", "line", "expected"),
    [(Text(), b"a", "a"), (PLAIN_CSV, b"a,b", ["a", "b"]), (JsonLines(), b"[1]", [1])],
)
def test_a_byte_order_mark_at_an_objects_start_is_no_part_of_its_first_record(
    format: Format, line: bytes, expected: object
) -> None:
    parsed = format.parse(Block(0, b"\xef\xbb\xbf" + line + b"\n"))
    assert parsed.records == [expected]
    assert parsed.locate(0) == (3, line)


def test_a_byte_order_mark_elsewhere_is_data() -> None:
    assert records(Text(), b"\xef\xbb\xbfa\n", offset=100) == ["\ufeffa"]


def test_an_object_of_nothing_but_a_byte_order_mark_has_no_records() -> None:
    assert records(Text(), b"\xef\xbb\xbf") == []


@pytest.mark.parametrize("format", [Text(), PLAIN_CSV, NO_QUOTES, JsonLines()])
def test_a_line_that_is_not_utf8_is_set_aside_and_the_others_stay(format: Format) -> None:
    parsed = format.parse(Block(1000, b'"a"\r\n"\xff"\r\n\n"b"\n'))
    assert [record for record in parsed.records if record] == (
        records(format, b'"a"\n') + records(format, b'"b"\n')
    )
    (reject,) = parsed.rejects
    assert (reject.offset, reject.data) == (1005, b'"\xff"\r')
    assert "utf-8" in reject.reason
    assert parsed.locate(len(parsed.records) - 1) == (1011, b'"b"')


@pytest.mark.parametrize("format", [PLAIN_CSV, NO_QUOTES, JsonLines(), Csv(columns=("only",))])
def test_blank_lines_are_no_records_of_tables(format: Format) -> None:
    data = b"\n1\n\r\n\n2\r\n\n"
    assert len(records(format, data)) == 2
    parsed = format.parse(Block(10, data))
    assert [parsed.locate(0), parsed.locate(1)] == [(11, b"1"), (16, b"2\r")]


@pytest.mark.parametrize(
    "format", [Text(), PLAIN_CSV, NO_QUOTES, Csv(columns=("a", "b")), Csv(delimiter=";"), JsonLines()]
)
@given(
    some=st.lists(
        st.one_of(
            st.text(CSV_CHARACTERS, max_size=8).map(str.encode),
            st.binary(max_size=4).map(lambda data: data.replace(b"\n", b"")),
            st.sampled_from([b"1,2", b"[1]", b'{"a":"\\u00e9"}', b"NaN", b'"q, d",x', b'"a""b",c', b"\r"]),
        ),
        max_size=8,
    )
)
@example(some=[b'"x",y', b"a\r\r"])
@example(some=[b'"x', b'y"'])
def test_a_line_means_the_same_whatever_lines_are_read_with_it(format: Format, some: list[bytes]) -> None:
    together = format.parse(Block(100, b"".join(line + b"\n" for line in some)))
    alone, offset = [], 100
    for line in some:
        alone.append(format.parse(Block(offset, line + b"\n")))
        offset += len(line) + 1
    assert together.records == [record for one in alone for record in one.records]
    assert together.rejects == [reject for one in alone for reject in one.rejects]
    places = [one.locate(index) for one in alone for index in range(len(one.records))]
    assert [together.locate(index) for index in range(len(together.records))] == places


# csv


@given(
    rows=st.lists(st.lists(st.text('ab",; 한', max_size=5), min_size=1, max_size=4), max_size=6),
    delimiter=st.sampled_from(",;"),
)
def test_csv_reads_what_pythons_csv_module_writes(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    assert records(Csv(delimiter=delimiter), text.getvalue().encode()) == rows


def test_quotes_may_hold_delimiters_and_quotes() -> None:
    assert records(PLAIN_CSV, b'a,"b,c","say ""hi"""\n"",x,\n') == [["a", "b,c", 'say "hi"'], ["", "x", ""]]


def test_without_quoting_a_quote_is_data() -> None:
    assert records(NO_QUOTES, b'5" disk,"\n') == [['5" disk', '"']]


def test_a_field_may_be_long() -> None:
    assert records(PLAIN_CSV, b'"' + b"x" * 200_000 + b'"\n') == [["x" * 200_000]]


@pytest.mark.parametrize("line", [b'a,"open', b'"open,b', b'a,"b"c'])
def test_a_quote_that_does_not_close_on_its_line_spoils_that_line_alone(line: bytes) -> None:
    parsed = PLAIN_CSV.parse(Block(0, b'1,"2"\n' + line + b'\n3,"4"\n'))
    assert parsed.records == [["1", "2"], ["3", "4"]]
    (reject,) = parsed.rejects
    assert (reject.offset, reject.data) == (6, line)
    assert "quote" in reject.reason


def test_a_record_of_another_number_of_fields_is_set_aside() -> None:
    parsed = Csv(columns=("a", "b")).parse(Block(7, b"1,2\n1\n1,2,3\n3,4\n"))
    assert parsed.records == [["1", "2"], ["3", "4"]]
    assert [(reject.offset, reject.data) for reject in parsed.rejects] == [(11, b"1"), (13, b"1,2,3")]
    assert "1 fields where 2 are expected" in parsed.rejects[0].reason


def test_without_columns_records_may_have_any_number_of_fields() -> None:
    assert records(PLAIN_CSV, b"1\n1,2\n") == [["1"], ["1", "2"]]


@pytest.mark.parametrize("line", [b"name,city", b"name,city\r", b"\xef\xbb\xbfname,city", b'"name",city'])
def test_a_header_names_the_columns(line: bytes) -> None:
    format = HEADED.with_header(line)
    block = Block(0, line + b"\nKim,Seoul\r\n")
    parsed = format.parse(block)
    assert parsed.records == [{"name": "Kim", "city": "Seoul"}]
    assert parsed.locate(0) == (len(line) + 1, b"Kim,Seoul\r")


def test_only_the_first_line_of_an_object_is_its_header() -> None:
    format = HEADED.with_header(b"name")
    assert records(format, b"name\nname\n") == [{"name": "name"}]
    assert records(format, b"name\n", offset=500) == [{"name": "name"}]


def test_an_object_of_nothing_but_a_header_has_no_records() -> None:
    format = HEADED.with_header(b"name")
    assert records(format, b"name\n") == []
    assert records(format, b"name") == []


def test_a_record_that_does_not_fit_the_header_is_set_aside_with_its_place() -> None:
    assert rejects(HEADED.with_header(b"a,b"), b"a,b\n1,2\n3\n") == [(8, b"3")]


def test_a_header_is_left_out_where_the_job_knows_the_columns_and_records_stay_lists() -> None:
    format = Csv(columns=("x", "y"), header=True)
    assert not format.needs_header
    assert format.parse(Block(0, b"a,b\n1,2\n")).records == [["1", "2"]]
    assert format.parse(Block(8, b"3,4\n")).records == [["3", "4"]]


def test_only_a_format_with_a_header_needs_one() -> None:
    assert HEADED.needs_header
    assert not any(format.needs_header for format in (PLAIN_CSV, Text(), JsonLines()))


# jsonl


@given(
    st.lists(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
            max_leaves=5,
        ),
        max_size=5,
    )
)
def test_json_lines_are_read_as_written(values: list[Any]) -> None:
    data = "".join(json.dumps(value) + "\n" for value in values)
    assert records(JsonLines(), data.encode()) == values


@pytest.mark.parametrize("text", ["NaN", '{"a": NaN}', "[-Infinity]", "Infinity"])
def test_what_json_cannot_say_is_set_aside(text: str) -> None:
    assert "is not JSON" in reason(JsonLines(), text.encode())


@pytest.mark.parametrize("line", [b"{", b"[1, 2", b"{'a': 1}", b"1 2", b"  ", b"9" * 5000])
def test_a_line_that_is_not_json_is_set_aside_and_the_others_stay(line: bytes) -> None:
    parsed = JsonLines().parse(Block(3, b"1\n" + line + b"\n2\n"))
    assert parsed.records == [1, 2]
    assert [(reject.offset, reject.data) for reject in parsed.rejects] == [(5, line)]


def test_json_nested_too_deeply_is_set_aside_and_does_not_end_the_task() -> None:
    line = b"[" * 100_000 + b"]" * 100_000
    assert rejects(JsonLines(), b"1\n" + line + b"\n") == [(2, line)]

import csv
import io
import json
import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce import Csv, Job
from mapreduce.errors import BadResult
from mapreduce.rows import flatten
from tests.unit.parsed import records
from tests.unit.sample_jobs import Fussy, Shouted
from tests.unit.written import Row, stored, written

TEXT_AND_COUNT = Shouted()


class Bars(Fussy):
    """Write text with bars between fields."""

    separator = " | "


class OneALine(Fussy):
    """Write text with each field on a line."""

    separator = "\n"


def bytes_of(rows: list[Row]) -> bytes:
    return stored(rows, "raw", Fussy()).data


# Fields


@pytest.mark.parametrize(
    ("key", "value", "fields"),
    [
        ("a", 1, ["a", 1]),
        (("a", 1), 2.5, ["a", 1, 2.5]),
        ("a", [1, "b", None, True], ["a", 1, "b", None, True]),
        (("a", "b"), (1, 2), ["a", "b", 1, 2]),
        ("a", [], ["a"]),
        ("a", {"b": 1}, None),
        ("a", [[1]], None),
        ("a", [(1,)], None),
        ("a", {1, 2}, None),
        ("a", date(2009, 1, 1), None),
    ],
)
def test_a_row_is_flat_if_its_fields_are_scalars(key: Any, value: Any, fields: list[Any] | None) -> None:
    assert flatten(key, value) == fields


# csv


def test_csv_writes_truth_in_small_letters_and_nothing_for_none() -> None:
    assert written([("a", [True, False, None, 0, 1.50])])[0] == "a,true,false,,0,1.5\n"


@given(st.lists(st.tuples(st.text('ab",\n\r;한 '), st.text('ab",\n\r;한 ')), max_size=8))
def test_any_text_comes_back_from_csv(rows: list[Row]) -> None:
    text, _ = written(rows, "csv")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [list(row) for row in rows]


@pytest.mark.parametrize("field", ["\ufeff", "\ufeffa", "\ufeff,", '\ufeff"'])
def test_a_first_field_that_begins_like_a_byte_order_mark_is_read_again(field: str) -> None:
    data = stored([(field, "\ufeffb")], "csv", Fussy()).data
    assert records(Csv(), data) == [[field, "\ufeffb"]]


def test_what_utf8_cannot_say_is_escaped() -> None:
    assert written([("\ud800", "é")])[0] == "\\ud800,é\n"
    assert json.loads(written([("\ud800", {})])[0]) == {"key": "\ud800", "value": {}}


def test_a_row_that_is_not_flat_behind_flat_ones_says_what_to_set() -> None:
    with pytest.raises(
        BadResult, match=r"the row of key 'b' is not flat, but the rows before it .*output to jsonl"
    ):
        written([("a", 1), ("b", {})])


def test_a_row_that_is_not_flat_where_csv_was_asked_for_says_what_to_set() -> None:
    with pytest.raises(
        BadResult, match=r"the row of key 'a' is not flat, but the output is csv: .*output to jsonl"
    ):
        written([("a", [[]])], "csv")


# jsonl


def test_columns_name_the_fields_of_flat_rows() -> None:
    assert written([("a", 1), (("b", True), [])], "jsonl", TEXT_AND_COUNT)[0] == (
        '{"text": "a", "count": 1}\n{"text": "b", "count": true}\n'
    )


def test_columns_name_fields_that_are_not_flat_too() -> None:
    rows: list[Row] = [("a", (["x", "y"],)), ("b", {"c": "한"}), (("d", [1]), ()), ("e", [[]])]
    assert written(rows, "jsonl", TEXT_AND_COUNT)[0] == (
        '{"text": "a", "count": ["x", "y"]}\n'
        '{"text": "b", "count": {"c": "한"}}\n'
        '{"text": "d", "count": [1]}\n'
        '{"text": "e", "count": []}\n'
    )


def test_rows_that_columns_do_not_fit_have_a_key_and_a_value() -> None:
    rows: list[Row] = [("a", [1, 2]), ("b", ({"c": "한"}, [])), (("d", 1), {}), ("e", [])]
    assert written(rows, "jsonl", TEXT_AND_COUNT)[0] == (
        '{"key": "a", "value": [1, 2]}\n'
        '{"key": "b", "value": [{"c": "한"}, []]}\n'
        '{"key": ["d", 1], "value": {}}\n'
        '{"key": "e", "value": []}\n'
    )


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, {"deep": math.nan}, {1, 2}, date(2009, 1, 1), b"bytes"]
)
def test_a_row_that_json_cannot_say_is_named_by_its_key(value: Any) -> None:
    with pytest.raises(BadResult, match=r"the row of key \('a', 1\) is nothing that JSON can say"):
        written([(("a", 1), value)], "jsonl")


# text


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (("line of text", ()), "line of text"),
        (("", ()), ""),
        (((), "line"), "line"),
        (((), ()), ""),
        (("a", 1), "a\t1"),
        ((("a", 2), ["b", 1.50, 10**20]), "a\t2\tb\t1.5\t100000000000000000000"),
        (("a", [None, True, False, ""]), "a\t\ttrue\tfalse\t"),
        (("a", None), "a\t"),
        ((7, []), "7"),
        (("한\t글", "\r"), "한\t글\t\r"),
    ],
)
def test_text_is_a_line_for_each_row(row: Row, line: str) -> None:
    assert written([row, ("next", ())], "text") == (line + "\nnext\n", {"marla-format": "text"})


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text("ab1.")), min_size=1))
def test_text_has_numbers_and_truth_as_csv_has_them(fields: list[Any]) -> None:
    (row,) = csv.reader(io.StringIO(written([("a", fields)], "csv")[0]))
    assert written([("a", fields)], "text")[0] == "\t".join(row) + "\n"


def test_a_job_says_what_is_between_the_fields_of_its_text() -> None:
    assert written([("a", 1), ("b", ())], "text", Bars())[0] == "a | 1\nb\n"


@pytest.mark.parametrize("row", [("a\n", ()), ("\n", 1), ("a", "\n"), (("a", "b\nc"), [1])])
@pytest.mark.parametrize("job", [Fussy(), OneALine()])
def test_a_field_with_a_newline_is_no_text(row: Row, job: Job) -> None:
    message = r"the row of key .* has a field with a newline, but the output is text, .*csv or jsonl"
    with pytest.raises(BadResult, match=message):
        written([row], "text", job)


def test_a_newline_may_be_between_fields() -> None:
    assert written([("a", ["b", 1])], "text", OneALine())[0] == "a\nb\n1\n"


@pytest.mark.parametrize("value", [{}, [[1]], b"bytes"])
def test_a_row_that_is_not_flat_is_no_text(value: Any) -> None:
    message = r"the row of key 'a' is not flat, but the output is text: set output to jsonl"
    with pytest.raises(BadResult, match=message):
        written([("a", value)], "text")


# raw


def test_raw_output_is_the_bytes_of_characters_and_nothing_else() -> None:
    rows: list[Row] = [("ab", ()), (("c\n", "d"), ["", "e"]), ("", "\0"), ("f", [])]
    assert bytes_of(rows) == b"abc\nde\0f"


@given(st.lists(st.binary(max_size=5)))
def test_any_bytes_can_be_written(some: list[bytes]) -> None:
    assert bytes_of([(data.decode("latin-1"), ()) for data in some]) == b"".join(some)


@pytest.mark.parametrize("row", [("é한", ()), ("a", "é한"), ("a", ["b", "한"]), (("한", "b"), ())])
def test_a_character_that_is_no_byte_is_named(row: Row) -> None:
    message = r"the row of key .* has the character '한', but the output is raw, .*latin-1.*output to text"
    with pytest.raises(BadResult, match=message):
        bytes_of([("fine", ()), row])


@pytest.mark.parametrize("field", [None, 0, 65, 1.5, True, b"bytes", {"a": 1}, ["a"]])
def test_raw_output_takes_nothing_but_texts(field: Any) -> None:
    for row in [("a", (field,)), (("a", field), ()), ((field,), ())]:
        with pytest.raises(BadResult, match=r"has the field .*, but the output is raw, which takes str"):
            bytes_of([row])

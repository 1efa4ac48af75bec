"""Malformed input of SQL jobs: for each entry its answer, what is set aside and where, or the error.

Where records are set aside, the same input is an error without `maxBadRecords`, at the first of them.
"""

from __future__ import annotations

import gzip
import itertools
import json
import multiprocessing
import random
import resource
import struct
from typing import Any, NamedTuple

import pytest

from mapreduce.errors import BadObject, BadRecord, InvalidQuery, MarlaError, RecordTooLong
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import INPUT, read_all, run_on, run_pipeline
from tests.unit.sql_data import HEADER, csv_rows, parquet

pytestmark = pytest.mark.usefixtures("failures_are_explained")

REJECTS = "jobs/job-1/stage-0/rejects/0.jsonl"
COLUMNS = "k VARCHAR, n INTEGER"
SUM = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k", "columns": COLUMNS}
SUM_OF_DOUBLES = SUM | {"columns": "k VARCHAR, n DOUBLE"}
SUM_INFERRED = {"map": SUM["map"]}
LENGTHS = {"map": "SELECT length(k) AS k, n FROM input", "columns": COLUMNS}
COUNT = {"map": "SELECT count(*) AS n FROM input", "columns": COLUMNS}
TOTAL = {"map": "SELECT sum(n) AS n FROM input", "columns": COLUMNS}
COUNT_OF_ONE = COUNT | {"columns": "k VARCHAR"}
HEADED = {"map": "SELECT * FROM input"}

MARK = b"\xef\xbb\xbf"
MEGABYTES = b"x" * 10_000_000
WIDE: dict[str, Any] = {"maxRecordBytes": 16 << 20, "split_bytes": 1 << 30}


class Answer(NamedTuple):
    """The rows of the result."""

    rows: list[list[str]]


class Aside(NamedTuple):
    """A record is set aside: at which byte, why, and what the result is without it."""

    offset: int
    reason: str
    rows: list[list[str]]


class Fails(NamedTuple):
    """The job fails: with which error, of which text behind the object's URL."""

    error: type[MarlaError]
    text: str


What = Answer | Aside | Fails


class Entry(NamedTuple):
    key: str
    data: bytes
    job: dict[str, Any]
    what: What
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


def rows(*pairs: tuple[str, str]) -> list[list[str]]:
    return [list(pair) for pair in pairs]


def run(entry: Entry, limit: int) -> tuple[list[list[str]], list[dict[str, Any]]]:
    """Return the rows of a job's result, and what was set aside."""
    s3, _ = memory_store(INPUT, {entry.key: entry.data})
    outcome = run_pipeline(
        s3, entry.job, {entry.key: len(entry.data)}, maxBadRecords=limit, output="csv", **entry.options
    )
    rejects = sum(mapped["rejects"] for mapped in outcome.mapped)
    lines = read_all(s3, REJECTS).splitlines() if rejects else []
    assert rejects == len(lines)
    return csv_rows(outcome), list(map(json.loads, lines))


def check(entry: Entry) -> None:
    url = f"s3://{INPUT}/{entry.key}"
    match entry.what:
        case Answer(expected):
            assert run(entry, 0) == run(entry, 9) == (expected, [])
        case Aside(offset, reason, expected):
            found, [reject] = run(entry, 9)
            assert found == expected
            assert (reject["object"], reject["offset"]) == (url, offset)
            assert reason in reject["reason"]
            with pytest.raises(BadRecord) as bad:
                run(entry, 0)
            message = str(bad.value)
            assert message.startswith(f"{url} at byte {offset}")
            assert reason in message
            assert len(message) < 2000
        case Fails(error, text):
            for limit in (0, 9):
                with pytest.raises(error) as failed:
                    run(entry, limit)
                assert str(failed.value).startswith(url)
                assert text in str(failed.value)
                assert "marla://" not in str(failed.value)


def names(entries: list[Entry]) -> list[str]:
    return [entry.key for entry in entries]


# Csv

A, C = ("a", "1"), ("c", "3")
UTF_8 = "This file is not utf-8 encoded"
UNCLOSED = "a quote that is not closed on its line"


def csv(key: str, data: bytes, what: What, job: dict[str, Any] = SUM, **options: Any) -> Entry:
    return Entry(f"{key}.csv", data, job, what, options)


def headed(key: str, data: bytes, what: What) -> Entry:
    return csv(key, data, what, HEADED, format=HEADER)


CSV = [
    # Numbers
    csv("NaN as INTEGER", b"a,1\nb,NaN\nc,3\n", Aside(4, 'Could not convert string "NaN"', rows(A, C))),
    csv("word as INTEGER", b"a,1\nb,x\nc,3\n", Aside(4, 'Could not convert string "x"', rows(A, C))),
    csv("beyond INTEGER", b"a,1\nb,99999999999\nc,3\n", Aside(4, "Could not convert string", rows(A, C))),
    csv("NUL in INTEGER", b"a,1\nb,2\0\nc,3\n", Aside(4, "Could not convert string", rows(A, C))),
    csv("NaN as DOUBLE", b"b,NaN\n", Answer(rows(("b", "nan"))), SUM_OF_DOUBLES),
    csv("1e999 as DOUBLE", b"b,1e999\n", Answer(rows(("b", "inf"))), SUM_OF_DOUBLES),
    csv("hexadecimal", b"a,1\nb,0x1g\nc,3\n", Aside(4, "Could not convert string", rows(A, C))),
    # Fields
    csv("too few", b"a,1\nb\nc,3\n", Aside(4, "Expected Number of Columns: 2 Found: 1", rows(A, C))),
    csv("too many", b"a,1\nb,2,3\nc,3\n", Aside(4, "Expected Number of Columns: 2 Found: 3", rows(A, C))),
    csv("only delimiters", b"a,1\n,\n", Answer(rows(A, ("", "")))),
    csv("empty lines", b"\n\na,1\n\n\nc,3\n\n", Answer(rows(A, C))),
    csv("empty lines of one column", b"a\n\nb\n", Answer([["3"]]), COUNT_OF_ONE),
    csv("no line", b"\n", Answer([])),
    # Quotes
    csv("unclosed quote", b'a,1\n"b,2\nc,3\n', Aside(4, UNCLOSED, rows(A, C))),
    csv("unclosed quote at the end", b'a,1\nc,3\n"b', Aside(8, UNCLOSED, rows(A, C))),
    csv("quote in the middle", b'a,1\nb"x"b,2\n', Answer(rows(A, ('b"x"b', "2")))),
    csv("text behind a quote", b'a,1\n"b"x,2\nc,3\n', Aside(4, "unterminated quote", rows(A, C))),
    # Characters
    csv("invalid UTF-8", b"a,1\n\xff\xfe,2\nc,3\n", Aside(4, UTF_8, rows(A, C))),
    csv("invalid UTF-8 where none looks", b"a,1\n\xff\xfe,2\nc,3\n", Answer([["6"]]), TOTAL),
    csv("NUL in text", b"a,1\nb\0b,2\n", Answer(rows(A, ("b\0b", "2")))),
    csv("byte order mark", MARK + b"a,1\n", Answer(rows(A))),
    csv("two byte order marks", MARK * 2 + b"a,1\n", Answer(rows(("\ufeffa", "1")))),
    csv("UTF-16", "a,1\nb,2\n".encode("utf-16"), Fails(BadObject, "it begins as UTF-16 does")),
    csv("UTF-16 that is counted", "a,1\n".encode("utf-16"), Fails(BadObject, "as UTF-16 does"), COUNT),
    csv(
        "what is no line end",
        "a\x0b\x0c\x1c\x85\u2028z,1\n".encode(),
        Answer(rows(("a\x0b\x0c\x1c\x85\u2028z", "1"))),
    ),
    csv("carriage returns for line ends", b"a,1\rc,3\r", Answer(rows(A, C))),
    csv("carriage return in a line", b"a,1\nb,2\rd,4\nc,3\n", Aside(4, "invalid state", rows(A, C))),
    csv("mixed line ends", b"a,1\r\nc,3\n", Answer(rows(A, C))),
    csv("parquet as csv", parquet("SELECT 1 AS k"), Fails(BadObject, "it begins as parquet does")),
    csv("noise", b"a,1\n" + bytes(range(128, 256)) + b"\nc,3\n", Aside(4, "", rows(A, C))),
    csv(
        "quoting what looks like a message",
        b"a,1\nOriginal Line:\x0b{\x0c\xff,2\nc,3\n",
        Aside(4, UTF_8, rows(A, C)),
    ),
    # Sizes
    csv(
        "10 MB field",
        b"a,1\n" + MEGABYTES + b",2\nc,3\n",
        Answer(rows(("1", "1"), ("1", "3"), ("10000000", "2"))),
        LENGTHS,
        **WIDE,
    ),
    csv(
        "10 MB field beyond maxRecordBytes",
        b"a,1\n" + MEGABYTES + b",2\nc,3\n",
        Fails(RecordTooLong, "at byte 4: a record of more than 1048576 bytes"),
        split_bytes=1 << 30,
    ),
    csv(
        "10 MB that is no INTEGER",
        b"a,1\nb," + MEGABYTES[:3_000_000] + b"\nc,3\n",
        Aside(4, 'Could not convert string "xxx', rows(A, C)),
        **WIDE,
    ),
    # Headers
    csv("header only", b"k,n\n", Answer([]), SUM, format=HEADER),
    headed("header with a mark", MARK + b"k,n\na,1\n", Answer(rows(A))),
    headed("header with a name twice", b"k,k\n1,2\n", Answer(rows(("1", "2")))),
    headed("header without a name", b"k,\na,1\n", Answer(rows(A))),
    headed(
        "header of fewer names", b"k\na,1\nc\n", Aside(2, "Expected Number of Columns: 1 Found: 2", [["c"]])
    ),
    headed(
        "header with an unclosed quote", b'"k,n\na,1\n', Fails(BadObject, "does not say what its columns are")
    ),
    headed("header in UTF-16", "k,n\na,1\n".encode("utf-16"), Fails(BadObject, "it begins as UTF-16 does")),
    headed("header in Latin-1", b"k\xe4,n\na,1\n", Answer(rows(A))),
]


@pytest.mark.parametrize("entry", CSV, ids=names(CSV))
def test_malformed_csv(entry: Entry) -> None:
    check(entry)


@pytest.mark.parametrize("split_bytes", range(1, 12))
def test_a_byte_order_mark_within_csv_is_text_wherever_the_object_is_cut(split_bytes: int) -> None:
    """DuckDB leaves one out at the start of what it reads, and that may be the start of any piece."""
    data = MARK + b"a,1\n" + MARK + b"b,2\n" + MARK + MARK + b"c,3\n"
    found = csv_rows(run_on({"x.csv": data}, SUM, split_bytes=split_bytes))
    assert found == rows(A, ("\ufeffb", "2"), ("\ufeff\ufeffc", "3"))


@pytest.fixture
def small_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Csv is read 12 KB at once, with lines of 3 KB."""
    monkeypatch.setattr("mapreduce.sql.table.BUFFER_BYTES", 12_000)
    monkeypatch.setattr("mapreduce.sql.table.LINE_BYTES", 3000)
    monkeypatch.setattr("mapreduce.sql.tables.LINE_BYTES", 3000)


SUMMED = LENGTHS | {"reduce": "SELECT k, sum(n)::INTEGER AS n FROM input GROUP BY k", "key": ["k"]}


@pytest.mark.usefixtures("small_reads")
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_empty_lines_are_none_wherever_what_is_read_at_once_ends(line_end: bytes) -> None:
    for before in range(11_960, 12_001, 4):
        lines = [b"k" * 997 + b",0" + line_end[1:] for _ in range(11)] + [b"k" * (before - 11_001) + b",2"]
        data = b"\n".join(lines) + line_end * 20 + (b"a,1" + line_end) * 3000
        found = csv_rows(run_on({"x.csv": data}, SUMMED))
        assert sorted(found) == sorted([["1", "3000"], ["997", "0"], [str(before - 11_001), "2"]])


@pytest.mark.usefixtures("small_reads")
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("length", [2900, 3000, 3500, 6000, 11_990, 12_000, 12_010, 24_000])
def test_a_long_line_is_not_dropped_wherever_what_is_read_at_once_ends(length: int, line_end: bytes) -> None:
    """DuckDB drops it without a word where it ends at the end of what is read at once."""
    for end in (11_996, 11_998, 11_999, 12_000, 12_001, 12_002, 24_000):
        before = end - length - 2 - len(line_end)
        if before < 10:
            continue
        data = b"b" * 5 + b",0" + line_end
        data += (b"a,1" + line_end) * ((before - len(data)) // (3 + len(line_end)))
        data += b" " * (before - len(data)) + b"k" * length + b",7" + line_end + (b"a,1" + line_end) * 5000
        outcome = run_on({"x.csv": data}, SUMMED, **WIDE)
        assert outcome.mapped[0]["recordsIn"] == data.count(b"\n")
        assert sum(int(number) for _, number in csv_rows(outcome)) == data.count(b",1") + 7


# Json

GOOD = b'{"k":"a","n":1}\n'  # 16 bytes


def jsonl(key: str, line: bytes, what: What, job: dict[str, Any] = SUM, **options: Any) -> Entry:
    """Return an entry of a line between two good ones."""
    return Entry(f"{key}.jsonl", GOOD + line + b"\n" + GOOD, job, what, options)


def aside(reason: str) -> Aside:
    return Aside(16, reason, rows(("a", "2")))


def nested(depth: int) -> bytes:
    return b'{"k":' + b"[" * depth + b"]" * depth + b',"n":2}'


TWO = ("a", "2")
GOOD_TWICE = rows(A, A)
JSON = [
    # Nesting
    jsonl("10,000 lists deep", nested(10_000), Answer(rows(("1", "1"), ("1", "1"), ("20000", "2"))), LENGTHS),
    jsonl(
        "1,000,000 lists deep",
        nested(1_000_000),
        Answer(rows(("1", "1"), ("1", "1"), ("2000000", "2"))),
        LENGTHS,
        **WIDE,
    ),
    jsonl(
        "10,000 objects deep",
        b'{"k":' * 10_000 + b"1" + b"}" * 10_000,
        Answer(rows(("1", "1"), ("1", "1"), ("59995", ""))),
        LENGTHS,
    ),
    jsonl("10,000 lists that do not end", nested(10_000)[:10_000], aside("unexpected end of data")),
    jsonl(
        "10,000 lists deep, columns not given",
        nested(10_000),
        Fails(BadObject, "maximum recursion depth"),
        SUM_INFERRED,
    ),
    jsonl("10,000 lists for a number", b'{"n":' + nested(10_000) + b"}", aside("Failed to cast value")),
    # Numbers
    jsonl("NaN", b'{"k":"b","n":NaN}', aside("Failed to cast value to numerical: NaN")),
    jsonl("Infinity", b'{"k":"b","n":-Infinity}', aside("Failed to cast value to numerical: -Infinity")),
    jsonl("1e999", b'{"k":"b","n":1e999}', aside("Failed to cast value to numerical: 1e999")),
    jsonl(
        "10,000 digits",
        b'{"k":"b","n":' + b"9" * 10_000 + b"}",
        aside("Failed to cast value to numerical: 999"),
    ),
    jsonl("NaN as DOUBLE", b'{"k":"b","n":NaN}', Answer(rows(("a", "2.0"), ("b", "nan"))), SUM_OF_DOUBLES),
    jsonl("fraction as INTEGER", b'{"k":"b","n":1.5}', Answer(rows(TWO, ("b", "2")))),
    jsonl("number in a text", b'{"k":"b","n":"7"}', Answer(rows(TWO, ("b", "7")))),
    # Types
    jsonl("text for a number", b'{"k":"b","n":"x"}', aside('Failed to cast value to numerical: "x"')),
    jsonl("object for a text", b'{"k":{"b":1},"n":2}', Answer(rows(TWO, ('{"b":1}', "2")))),
    jsonl("number for a text", b'{"k":5,"n":2}', Answer(rows(("5", "2"), TWO))),
    jsonl(
        "text for a number, columns not given", b'{"k":"b","n":"x"}', Answer(rows(A, A, ("b", '"x"'))), HEADED
    ),
    jsonl("scalar", b"5", aside("Expected OBJECT, but got UBIGINT: 5")),
    jsonl("text", b'"x"', aside('Expected OBJECT, but got VARCHAR: "x"')),
    jsonl("true", b"true", aside("Expected OBJECT, but got BOOLEAN: true")),
    jsonl("null is a record of NULLs", b"null", Answer(rows(TWO, ("", "")))),
    jsonl("array", b"[1]", aside("Expected OBJECT, but got ARRAY: [1]")),
    jsonl(
        "scalar, columns not given",
        b"5",
        Fails(BadObject, "does not say what its columns are: "),
        SUM_INFERRED,
    ),
    # Names
    jsonl("name twice", b'{"k":"b","n":2,"n":3}', aside('has duplicate key "n"')),
    jsonl("name left out", b'{"k":"b"}', Answer(rows(TWO, ("b", "")))),
    jsonl("no name", b"{}", Answer(rows(TWO, ("", "")))),
    jsonl("name too many", b'{"k":"b","n":2,"z":[1]}', Answer(rows(TWO, ("b", "2")))),
    # Syntax
    jsonl("comma at the end", b'{"k":"b","n":2,}', Answer(rows(TWO, ("b", "2")))),
    jsonl("two objects", b'{"k":"b"}{"k":"c"}', aside("unexpected content after document")),
    jsonl("two objects apart", b'{"k":"b"} {"k":"c"}', aside("unexpected content after document")),
    jsonl("unclosed text", b'{"k":"b', aside("unexpected control character in string")),
    jsonl("single quotes", b"{'k':'b'}", aside("unexpected character")),
    jsonl("comment", b'{"k":"b"} // c', aside("unexpected content after document")),
    jsonl("empty lines", b"\n \n", Answer(rows(TWO))),
    jsonl("carriage return", b'{"k":"b"}\r{"k":"b"}', aside("unexpected content after document")),
    jsonl("carriage return before the newline", b'{"k":"b","n":2}\r', Answer(rows(TWO, ("b", "2")))),
    # Characters
    jsonl("invalid UTF-8", b'{"k":"\xff\xfe","n":2}', aside("invalid UTF-8 encoding in string")),
    jsonl("lone surrogate", b'{"k":"\\ud800","n":2}', aside("no low surrogate in string")),
    jsonl("NUL", b'{"k":"x\0y","n":2}', aside("unexpected control character in string")),
    jsonl("NUL, escaped", b'{"k":"x\\u0000y","n":2}', Answer(rows(TWO, ("x\0y", "2")))),
    jsonl("what is no line end", '{"k":"\x85\u2028","n":2}'.encode(), Answer(rows(TWO, ("\x85\u2028", "2")))),
    jsonl("byte order mark in a line", MARK + GOOD.strip(), aside("byte order mark (BOM) is not supported")),
    Entry("byte order mark.jsonl", MARK + GOOD, SUM, Answer(rows(A))),
    Entry("byte order mark, columns not given.jsonl", MARK + GOOD, SUM_INFERRED, Answer(rows(A))),
    Entry("UTF-16.jsonl", GOOD.decode().encode("utf-16"), SUM, Fails(BadObject, "it begins as UTF-16 does")),
    Entry(
        "UTF-16, columns not given.jsonl",
        GOOD.decode().encode("utf-16"),
        SUM_INFERRED,
        Fails(BadObject, "it begins as UTF-16"),
    ),
    # Sizes
    jsonl(
        "10 MB text",
        b'{"k":"' + MEGABYTES + b'","n":2}',
        Answer(rows(("1", "1"), ("1", "1"), ("10000000", "2"))),
        LENGTHS,
        **WIDE,
    ),
    jsonl(
        "3 MB for a number",
        b'{"k":"b","n":"' + MEGABYTES[:3_000_000] + b'"}',
        aside('Failed to cast value to numerical: "xxx'),
        **WIDE,
    ),
]


@pytest.mark.parametrize("entry", JSON, ids=names(JSON))
def test_malformed_json(entry: Entry) -> None:
    check(entry)


# Parquet

WHOLE = parquet("SELECT 'k' || i % 7 AS k, i::INTEGER AS n FROM range(3000) t(i)")
ALL_ROWS = [[f"k{one}", str(sum(range(one, 3000, 7)))] for one in range(7)]
HALF = len(WHOLE) // 2


def of_parquet(key: str, data: bytes, what: What, job: dict[str, Any] = SUM) -> Entry:
    return Entry(f"{key}.parquet", data, job, what)


def no_parquet(reason: str) -> Fails:
    return Fails(BadObject, f": not a Parquet object ({reason}")


def with_footer_length(length: int) -> bytes:
    return WHOLE[:-8] + struct.pack("<I", length) + WHOLE[-4:]


PARQUET = [
    of_parquet("whole", WHOLE, Answer(ALL_ROWS)),
    of_parquet("cut to a byte", WHOLE[:1], no_parquet("too small to be a Parquet file")),
    of_parquet("cut to its magic", WHOLE[:4], no_parquet("too small to be a Parquet file")),
    of_parquet("cut in the middle", WHOLE[:HALF], no_parquet("No magic bytes found at end")),
    of_parquet("cut by a byte", WHOLE[:-1], no_parquet("No magic bytes found at end")),
    of_parquet("of magic alone", b"PAR1PAR1", no_parquet("too small to be a Parquet file")),
    of_parquet("of no footer", b"PAR1\0\0\0\0PAR1", no_parquet("Footer length error")),
    of_parquet("of another magic", WHOLE[:-4] + b"PARX", no_parquet("No magic bytes found at end")),
    of_parquet("encrypted", b"PARE" + WHOLE[4:-4] + b"PARE", no_parquet("is encrypted")),
    of_parquet("with a footer of no length", with_footer_length(0), no_parquet("Footer length error")),
    of_parquet("with a footer of 4 GB", with_footer_length(2**32 - 1), no_parquet("")),
    of_parquet(
        "with a footer longer than itself", with_footer_length(len(WHOLE)), no_parquet("Footer length error")
    ),
    of_parquet("with a footer of zeros", WHOLE[:-300] + bytes(292) + WHOLE[-8:], no_parquet("")),
    of_parquet(
        "with a footer of noise", WHOLE[:-300] + random.Random(1).randbytes(292) + WHOLE[-8:], no_parquet("")
    ),
    of_parquet("with noise for its first magic", b"XXXX" + WHOLE[4:], Answer(ALL_ROWS)),
    of_parquet(
        "with zeros in a column",
        WHOLE[:100] + bytes(200) + WHOLE[300:],
        Fails(BadObject, "records of Parquet cannot be set aside"),
    ),
    of_parquet(
        "with noise in a column",
        WHOLE[:200] + b"\xa5" * 60 + WHOLE[260:],
        Fails(BadObject, "records of Parquet cannot be set aside"),
    ),
    of_parquet("jsonl as parquet", GOOD * 9, no_parquet("No magic bytes found at end")),
    of_parquet("of no rows", parquet("SELECT 'a' AS k, 1 AS n WHERE false"), Answer([])),
    of_parquet(
        "with invalid UTF-8",
        parquet("SELECT 'abcdefgh' AS k, 1 AS n").replace(b"abcdefgh", b"ab\xff\xfeefgh"),
        Fails(BadObject, "is not valid UTF8"),
    ),
    Entry(
        "in gzip.parquet.gz",
        gzip.compress(WHOLE),
        SUM,
        Fails(BadObject, "decompress it, for Parquet in .gz is not read"),
    ),
    # Other columns than those that are given
    of_parquet(
        "without a column",
        parquet("SELECT 'a' AS k, 1 AS m"),
        Fails(BadObject, ": has no column n, which sql.columns names; it has k, m"),
    ),
    of_parquet("with one more column", parquet("SELECT 3 AS z, 'a' AS k, 1 AS n"), Answer(rows(A))),
    of_parquet("with columns in another order", parquet("SELECT 1 AS n, 'a' AS k"), Answer(rows(A))),
    of_parquet("with names in another case", parquet("SELECT 1 AS N, 'a' AS K"), Answer(rows(A))),
    of_parquet("with a smaller type", parquet("SELECT 'a' AS k, 1::TINYINT AS n"), Answer(rows(A))),
    of_parquet(
        "with a fraction, which a cast rounds", parquet("SELECT 'a' AS k, 1.4::DOUBLE AS n"), Answer(rows(A))
    ),
    of_parquet(
        "with NaN as INTEGER",
        parquet("SELECT 'a' AS k, 'NaN'::DOUBLE AS n"),
        Fails(BadObject, "can't be cast because the value is out of range"),
    ),
    of_parquet(
        "beyond INTEGER",
        parquet("SELECT 'a' AS k, 99999999999 AS n"),
        Fails(BadObject, "can't be cast because the value is out of range"),
    ),
    of_parquet(
        "with text as INTEGER",
        parquet("SELECT 'a' AS k, 'x' AS n"),
        Fails(BadObject, "Could not convert string 'x' to INT32"),
    ),
    of_parquet(
        "with a list as INTEGER",
        parquet("SELECT 'a' AS k, [1] AS n"),
        Fails(BadObject, "Unimplemented type for cast (INTEGER[] -> INTEGER)"),
    ),
]


@pytest.mark.parametrize("entry", PARQUET, ids=names(PARQUET))
def test_malformed_parquet(entry: Entry) -> None:
    check(entry)


DAMAGED = [entry for entry in PARQUET if isinstance(entry.what, Fails) and "not a Parquet" in entry.what.text]


@pytest.mark.parametrize("entry", DAMAGED, ids=names(DAMAGED))
def test_parquet_that_is_none_is_the_same_error_where_it_should_say_its_columns(entry: Entry) -> None:
    check(entry._replace(job=SUM_INFERRED))


OTHERS = {
    "another type": ("SELECT 'a' AS k, 1::BIGINT AS n", '"n" BIGINT where '),
    "another name": ("SELECT 'a' AS k, 1 AS m", '"m" INTEGER where '),
    "one more": ("SELECT 'a' AS k, 1 AS n, 3 AS z", '"z" INTEGER where '),
    "one less": ("SELECT 'a' AS k", "has others where "),
    "another order": ("SELECT 1 AS n, 'a' AS k", "in another order"),
}


@pytest.mark.parametrize(("select", "text"), OTHERS.values(), ids=OTHERS)
def test_parquet_of_other_columns_than_the_object_before_is_named(select: str, text: str) -> None:
    with pytest.raises(BadObject) as failed:
        run_on({"a.parquet": WHOLE, "b.parquet": parquet(select)}, SUM_INFERRED)
    assert str(failed.value).startswith(f"s3://{INPUT}/b.parquet: from its start it has ")
    assert text in str(failed.value)


def test_parquet_that_is_damaged_anywhere_is_named_or_read() -> None:
    """Or its columns have other names. (Longer: 3,000 damaged objects neither crashed nor took 130 MB.)"""
    numbers = random.Random(5)
    for _ in range(60):
        damaged = bytearray(WHOLE)
        for _ in range(numbers.choice((1, 3, 10))):
            damaged[numbers.choice((0, len(WHOLE) - 400)) + numbers.randrange(400)] = numbers.randrange(256)
        try:
            run_on({"x.parquet": bytes(damaged)}, SUM_INFERRED)
        except (BadObject, InvalidQuery) as error:
            assert "x.parquet" in str(error) or isinstance(error, InvalidQuery)  # noqa: PT017 - it may be read


# Compressed objects

LINES = b"".join(b"%d,%d\n" % (number * 7919 % 1000, number) for number in range(5000))
ZIPPED = gzip.compress(LINES)


def damaged_gzip(key: str, data: bytes, text: str = "damaged after byte ") -> Entry:
    return Entry(f"{key}.csv.gz", data, SUM, Fails(BadObject, text))


COMPRESSED = [
    damaged_gzip("cut short", ZIPPED[:-9]),
    damaged_gzip("cut in the middle", ZIPPED[: len(ZIPPED) // 2]),
    damaged_gzip("cut in its header", ZIPPED[:5]),
    damaged_gzip("with a wrong checksum", ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], "CRC check failed"),
    damaged_gzip("with something behind it", ZIPPED + b"something", "Not a gzipped file"),
    damaged_gzip("plain", LINES, "Not a gzipped file"),
    damaged_gzip("twice", gzip.compress(ZIPPED), "begins as gzip does"),
    Entry("of nothing.csv.gz", gzip.compress(b""), SUM, Answer([])),
    Entry(
        "of two members.csv.gz", gzip.compress(b"a,1\n") + gzip.compress(b"c,3\n"), SUM, Answer(rows(A, C))
    ),
    Entry(
        "of a bad record.csv.gz",
        gzip.compress(b"a,1\nb,x\nc,3\n"),
        SUM,
        Aside(4, "Could not convert string", rows(A, C)),
    ),
    Entry("not named so.csv", ZIPPED, SUM, Fails(BadObject, "it begins as gzip does")),
]


@pytest.mark.parametrize("entry", COMPRESSED, ids=names(COMPRESSED))
def test_malformed_compressed_objects(entry: Entry) -> None:
    check(entry)


def _peak_of(entry: Entry, answer: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        outcome: Any = run(entry, 0)
    except MarlaError as error:
        outcome = type(error).__name__
    answer.put((outcome, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10))


@pytest.mark.parametrize(
    ("data", "suffix", "expected"),
    [
        (b"\0", "csv", "RecordTooLong"),
        (b"\n", "csv", ([], [])),
        (b'{"k":"a","n":1}\n', "jsonl", ([["a", str((120 << 20) // 16)]], [])),
    ],
    ids=["a line", "empty lines", "records"],
)
def test_what_decompresses_to_much_does_not_take_much_memory(data: bytes, suffix: str, expected: Any) -> None:
    """120 MB come out of half a MB."""
    much = gzip.compress(data * ((120 << 20) // len(data)), 1)
    assert len(much) < 3 << 20
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    entry = Entry(f"much.{suffix}.gz", much, SUM, Answer([]), {"split_bytes": 1 << 30})
    process = context.Process(target=_peak_of, args=(entry, answer))
    process.start()
    outcome, megabytes = answer.get(timeout=120)
    process.join()
    assert outcome == expected
    assert megabytes < 300


# What is not the data's fault


@pytest.mark.parametrize(
    ("map", "value", "reason"),
    [
        ("SELECT k, n FROM input WHERE n > $limit", "many", "Could not convert string 'many' to INT32"),
        (
            "SELECT k, n + CAST($limit AS INTEGER) AS n FROM input",
            "x",
            "Could not convert string 'x' to INT32",
        ),
    ],
)
@pytest.mark.parametrize("key", ["x.csv", "x.parquet"])
def test_a_parameter_of_a_wrong_type_is_not_blamed_on_the_data(
    key: str, map: str, value: str, reason: str
) -> None:
    data = parquet("SELECT 'a' AS k, 1::INTEGER AS n") if key.endswith("parquet") else b"a,1\n"
    with pytest.raises(InvalidQuery) as failed:
        run_on({key: data}, {"map": map, "columns": COLUMNS}, params={"limit": value})
    assert str(failed.value).startswith(f"sql.map: {reason}. It fails so for a row of nothing but NULL, too")
    assert str(failed.value).endswith(f"correct the statement, or its parameters ($limit is {value!r})")


def test_data_are_blamed_where_the_statement_is_right() -> None:
    job = {"map": "SELECT k, n FROM input WHERE n > $limit", "columns": COLUMNS}
    with pytest.raises(BadRecord, match="at byte 4: "):
        run_on({"x.csv": b"a,1\nb,x\n"}, job, params={"limit": 0})


# Noise


def test_noise_is_read_set_aside_or_an_error_with_a_name() -> None:
    numbers = random.Random(3)
    alphabet = [
        b'"',
        b",",
        b"\n",
        b"\r",
        b"{",
        b"}",
        b"[",
        b":",
        b'"k"',
        b"\\u",
        b"1",
        b"\xff",
        b"\0",
        MARK,
        b"e9",
    ]
    for suffix, job in itertools.product(("csv", "jsonl"), (SUM, COUNT_OF_ONE)):
        for _ in range(15):
            data = b"".join(numbers.choices(alphabet, k=numbers.randrange(1, 80)))
            entry = Entry(f"x.{suffix}", data, job, Answer([]), {"split_bytes": numbers.choice((7, 1 << 20))})
            try:
                run(entry, 0)
            except BadRecord as error:
                assert str(error).startswith(f"s3://{INPUT}/x.{suffix} at byte ")  # noqa: PT017 - or it is read

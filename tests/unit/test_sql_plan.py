"""What is told of a SQL job before any data is read, and what passes between its tasks."""

import json
from typing import Any

import duckdb
import pytest

from mapreduce.check import check
from mapreduce.errors import InvalidParameter, InvalidQuery, UnknownJob
from tests.unit.pipeline import run_on
from tests.unit.sql_data import HEADER, csv_rows, rows_of

COLUMNS = {"k": "VARCHAR", "n": "INTEGER"}
MAP = "SELECT k, sum(n) AS n FROM input GROUP BY k"
REDUCE = "SELECT k, CAST(sum(n) AS HUGEINT) AS n FROM input GROUP BY k"


def checked(**fields: Any) -> dict[str, Any]:
    """Check a job that has some fields; the others are those of its execution."""
    options = ("params", "output", "inputs", "partitions", "partitioning")
    event = {name: fields.pop(name) for name in options if name in fields}
    return check({"job": {"columns": COLUMNS} | fields} | event)


# Types between tasks


def types_of_duckdb() -> list[str]:
    rows = duckdb.execute("SELECT column_name FROM (DESCRIBE FROM test_all_types())").fetchall()
    return [name for (name,) in rows if name != "empty_struct"]  # Parquet has no structure of nothing


@pytest.mark.parametrize("column", types_of_duckdb())
def test_each_type_comes_through_the_steps_as_it_was(column: str) -> None:
    # A HUGEINT of 39 digits does not fit Parquet; that is an error of its own.
    extremes = {"hugeint": f"SELECT unnest([{10**38 - 1}::HUGEINT, {1 - 10**38}::HUGEINT, NULL]) AS v"}
    values = extremes.get(column, f'SELECT "{column}" AS v FROM test_all_types()')
    job = {
        "map": f"SELECT row_number() OVER () AS i, v FROM input, ({values})",
        "reduce": "SELECT i, v FROM input",
        "key": ["i"],
        "columns": COLUMNS,
    }
    outcome = run_on({"x.csv": b"a,1\n"}, job, output="parquet")
    type = duckdb.execute(f"SELECT typeof(v) FROM ({values}) LIMIT 1").fetchone()
    assert type
    found = (
        rows_of(outcome.parts[0]).execute(f"SELECT CAST(v AS {type[0]}) FROM result ORDER BY i").fetchall()
    )
    assert str(found) == str(duckdb.execute(values).fetchall())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("NULL", ""),
        ("[NULL]", "[NULL]"),
        ("[]", "[]"),
        ("INTERVAL '1 year 2 months -3 days 04:05:06.789'", "1 year 2 months -3 days 04:05:06.789"),
        ("TIMETZ '12:34:56.789+05:30'", "12:34:56.789+05:30"),
        ("'2009-01-01 12:00:00+09'::TIMESTAMPTZ", "2009-01-01 03:00:00+00"),
        ("'\\x00\\xFF'::BLOB", "\\x00\\xFF"),
        ("123456789012345678901234567890::HUGEINT", "123456789012345678901234567890"),
        ("340282366920938463463374607431768211455::UHUGEINT", "340282366920938463463374607431768211455"),
        ("'nan'::DOUBLE", "nan"),
        ("0.1::DOUBLE + 0.2::DOUBLE", "0.30000000000000004"),
        ("'infinity'::TIMESTAMP", "infinity"),
    ],
)
def test_a_value_reaches_the_result_through_two_steps(value: str, text: str) -> None:
    job = {"map": f"SELECT k, {value} AS v FROM input", "reduce": "FROM input", "key": ["k"]}
    outcome = run_on({"x.csv": b"a,1\nb,2\nc,3\n"}, job | {"columns": COLUMNS}, split_bytes=4, output="csv")
    assert csv_rows(outcome) == [[key, text] for key in "abc"]


@pytest.mark.parametrize("value", ["[n::HUGEINT]", "{'a': INTERVAL 1 DAY}", "MAP {1: '12:00+01'::TIMETZ}"])
def test_what_cannot_pass_between_tasks_is_refused(value: str) -> None:
    with pytest.raises(InvalidQuery, match=r"sql\.map: column v is .*, which cannot pass between tasks"):
        checked(map=f"SELECT k, {value} AS v FROM input")


# Statements


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 AS a; SELECT 2 AS a",
        "",
        "EXPLAIN SELECT k FROM input",
        "PRAGMA version",
        "SET threads = 2",
        "CREATE TABLE t AS FROM input",
        "INSERT INTO input VALUES ('a', 1)",
        "UPDATE input SET n = 0",
        "DELETE FROM input",
        "PREPARE p AS SELECT 1",
        "CALL pragma_version()",
        "BEGIN",
    ],
)
@pytest.mark.parametrize("role", ["map", "reduce", "finish"])
def test_a_statement_is_one_select(role: str, statement: str) -> None:
    job = {"map": MAP, "reduce": REDUCE} | {role: statement}
    with pytest.raises(InvalidQuery, match=rf"^sql\.{role}: got .*; give one SELECT, and nothing else"):
        checked(**job)


@pytest.mark.parametrize(
    "statement", ["SELECT k, n FROM input;", " FROM input -- all of it", "TABLE input", "(FROM input)\n;\n"]
)
def test_a_select_may_end_as_it_likes(statement: str) -> None:
    assert checked(map=statement, reduce=statement, key=["k"])["columns"] == ["k", "n"]
    job = {"map": statement, "reduce": statement, "key": ["k"], "columns": COLUMNS}
    assert csv_rows(run_on({"x.csv": b"a,1\n"}, job)) == [["a", "1"]]


def test_a_semicolon_is_the_last_of_a_statement() -> None:
    with pytest.raises(InvalidQuery, match=r"sql\.map: leave out the semicolon and what is behind it"):
        checked(map="SELECT k, n FROM input; -- done", reduce="SELECT k, n FROM input", key=["k"])


@pytest.mark.parametrize(
    ("role", "statement", "message"),
    [
        ("map", "SELEC k FROM input", 'syntax error at or near "SELEC"'),
        ("map", "SELECT k, FROM input WHERE", "syntax error"),
        ("map", "SELECT zip FROM input", 'Referenced column "zip" not found'),
        ("map", "SELECT k FROM visits", "visits"),
        ("map", "SELECT k, 1 AS K FROM input", "gives two columns 'k'; name each with AS"),
        ("map", "SELECT nosuch(k) AS k FROM input", "nosuch does not exist"),
        ("map", "WITH x AS (DELETE FROM input RETURNING *) SELECT * FROM x", ""),
        ("map", "SELECT ? AS k FROM input", "parameter 1 has no name; write it as $name"),
        ("reduce", "SELECT k FROM input", "gives the columns k where map gives k, n"),
        ("reduce", "SELECT n, k FROM input", "gives the columns n, k where map gives k, n"),
        (
            "reduce",
            "SELECT k, max(n)::VARCHAR AS n FROM input GROUP BY k",
            "is VARCHAR where map gives HUGEINT",
        ),
        (
            "reduce",
            "SELECT k, avg(n) AS n FROM input GROUP BY k",
            "is DOUBLE where map gives HUGEINT",
        ),
        ("reduce", "SELECT k, sum(total) AS n FROM input GROUP BY k", 'Referenced column "total" not found'),
        ("finish", "SELECT k, total FROM input", 'Referenced column "total" not found'),
        ("finish", "SELECT k, k FROM input", "gives two columns 'k'; name each with AS"),
    ],
)
def test_a_wrong_statement_is_refused_with_what_duckdb_says(role: str, statement: str, message: str) -> None:
    job = {"map": MAP, "reduce": REDUCE, "key": ["k"]} | {role: statement}
    with pytest.raises(InvalidQuery) as caught:
        checked(**job)
    assert str(caught.value).startswith(f"sql.{role}: ")
    assert message in str(caught.value)


def test_the_place_of_a_mistake_is_shown() -> None:
    with pytest.raises(InvalidQuery) as caught:
        checked(map="SELECT k,\n  zip\nFROM input", reduce=REDUCE)
    assert "LINE 2:   zip\n          ^" in str(caught.value)


def test_what_fits_the_columns_of_the_map_is_no_change_of_them() -> None:
    """A sum of integers is wider than they are, and a HAVING or a comment changes nothing."""
    job = {"map": "SELECT k, n FROM input", "reduce": "SELECT K, sum(n) AS N FROM input GROUP BY K"}
    assert checked(**job)["columns"] == ["k", "n"]
    outcome = run_on({"x.csv": b"a,1\na,2\n"}, job | {"columns": COLUMNS}, split_bytes=4)
    assert csv_rows(outcome) == [["a", "3"]]


# Keys and partitions


def test_a_key_is_a_column_that_map_gives() -> None:
    job = {"map": "SELECT k, n FROM input", "reduce": "FROM input"}
    with pytest.raises(InvalidQuery, match=r"sql\.key: map gives no column 'zip'; it gives k, n"):
        checked(**job, key=["zip"])
    assert checked(**job, key=["K", "n"])["columns"] == ["k", "n"]


@pytest.mark.parametrize("reduce", [None, REDUCE])
def test_a_key_does_not_part_what_reduce_puts_together(reduce: str | None) -> None:
    with pytest.raises(InvalidQuery, match=r"sql\.key: n is none of the columns that reduce groups by \(k\)"):
        checked(map=MAP, reduce=reduce, key=["k", "n"], partitions=2)
    assert checked(map=MAP, reduce=reduce, key=["K"], partitions=2)
    assert checked(map=MAP, reduce=reduce, key=[], partitions=2)


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ({"map": "SELECT k, n FROM input ORDER BY n LIMIT 3"}, "the LIMIT of its map is meant for the whole"),
        (
            {"map": "SELECT k, n FROM input", "reduce": "SELECT k, n FROM input LIMIT 3"},
            "the LIMIT of its reduce is meant for the whole",
        ),
        (
            {"map": MAP, "reduce": "SELECT k, n FROM (SELECT k, sum(n) AS n FROM input GROUP BY k)"},
            "its reduce does not say by what it groups: give sql.key",
        ),
    ],
)
def test_a_job_that_needs_all_rows_together_has_one_partition(job: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidParameter, match=f"partitions: got 2; the job cannot have several: {reason}"):
        checked(**job, partitions=2)
    assert checked(**job, partitions=1)


def test_groups_of_expressions_have_no_key_that_is_known_before_they_are_computed() -> None:
    job = {
        "map": "SELECT k, n FROM input",
        "reduce": "SELECT substr(k, 1, 1) AS k, sum(n) AS n FROM input GROUP BY 1",
    }
    for key in (None, ["k"]):
        with pytest.raises(InvalidParameter, match="its reduce groups by expressions: compute them in map"):
            checked(**job, key=key, partitions=2)
        assert checked(**job, key=key, partitions=1)


def test_the_place_of_a_mistake_is_shown_in_the_text_as_it_was_written() -> None:
    query = "SELECT k,\n  avg(nn) AS mean\nFROM input GROUP BY k ORDER BY mean"
    with pytest.raises(InvalidQuery) as error:
        checked(map=query)
    assert "LINE 2:   avg(nn) AS mean\n              ^" in str(error.value)


def test_a_key_that_is_given_is_taken_where_none_can_be_told() -> None:
    reduce = "SELECT k, n FROM (SELECT k, sum(n) AS n FROM input GROUP BY k)"
    job: dict[str, Any] = {"map": MAP, "reduce": reduce, "key": ["k"]}
    data = b"a,1\nb,2\na,3\nc,4\nb,5\n"
    assert checked(**job, partitions=5)["columns"] == ["k", "n"]
    outcome = run_on({"x.csv": data}, job | {"columns": COLUMNS}, split_bytes=4, partitions=5)
    assert sorted(csv_rows(outcome)) == [["a", "4"], ["b", "7"], ["c", "4"]]


# Parameters


def test_parameters_stand_for_their_values_in_each_statement() -> None:
    job = {
        "map": "SELECT k, n FROM input WHERE n >= $least",
        "reduce": "SELECT k, n FROM input WHERE k <> $not",
        "finish": "SELECT k || $suffix AS k, n * $least AS n FROM input",
        "key": ["k"],
        "columns": COLUMNS,
    }
    params = {"least": 2, "not": "c", "suffix": "'; DROP TABLE input; --"}
    outcome = run_on({"x.csv": b"a,1\nb,2\nc,3\n"}, job, params=params, split_bytes=4)
    assert csv_rows(outcome) == [["b'; DROP TABLE input; --", "4"]]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, r"params\.least: got nothing, but \$least stands in the job's SQL; give a value"),
        ({"least": 1, "most": 2}, r"params\.most: no \$most stands in the job's SQL; leave it out"),
        ({"least": [1]}, r"params\.least: got \[1\]; give a text, a number, true or false"),
        ({"least": None}, r"params\.least: got None; give a text, a number, true or false"),
    ],
)
def test_parameters_are_those_that_the_statements_name(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        checked(params=params, map="SELECT k, n FROM input WHERE n >= $least")


# Columns and formats


@pytest.mark.parametrize("columns", [COLUMNS, "k VARCHAR, n INTEGER", "k TEXT, -- the key\n n INT4"])
def test_columns_are_said_in_two_ways(columns: Any) -> None:
    job = {"map": MAP, "columns": columns}
    assert checked(**job) == {"params": {}, "columns": ["k", "n"]}
    assert csv_rows(run_on({"x.csv": b"a,1\n"}, job)) == [["a", "1"]]


def test_columns_may_have_any_name() -> None:
    columns = {"a 'key', \"quoted\"": "VARCHAR", "한 %": "INTEGER"}
    map = 'SELECT "a \'key\', ""quoted""" AS "k ""%", "한 %" AS n FROM input'
    job = {"map": map, "columns": columns}
    assert checked(**job)["columns"] == ['k "%', "n"]
    outcome = run_on({"x.csv": b"a,1\nb,2\n"}, job, partitions=2, output="jsonl")
    rows = [json.loads(line) for part in outcome.parts for line in part.splitlines()]
    assert sorted(rows, key=str) == [{'k "%': "a", "n": 1}, {'k "%': "b", "n": 2}]


@pytest.mark.parametrize(
    "columns",
    [
        "k",
        "k NOTYPE",
        "k INT, k INT",
        "",
        {},
        5,
        ["k"],
        {"k": 5},
        "k INT); FROM x; --",
        "k) AS SELECT 1 --",
    ],
)
def test_wrong_columns_are_refused(columns: Any) -> None:
    with pytest.raises(InvalidQuery, match=r"(?s)^sql\.columns: .*; give "):
        checked(map=MAP, columns=columns)


def test_columns_that_objects_say_are_not_known_beforehand() -> None:
    assert checked(map="SELECT * FROM input", columns=None) == {"params": {}, "columns": []}


@pytest.mark.parametrize(
    ("format", "message"),
    [
        ("text", "format: SQL reads csv, jsonl and parquet; give one of these"),
        (
            {"type": "csv", "columns": ["k"]},
            r"format\.columns: a SQL job names its columns, with types",
        ),
        ({"type": "csv", "quote": "«"}, r"format\.quote: got '«'; SQL takes an ASCII character"),
        ({"type": "parquet", "header": True}, r"format\.header: parquet has no such option"),
        ("xml", "format: got 'xml'"),
    ],
)
def test_a_wrong_format_is_refused_of_the_input_or_of_the_job(format: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        checked(map=MAP, inputs=[{}, {"format": HEADER}, {"format": format}])
    with pytest.raises(InvalidParameter, match=message):
        checked(map=MAP, format=format)


def test_a_result_may_be_parquet_and_no_other_format_is_known() -> None:
    assert checked(map=MAP, output="parquet")
    with pytest.raises(InvalidParameter, match="output: got 'xml'; give one of csv, jsonl, parquet"):
        checked(map=MAP, output="xml")


# Jobs without a name


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({}, r"sql\.map: got nothing; give a SELECT from input"),
        ({"map": None}, r"sql\.map: got nothing; give a SELECT from input"),
        ({"map": 5}, r"sql\.map: got 5; give a SELECT"),
        ({"map": MAP, "reduse": MAP}, r"sql\.reduse: unknown field; the fields are map, reduce, finish, key"),
        ({"map": MAP, "params": {}}, r"sql\.params: unknown field"),
        ({"map": MAP, "key": "k"}, r"sql\.key: got 'k'; give a list of columns that map gives"),
        ({"map": MAP, "reduce": REDUCE, "finish": ["x"]}, r"sql\.finish: got \['x'\]; give a SELECT"),
    ],
)
def test_a_wrong_field_of_a_job_is_named(job: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQuery, match=message):
        check({"job": job, "params": {}})


def test_a_job_with_a_name_is_checked_as_one_without() -> None:
    assert check({"job": "aggregate", "params": {"prefix": 5}}) == {
        "params": {"prefix": 5},
        "columns": ["source_ip", "revenue"],
    }
    with pytest.raises(InvalidParameter, match=r"params\.prefix: got 0; give at least 1"):
        check({"job": "aggregate", "params": {"prefix": 0}})
    with pytest.raises(UnknownJob):
        check({"job": "SELECT 1", "params": {}})

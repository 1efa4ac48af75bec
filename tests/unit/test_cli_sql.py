"""`marla run` with a query: the execution input that it makes, and what is refused before any upload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from marla import cli, request
from marla.arguments import Grammar
from marla.check import check_query
from marla.errors import UsageError
from marla.inputs import Located

QUERY = "SELECT ip, sum(revenue) AS revenue FROM input GROUP BY ip"
COLUMNS = "ip VARCHAR, revenue DOUBLE"


def asked(*arguments: str | Path) -> request.Request:
    return request.from_options(Grammar().parse(["run", *map(str, arguments)]))


def made(*arguments: str | Path) -> dict[str, Any]:
    return asked(*arguments).execution_input([Located("", "s3://b/x/")])


def check(*arguments: str | Path) -> None:
    found = asked(*arguments)
    check_query(found, [(name, Path(place)) for name, place in found.inputs if not place.startswith("s3://")])


def saved(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_query_and_input_are_all_that_is_sent_when_nothing_else_is_given() -> None:
    assert made("--sql", QUERY, "x") == {"sql": {"map": QUERY}, "input": "s3://b/x/"}


def test_all_operands_are_input_where_there_is_a_query() -> None:
    assert asked("a", "--sql", QUERY, "b=1", "--header", "c").inputs == [("", "a"), ("", "b=1"), ("", "c")]


def test_columns_and_format_belong_to_the_query() -> None:
    arguments = ["--columns", COLUMNS, "--header", "--delimiter", ";", "--quote", ""]
    assert made("--sql", QUERY, "x", *arguments)["sql"] == {
        "map": QUERY,
        "columns": COLUMNS,
        "format": {"type": "csv", "delimiter": ";", "quote": "", "header": True},
    }
    assert made("--sql", QUERY, "x", "--format", "parquet")["sql"]["format"] == {"type": "parquet"}


def test_other_options_are_those_of_any_job() -> None:
    document = made(
        "--sql", QUERY, "x", "--output", "parquet", "--partitions", "3", "--param", "since=2026-01-01"
    )
    assert document == {
        "sql": {"map": QUERY},
        "input": "s3://b/x/",
        "params": {"since": "2026-01-01"},
        "output": "parquet",
        "partitions": 3,
    }


def test_a_query_is_called_sql() -> None:
    assert asked("--sql", QUERY, "x").name == "sql"


@pytest.mark.parametrize("name", ["query.sql", "query", "query.SQL"])
def test_a_file_may_hold_the_query(tmp_path: Path, name: str) -> None:
    text = f"-- the question\n{QUERY};\n"
    assert made("--sql-file", saved(tmp_path, name, text), "x")["sql"] == {"map": text}


FIELDS = {"map": QUERY, "reduce": QUERY, "finish": "FROM input", "key": ["ip"], "columns": {"ip": "VARCHAR"}}


@pytest.mark.parametrize("name", ["query.json", "query.yaml", "query.YML"])
def test_a_file_may_hold_all_statements(tmp_path: Path, name: str) -> None:
    assert made("--sql-file", saved(tmp_path, name, json.dumps(FIELDS)), "x")["sql"] == FIELDS


def test_yaml_may_be_written_as_people_write_it(tmp_path: Path) -> None:
    path = saved(tmp_path, "query.yaml", "map: |\n  SELECT 1 AS one\n  FROM input\nkey: [one]\n")
    assert made("--sql-file", path, "x")["sql"] == {"map": "SELECT 1 AS one\nFROM input\n", "key": ["one"]}


def test_options_come_before_what_the_file_says(tmp_path: Path) -> None:
    format = {"type": "csv", "delimiter": ";", "header": True}
    path = saved(tmp_path, "query.json", json.dumps(FIELDS | {"format": format}))
    assert made("--sql-file", path, "x")["sql"]["format"] == format
    changed = made("--sql-file", path, "x", "--delimiter", "|", "--columns", COLUMNS)["sql"]
    assert changed["format"] == format | {"delimiter": "|"}
    assert changed["columns"] == COLUMNS
    assert made("--sql-file", path, "x", "--format", "jsonl")["sql"]["format"] == {"type": "jsonl"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sql", QUERY], "INPUT: got nothing; give what the query is to read"),
        (["--sql", QUERY, "wordcount", "x"], "JOB: got wordcount, and a query too; leave one of them out"),
        (["--sql", QUERY, "--sql-file", "q.sql", "x"], "--sql-file: got q.sql, and --sql too"),
        (["--sql", " ", "x"], "--sql: got no query; give a SELECT from input"),
        (["--sql", QUERY, "--format", "jsonl", "--header", "x"], "--header: .*the format is jsonl"),
        (["--sql-file", "no/such.sql", "x"], r"--sql-file: no/such\.sql: No such file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        asked(*arguments)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("empty.sql", "\n", "got no query; give a SELECT"),
        ("list.json", "[1]", r"got \[1\]; give an object"),
        ("broken.json", '{"map": ', "Expecting value: line 1"),
        ("broken.yaml", "a: b: c", "mapping values are not allowed here"),
        ("day.yaml", "map: 2026-01-01", "date is not JSON serializable"),
    ],
)
def test_a_file_that_holds_no_query_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"--sql-file: .*{name}: .*{message}"):
        asked("--sql-file", saved(tmp_path, name, text), "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sql", "SELECT ip FRM x y FROM input"], r"^--sql: Parser Error: [^\n]*\n\nLINE 1: [^\n]*\n +\^"),
        (["--sql", "SELECT nope FROM input", "--columns", COLUMNS], "^--sql: Binder Error.*nope"),
        (["--sql", "DELETE FROM input"], "^--sql: .*give one SELECT, and nothing else"),
        (["--sql", "SELECT median(a) FROM input"], "^--sql: median.*give map and reduce yourself"),
        (["--sql", QUERY, "--columns", "ip VARCHR"], "^--columns: .*VARCHR"),
        (["--sql", QUERY, "--format", "text"], "^--format: SQL reads csv, jsonl and parquet"),
        (["--sql", f"{QUERY} LIMIT 3", "--partitions", "3"], "^--partitions: got 3"),
        (["--sql", "SELECT $a AS a FROM input"], "^--param a: got nothing"),
        (["--sql", QUERY, "--param", "a=1"], "^--param a: .*leave it out"),
        (["--sql", "SELECT $a AS a FROM input", "--param", "a=[1]"], r"^--param a: got \[1\]; give a text"),
    ],
)
def test_what_the_stack_would_refuse_is_refused_here(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=f"(?s){message}"):
        check("s3://b/x/", *arguments)


def test_what_is_wrong_in_a_file_is_told_with_the_file_and_the_field(tmp_path: Path) -> None:
    path = saved(tmp_path, "query.json", json.dumps(FIELDS | {"finish": "SELECT"}))
    with pytest.raises(UsageError, match=r"--sql-file: .*query\.json: sql\.finish: "):
        check("--sql-file", path, "s3://b/x/")
    with pytest.raises(UsageError, match=r"query\.json: sql\.sql: unknown field; the fields are map, "):
        check("--sql-file", saved(tmp_path, "query.json", '{"sql": {}}'), "s3://b/x/")


@pytest.mark.parametrize("name", ["a.csv", "a.CSV.gz", "a.tsv", "a", "a.txt"])
def test_csv_whose_columns_nothing_says_is_refused_before_it_is_uploaded(name: str) -> None:
    with pytest.raises(UsageError, match=rf"--columns: got nothing.*columns of data/{name} are.*--header"):
        check("--sql", QUERY, f"data/{name}")
    check("--sql", QUERY, f"data/{name}", "--columns", COLUMNS)
    check("--sql", QUERY, f"data/{name}", "--header")


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl.gz", "a.ndjson", "s3://b/x.csv"])
def test_what_may_say_its_columns_is_left_to_the_stack(name: str) -> None:
    check("--sql", QUERY, name)


def test_a_wrong_query_ends_with_status_2_and_its_mark_in_place(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = saved(tmp_path, "a.parquet", "")
    assert cli.main(["run", "--sql", "SELECT\n\tip FRM x y\nFROM input", str(data)]) == 2
    line, mark = capsys.readouterr().err.splitlines()[-2:]
    assert line == "LINE 2:  ip FRM x y"
    assert mark.index("^") == line.index("x y")


TWO_INPUTS = {
    "inputs": {
        "pages": {"map": "SELECT url, 1 AS pages, 0 AS visits FROM input", "columns": {"url": "VARCHAR"}},
        "visits": {"map": "SELECT url, 0 AS pages, 1 AS visits FROM input", "format": "jsonl"},
    },
    "reduce": "SELECT url, sum(pages)::INT AS pages, sum(visits)::INT AS visits FROM input GROUP BY url",
}


@pytest.fixture
def two_inputs(tmp_path: Path) -> Path:
    return saved(tmp_path, "two.json", json.dumps(TWO_INPUTS))


def test_a_query_over_several_inputs_takes_each_by_its_name(two_inputs: Path) -> None:
    arguments = ["--sql-file", str(two_inputs), "visits=v/*.jsonl", "pages=s3://b/pages.csv", "visits=w"]
    assert asked(*arguments).inputs == [
        ("visits", "v/*.jsonl"),
        ("pages", "s3://b/pages.csv"),
        ("visits", "w"),
    ]
    check(*arguments)
    located = [Located("pages", "s3://b/pages.csv"), Located("visits", "s3://b/v/")]
    assert asked(*arguments).execution_input(located) == {
        "sql": TWO_INPUTS,
        "input": [
            {"uri": "s3://b/pages.csv", "name": "pages"},
            {"uri": "s3://b/v/", "name": "visits"},
        ],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["pages=p"],
            r"^INPUT: got nothing for visits; the query reads pages and visits: give each as NAME=I",
        ),
        (["pages=p", "vists=v"], r"^INPUT: got 'vists=v', which .*; did you mean visits\?; the query reads"),
        (
            ["p", "v"],
            "^INPUT: got 'p', which begins with no name of an input; the query reads pages and visi",
        ),
        (["pages=p", "visits=v", "--header"], "^--header: each input has a format of its own, in --sql-file"),
        (["pages=p", "visits=v", "--columns", "a INT"], "^--columns: got 'a INT', and sql.inputs too"),
    ],
)
def test_inputs_of_a_query_that_are_not_its_own_are_refused(
    two_inputs: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check("--sql-file", two_inputs, *arguments)


def test_one_of_several_inputs_has_to_say_its_columns_too(tmp_path: Path) -> None:
    inputs = TWO_INPUTS["inputs"] | {"visits": {"map": "SELECT url, 0 AS pages, 1 AS visits FROM input"}}  # type: ignore[operator]
    path = saved(tmp_path, "two.json", json.dumps(TWO_INPUTS | {"inputs": inputs}))
    with pytest.raises(
        UsageError, match=r"two\.json: sql\.inputs\.visits\.columns: got nothing.* v\.csv are"
    ):
        check("--sql-file", path, "pages=p.csv", "visits=v.csv")
    check("--sql-file", path, "pages=p.csv", "visits=v.parquet")


@pytest.mark.parametrize("inputs", [[], "pages", {}])
def test_inputs_that_are_none_are_refused(tmp_path: Path, inputs: object) -> None:
    path = saved(tmp_path, "two.json", json.dumps(TWO_INPUTS | {"inputs": inputs}))
    with pytest.raises(UsageError, match=r"two\.json: sql\.inputs: got .*; give an object with each input"):
        check("--sql-file", path, "pages=p")


def test_partitions_of_a_query_are_made_by_hash() -> None:
    with pytest.raises(
        UsageError, match=r"^--partitioning: got 'range'; a SQL job's partitions are made by ha"
    ):
        check("--sql", QUERY, "s3://b/x/", "--partitioning", "range")


def test_a_query_does_not_read_records_of_a_fixed_length() -> None:
    with pytest.raises(UsageError, match=r"^--record-bytes: it is for fixed, but the format is csv"):
        check("--sql", QUERY, "s3://b/x/", "--record-bytes", "10")
    with pytest.raises(UsageError, match=r"^--format: SQL reads csv, jsonl and parquet"):
        check("--sql", QUERY, "s3://b/x/", "--format", "fixed", "--record-bytes", "10")

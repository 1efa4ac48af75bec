"""SQL jobs on the deployed stack: DuckDB over the same files says what is right."""

from __future__ import annotations

import gzip
import io
from math import isclose
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs._pavlo import RANKINGS, USERVISITS
from marla.generate import rankings, uservisits
from tests.local.conftest import Job, Put, Run
from tests.unit.sql_data import csv_table

MB = 1_000_000
COLUMNS = ", ".join(f"{name} {type}" for name, type in USERVISITS.items())
BY_ADDRESS = "SELECT substr(sourceIP, 1, 8) AS ip, sum(adRevenue) AS revenue FROM input GROUP BY ALL"
Rows = list[tuple[Any, ...]]


class Files(dict[str, bytes]):
    """Some objects by name, and the folder in which they are files too."""

    def __init__(self, folder: Path, pattern: str = "*.csv") -> None:
        super().__init__((path.name, path.read_bytes()) for path in sorted(folder.glob(pattern)))
        self.pattern = f"{folder}/{pattern}"


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Four files of uservisits, of 1 MB each."""
    folder = tmp_path_factory.mktemp("visits")
    uservisits(folder, MB, 4, urls=1000)
    return Files(folder)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Two files of rankings, 20,000 pages in all."""
    folder = tmp_path_factory.mktemp("pages")
    rankings(folder, None, 2, urls=20_000)
    return Files(folder)


@pytest.fixture(scope="module")
def parquet_visits(visits: Files, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The same visits as Parquet, in row groups that splits cut across."""
    folder = tmp_path_factory.mktemp("parquet")
    for name in visits:
        source = csv_table(visits.pattern.replace("*.csv", name), USERVISITS)
        options = "FORMAT parquet, ROW_GROUP_SIZE 2048"
        duckdb.execute(f"COPY (FROM {source}) TO '{folder}/{name}.parquet' ({options})")
    return Files(folder, "*.parquet")


def rows(job: Job, tmp_path: Path) -> Rows:
    """All rows of a job's result, part after part."""
    found: Rows = []
    for uri, body in zip(job.output["result"], job.parts(), strict=True):
        path = tmp_path / uri.rpartition("/")[2]
        path.write_bytes(body)
        if path.suffix == ".parquet":
            found += duckdb.execute(f"FROM read_parquet('{path}')").fetchall()
        elif path.suffix == ".jsonl":
            found += duckdb.execute(f"FROM read_json('{path}')").fetchall()
        elif body:
            types = dict.fromkeys(job.output["columns"], "VARCHAR")
            found += duckdb.execute(f"FROM {csv_table(path, types)}").fetchall()
    return found


def assert_same(got: Rows, expected: Rows) -> None:
    """Two columns: the first exactly, sums within 1e-9 of what they are."""
    sums: dict[str, Any] = dict(got)
    right: dict[str, Any] = dict(expected)
    assert len(sums) == len(got), "a group is in two parts"
    assert sums.keys() == right.keys()
    assert [ip for ip in right if not isclose(float(sums[ip]), right[ip], rel_tol=1e-9)] == []


# Any two of a format, a number of partitions and steps of a size are together in one of them.
SMALL = {"fanIn": 2, "splitBytes": 400_000}
EACH_TWO = [
    ("csv", 1, {}),
    ("csv", 5, SMALL),
    ("jsonl", 1, SMALL),
    ("jsonl", 5, {}),
    ("parquet", 1, {}),
    ("parquet", 5, SMALL),
]


@pytest.mark.parametrize(("output", "partitions", "options"), EACH_TWO)
def test_a_query_in_the_execution_input_is_answered_as_duckdb_does(
    put: Put, run: Run, visits: Files, tmp_path: Path, output: str, partitions: int, options: dict[str, int]
) -> None:
    sql = {"map": BY_ADDRESS, "columns": COLUMNS}
    job = run(sql=sql, input=put(visits), partitions=partitions, output=output, **options)
    assert job.output["columns"] == ["ip", "revenue"]
    assert job.output["counters"]["inputRecords"] == sum(body.count(b"\n") for body in visits.values())
    assert job.output["counters"]["inputBytes"] == sum(map(len, visits.values()))
    expected = duckdb.execute(BY_ADDRESS.replace("input", csv_table(visits.pattern, USERVISITS))).fetchall()
    assert_same(rows(job, tmp_path), expected)


@pytest.mark.parametrize("partitions", [1, 5])
def test_parquet_is_cut_by_row_groups_and_read_without_saying_what_is_in_it(
    put: Put, run: Run, parquet_visits: Files, visits: Files, tmp_path: Path, partitions: int
) -> None:
    job = run(sql=BY_ADDRESS, input=put(parquet_visits), partitions=partitions, splitBytes=100_000, fanIn=3)
    assert job.output["steps"][0]["tasks"] > len(parquet_visits)
    assert job.output["counters"]["inputRecords"] == sum(body.count(b"\n") for body in visits.values())
    # Two columns of nine, and of these no more than once.
    assert job.output["counters"]["inputBytes"] < sum(map(len, parquet_visits.values())) / 2
    expected = duckdb.execute(BY_ADDRESS.replace("input", csv_table(visits.pattern, USERVISITS))).fetchall()
    assert_same(rows(job, tmp_path), expected)


@pytest.mark.parametrize("rank", [1000, 100, 10], ids=["1a", "1b", "1c"])
def test_scan_finds_the_pages_above_a_rank(
    put: Put, run: Run, pages: Files, tmp_path: Path, rank: int
) -> None:
    job = run(job="scan", params={"rank": rank}, input=put(pages), partitions=3, splitBytes=200_000)
    source = csv_table(pages.pattern, RANKINGS)
    expected = duckdb.execute(
        f"SELECT pageURL, pageRank::VARCHAR FROM {source} WHERE pageRank > {rank}"
    ).fetchall()
    assert sorted(rows(job, tmp_path)) == sorted(expected)
    assert expected or rank == 1000


@pytest.mark.parametrize("prefix", [8, 10, 12], ids=["2a", "2b", "2c"])
@pytest.mark.parametrize("name", ["aggregate", "uservisits-sql"])
def test_aggregate_sums_revenue_by_prefixes_of_addresses(
    put: Put, run: Run, visits: Files, tmp_path: Path, name: str, prefix: int
) -> None:
    job = run(job=name, params={"prefix": prefix}, input=put(visits), splitBytes=MB)
    query = BY_ADDRESS.replace("8", str(prefix)).replace("input", csv_table(visits.pattern, USERVISITS))
    assert_same(rows(job, tmp_path), duckdb.execute(query).fetchall())
    [part] = job.parts()
    keys = [line.split(",")[0] for line in io.StringIO(part.decode())]
    assert keys == sorted(keys)


def test_a_query_that_sorts_and_limits_is_answered_in_its_order(
    put: Put, run: Run, visits: Files, tmp_path: Path
) -> None:
    query = (
        "SELECT countryCode, count(*) AS visits, avg(duration) AS seconds FROM input "
        "WHERE adRevenue > $least GROUP BY ALL HAVING count(*) > 5 ORDER BY visits DESC, countryCode LIMIT 7"
    )
    sql = {"map": query, "columns": COLUMNS}
    job = run(sql=sql, params={"least": 0.5}, input=put(visits), splitBytes=300_000, output="jsonl", fanIn=2)
    source = csv_table(visits.pattern, USERVISITS)
    expected = duckdb.execute(query.replace("input", source).replace("$least", "0.5")).fetchall()
    assert [row[:2] for row in rows(job, tmp_path)] == [row[:2] for row in expected]
    assert job.output["columns"] == ["countryCode", "visits", "seconds"]


def test_a_header_names_the_columns(put: Put, run: Run, tmp_path: Path) -> None:
    folder = put(
        {"a.csv": b"ip,rev,when\n1,2.5,2026-11-21\n2,3.25,\n", "b.csv": b"ip,rev,when\n1,1.5,2026-11-20\n"}
    )
    source = {"uri": folder, "format": {"type": "csv", "header": True}}
    job = run(sql='SELECT ip, sum(rev) AS rev, max("when") AS last FROM input GROUP BY ip', input=source)
    assert rows(job, tmp_path) == [("1", "4.0", "2026-11-21"), ("2", "3.25", None)]
    assert job.output["counters"]["inputRecords"] == 3


def test_json_lines_need_no_columns(put: Put, run: Run, tmp_path: Path) -> None:
    folder = put(
        {
            "a.jsonl": b'{"ip": "x", "n": 1}\n{"ip": "y", "n": 2}\n',
            "b.jsonl.gz": gzip.compress(b'{"ip": "x", "n": 5}'),
        }
    )
    job = run(sql="SELECT ip, sum(n) AS n FROM input GROUP BY ip", input=folder, output="jsonl")
    assert sorted(rows(job, tmp_path)) == [("x", 6), ("y", 2)]


def test_a_stage_of_sql_reads_the_result_of_a_python_job(
    put: Put, run: Run, visits: Files, tmp_path: Path
) -> None:
    total = {
        "map": "SELECT sum(revenue) AS revenue FROM input",
        "columns": {"ip": "VARCHAR", "revenue": "DOUBLE"},
    }
    job = run(stages=[{"job": "uservisits"}, {"sql": total}], input=put(visits))
    [(revenue,)] = rows(job, tmp_path)
    [(expected,)] = duckdb.execute(
        f"SELECT sum(adRevenue) FROM {csv_table(visits.pattern, USERVISITS)}"
    ).fetchall()
    assert isclose(float(revenue), expected, rel_tol=1e-9)


def test_a_job_that_runs_again_writes_the_same_bytes(put: Put, run: Run, visits: Files) -> None:
    request: dict[str, Any] = {
        "job": "aggregate",
        "input": put(visits),
        "splitBytes": 300_000,
        "partitions": 2,
    }
    one_by_one, at_once = (run(**request, fanIn=3, concurrency=concurrency) for concurrency in (1, 4))
    for prefix in ("stage-0/map/", "stage-0/step-1/", "stage-0/result/"):
        before, after = (
            [
                job.stack.s3.get_object(Bucket=job.stack.job_bucket, Key=key)["Body"].read()
                for key in job.keys(prefix)
            ]
            for job in (one_by_one, at_once)
        )
        assert before
        assert before == after


# ---- what goes wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("SELEC 1", "InvalidQuery", 'sql.map: Parser Error: syntax error at or near "SELEC"'),
        ({"map": "SELECT foo FROM input", "columns": COLUMNS}, "InvalidQuery", 'column "foo" not found'),
        ({"map": BY_ADDRESS, "columns": "sourceIP WORD"}, "InvalidQuery", "sql.columns: "),
        ({"map": BY_ADDRESS, "colums": COLUMNS}, "InvalidQuery", "sql.colums: unknown field"),
        (
            {"map": BY_ADDRESS, "columns": COLUMNS, "reduce": "SELECT ip FROM input"},
            "InvalidQuery",
            "sql.reduce: gives the columns ip where map gives ip, revenue",
        ),
        (
            {"map": "SELECT countryCode, median(duration) AS d FROM input GROUP BY ALL", "columns": COLUMNS},
            "InvalidQuery",
            "sql.map: median(duration): no reduce can be derived",
        ),
        ({"map": "FROM read_text('/proc/self/environ'), input", "reduce": "FROM input", "columns": COLUMNS},
         "InvalidQuery", "Permission Error"),
    ],
)  # fmt: skip
def test_a_wrong_query_fails_before_any_data_is_read(
    put: Put, run: Run, visits: Files, sql: Any, error: str, message: str
) -> None:
    job = run(sql=sql, input=put(visits))
    assert job.failure.name == error
    assert message in job.failure.cause
    assert job.keys() == []


def test_a_type_that_does_not_fit_names_object_and_byte(put: Put, run: Run) -> None:
    folder = put({"a.csv": b"1,10\n2,20\n", "b.csv": b"3,30\n4,forty\n5,50\n"})
    sql = {"map": "SELECT sum(n) AS n FROM input", "columns": "id BIGINT, n BIGINT"}
    failure = run(sql=sql, input=folder).failure
    assert failure.name == "BadRecord"
    assert f"{folder}b.csv at byte 5: " in failure.cause
    assert "forty" in failure.cause

    job = run(sql=sql, input=folder, maxBadRecords=1)
    assert job.output["counters"]["rejects"] == 1
    assert [part.strip() for part in job.parts()] == [b"110"]


def test_objects_whose_columns_differ_are_an_error_that_names_both(put: Put, run: Run) -> None:
    big = b"id,n\n" + b"1,2\n" * 20_000
    folder = put({"a.csv": big, "b.csv": big.replace(b"1,2\n", b"1,2.5\n", 1)})
    source = {"uri": folder, "format": {"type": "csv", "header": True}}
    for options in ({}, {"splitBytes": 50_000}):
        failure = run(sql="SELECT sum(n) AS n FROM input", input=source, **options).failure
        assert failure.name == "BadObject"
        assert f"{folder}a.csv" in failure.cause
        assert f"{folder}b.csv" in failure.cause
        assert "sql.columns" in failure.cause

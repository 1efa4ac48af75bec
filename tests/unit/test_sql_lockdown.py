"""A SQL job can compute, and do nothing else: no files but its input, no network, no settings, no Python."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mapreduce.check import check
from mapreduce.errors import InvalidQuery, MarlaError
from mapreduce.sql.database import Database, DataError
from mapreduce.sql.files import Memory
from tests.unit.pipeline import run_on
from tests.unit.sql_data import csv_rows, parquet

COLUMNS = "k VARCHAR, n INTEGER"
INPUT = {"x.csv": b"a,1\nb,2\n"}
SECRET = "the secret of this machine"

# Each would read a file, or more, if it could.
READS = [
    "FROM read_csv('{path}')",
    "FROM read_csv_auto('{path}')",
    "FROM read_text('{path}')",
    "FROM read_blob('{path}')",
    "FROM read_json('{path}')",
    "FROM read_json_objects('{path}')",
    "FROM read_ndjson('{path}')",
    "FROM read_parquet('{path}')",
    "FROM parquet_scan('{path}')",
    "FROM parquet_metadata('{path}')",
    "FROM parquet_schema('{path}')",
    "FROM parquet_file_metadata('{path}')",
    "FROM parquet_kv_metadata('{path}')",
    "FROM parquet_bloom_probe('{path}', 'a', 1)",
    "FROM read_duckdb('{path}')",
    "FROM sniff_csv('{path}')",
    "FROM glob('{path}')",
    "FROM '{path}'",
    'FROM "{path}"',
    "FROM query('FROM read_text(''{path}'')')",
    "FROM query_table('{path}')",
    "FROM read_text(['marla://1', '{path}'])",
    "FROM (SELECT unnest(['{path}']) AS p), read_text(p)",
    "FROM sqlite_scan('{path}', 't')",
    "FROM read_xlsx('{path}')",
    "FROM iceberg_scan('{path}')",
]
PATHS = [
    "/etc/passwd",
    "/proc/self/environ",
    "/etc/*",
    "../../etc/passwd",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "https://example.com/x.csv",
    "s3://bucket/x.parquet",
    "hf://datasets/x/y.csv",
    "/vsicurl/https://example.com/x",
]
# Each would do something that no job may.
DEEDS = [
    "SELECT getenv('PATH') AS k",
    "FROM secret_of_python",
    "FROM globals()",
    "FROM python_map_function(1)",
    "FROM pandas_scan(1)",
    "FROM arrow_scan(1, 2, 3)",
    "FROM enable_logging()",
    "FROM disable_logging()",
    "FROM enable_logging(storage = 'file', storage_path = '{folder}/log')",
    "FROM enable_profiling()",
    "FROM load_aws_credentials()",
    "FROM query('COPY (SELECT 1) TO ''{folder}/x''')",
    "FROM query('SELECT 1; SELECT 2')",
    "WITH x AS (COPY (SELECT 1) TO '{folder}/x') SELECT 1 AS k",
    "WITH x AS (COPY (SELECT 1) TO 'marla://1') SELECT 1 AS k",
    "WITH x AS (INSERT INTO input VALUES ('a', 1) RETURNING *) FROM x",
    "WITH x AS (DELETE FROM partial RETURNING *) FROM x",
    "SELECT set_config('threads', '9') AS k",
]
STATEMENTS = [
    "ATTACH '{folder}/x.db' AS x",
    "ATTACH ':memory:' AS x",
    "COPY (SELECT 1) TO '{folder}/x.csv'",
    "COPY input FROM '/etc/passwd'",
    "EXPORT DATABASE '{folder}'",
    "IMPORT DATABASE '{folder}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{folder}/x.duckdb_extension'",
    "FORCE INSTALL httpfs",
    "SET threads = 8",
    "SET temp_directory = '{folder}'",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "PRAGMA memory_limit = '1TB'",
    "PRAGMA enable_profiling = 'json'",
    "CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "CALL enable_logging()",
    "CREATE TABLE t AS SELECT * FROM read_text('/etc/passwd')",
    "CREATE VIEW v AS SELECT * FROM read_text('/etc/passwd')",
]
REFUSALS = (
    "file system operations are disabled",
    "does not exist",
    "not in the catalog",
    "configuration has been locked",
    "must be at the top level",
    "No function matches",
    "Expected a single SELECT",
    "requires a subquery",
    "syntax error",
    "No files found",
    "does not support lateral join column parameters",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, and where temporary files go; nothing is there, and nothing may be afterwards."""
    current, temporary = tmp_path / "current", tmp_path / "temporary"
    current.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(current)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("MARLA_SECRET", SECRET)
    yield current
    assert list(current.iterdir()) == []
    assert list(temporary.iterdir()) == []


def said(act: Callable[[], object]) -> str:
    """Return what comes of something: its result, or its error's message."""
    try:
        return str(act())
    except (MarlaError, DataError) as error:
        return str(error)


def refused(job: dict[str, Any]) -> bool:
    """Say whether a job is refused, or finds nothing at all: there are no rows in no files."""
    job = {"key": [], "columns": COLUMNS} | job
    found = said(lambda: run_on(INPUT, job, output="jsonl").parts)
    return found == str([b""]) or any(refusal in found for refusal in REFUSALS)


# Through a job


@pytest.mark.parametrize("read", READS)
def test_no_file_is_read_by_a_map(read: str, folder: Path) -> None:
    assert refused({"map": read.format(path="/etc/passwd"), "reduce": "FROM input"})


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(path: str, folder: Path) -> None:
    for function in ("read_text", "read_csv", "glob"):
        assert refused({"map": f"FROM {function}('{path}')", "reduce": "FROM input"})


@pytest.mark.parametrize("deed", DEEDS)
def test_nothing_but_computing_is_done_by_a_map(deed: str, folder: Path) -> None:
    secret_of_python = [SECRET]
    assert refused({"map": deed.format(folder=folder), "reduce": "FROM input"})
    assert secret_of_python


@pytest.mark.parametrize("statement", [READS[0], READS[2], READS[15], READS[17], DEEDS[6], DEEDS[13]])
def test_reduce_and_finish_are_locked_in_as_well(statement: str, folder: Path) -> None:
    query = statement.format(path="/etc/passwd", folder=folder)
    maps = {"map": "SELECT k, n FROM input"}
    assert refused(maps | {"reduce": "FROM input", "finish": query})
    with pytest.raises(InvalidQuery):
        run_on(INPUT, maps | {"reduce": query, "columns": COLUMNS, "key": ["k"]})


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("role", ["map", "reduce", "finish"])
def test_other_statements_than_select_are_refused_by_the_check(
    role: str, statement: str, folder: Path
) -> None:
    job = {"map": "FROM input", "reduce": "FROM input", "columns": COLUMNS}
    job |= {role: statement.format(folder=folder)}
    with pytest.raises(InvalidQuery, match=f"sql.{role}: got .*; give one SELECT, and nothing else"):
        check({"job": job, "params": {}})


@pytest.mark.parametrize("statement", [*READS, *DEEDS])
def test_the_check_reads_nothing_itself(statement: str, folder: Path) -> None:
    map = statement.format(path="/etc/passwd", folder=folder)
    job = {"map": map, "reduce": "FROM input", "key": [], "columns": COLUMNS}
    assert "root:" not in said(lambda: check({"job": job, "params": {}}))


@pytest.mark.parametrize(
    "columns",
    [
        "k VARCHAR); COPY (SELECT 1) TO '/tmp/x'; --",
        "k) AS SELECT content FROM read_text('/etc/passwd') --",
        "k VARCHAR DEFAULT (SELECT content FROM read_text('/etc/passwd'))",
    ],
)
def test_columns_cannot_smuggle_a_statement(columns: str, folder: Path) -> None:
    found = said(lambda: check({"job": {"map": "FROM input", "columns": columns}, "params": {}}))
    assert found.startswith("sql.columns: ") or found == str({"params": {}, "columns": ["k"]})
    assert "root:" not in found


def test_a_text_cannot_leave_its_parentheses() -> None:
    for text in ("SELECT 1) UNION ALL (SELECT 2", "SELECT 1 /*", "SELECT 1 AS k) TO '/tmp/x' --", "SELECT '"):
        with pytest.raises(InvalidQuery):
            check({"job": {"map": text, "reduce": "FROM input", "columns": COLUMNS}, "params": {}})


def test_parameters_are_values_and_never_sql() -> None:
    text = "' UNION ALL SELECT content FROM read_text('/etc/passwd') --"
    job = {"map": "SELECT $x AS k FROM input LIMIT 1", "columns": COLUMNS}
    assert csv_rows(run_on(INPUT, job, params={"x": text})) == [[text]]


# What a query can see


def test_settings_show_no_secret_and_no_environment(folder: Path) -> None:
    job = {
        "map": "SELECT name, value FROM duckdb_settings()",
        "reduce": "FROM input",
        "key": [],
        "columns": COLUMNS,
    }
    shown = run_on(INPUT, job, output="jsonl").parts[0].decode()
    assert '"enable_external_access","value":"false"' in shown
    assert SECRET not in shown
    assert os.environ["PATH"] not in shown


@pytest.mark.parametrize(
    "function", ["duckdb_secrets()", "duckdb_temporary_files()", "duckdb_logs()", "duckdb_variables()"]
)
def test_there_is_nothing_to_find_in_the_database(function: str, folder: Path) -> None:
    assert refused({"map": f"FROM {function}", "reduce": "FROM input"})


@pytest.mark.parametrize("name", ["marla://99", "marla://*", "marla://../etc/passwd", "marla:///etc/passwd"])
def test_there_are_no_other_files_than_those_of_the_task(name: str, folder: Path) -> None:
    for function in ("read_text", "glob", "read_csv", "read_parquet", "read_json"):
        assert refused({"map": f"FROM {function}('{name}')", "reduce": "FROM input"})


# The database itself


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with Database() as database:
        database.execute("CREATE TEMP TABLE input AS SELECT 'a' AS k, 1 AS n")
        yield database


HARMLESS = [
    "ATTACH ':memory:' AS x",
    "CREATE VIEW v AS SELECT * FROM read_text('/etc/passwd')",
    "WITH x AS (INSERT INTO input VALUES ('a', 1) RETURNING *) FROM x",
]


@pytest.mark.parametrize("statement", [one for one in [*READS, *DEEDS, *STATEMENTS] if one not in HARMLESS])
def test_the_database_refuses_whatever_it_is_asked(statement: str, database: Database, folder: Path) -> None:
    """Behind the check of statements lies a database that could not do these things anyway."""
    with pytest.raises((InvalidQuery, DataError)) as caught:
        database.execute(statement.format(path="/etc/passwd", folder=folder))
    assert "root:" not in str(caught.value)


def test_the_configuration_stays_locked(database: Database) -> None:
    for setting in ("enable_external_access = true", "lock_configuration = false", "threads = 4"):
        with pytest.raises((InvalidQuery, DataError), match=r"locked|disabled"):
            database.execute(f"SET {setting}")
    assert database.execute("SELECT current_setting('enable_external_access')") == [(False,)]
    assert database.execute("SELECT current_setting('threads')") == [(1,)]


def test_a_task_finds_nothing_of_the_task_before_it() -> None:
    with Database({"secret": SECRET}) as before:
        name = before.files.add(Memory(SECRET.encode()))
        data = before.files.add(Memory(parquet("SELECT 'x' AS k")))
        before.show(f"FROM read_text({name})")
        before.execute(f"CREATE TEMP TABLE partial AS FROM read_text({name}), read_parquet({data})")
    with Database() as after:
        for table in ("input", "partial"):
            with pytest.raises(InvalidQuery, match=f"{table} does not exist"):
                after.execute(f"FROM {table}")
        assert after.execute(f"FROM read_text({name})") == []
        with pytest.raises(DataError, match="No files found"):
            after.execute(f"FROM read_parquet({data})")
        assert after.files.add(Memory(b"")) not in (name, data), "what is cached is no other file's"


def test_a_task_that_failed_leaves_a_database_that_works() -> None:
    with Database() as database:
        database.execute("CREATE TEMP TABLE partial AS SELECT 1 AS n")
        with pytest.raises(InvalidQuery):
            database.execute("FROM nowhere")
    with Database() as database:
        database.execute("CREATE TEMP TABLE partial AS SELECT 2 AS n")
        assert database.execute("FROM partial") == [(2,)]

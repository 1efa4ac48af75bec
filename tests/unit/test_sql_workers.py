"""What SQL jobs cost: imports, size, requests and bytes, memory and temporary storage."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs._pavlo import RANKINGS, USERVISITS
from mapreduce.errors import DiskFull, InvalidQuery, StorageUnavailable
from mapreduce.sql import database
from mapreduce.sql.database import Database, DataError
from mapreduce.sql.objects import FOOTER_BYTES
from mapreduce.sql.parts import Parts
from marla.generate import rankings, uservisits
from tests.unit.memory_s3 import MemoryS3, memory_store
from tests.unit.pipeline import INPUT, JOBS, run_pipeline
from tests.unit.sql_data import csv_rows, csv_table, parquet

FUNCTIONS = Path(database.__file__).parents[2]
COLUMNS = "k VARCHAR, n INTEGER"


def run_counted(objects: dict[str, bytes], job: Any, **options: Any) -> tuple[Any, MemoryS3]:
    s3, _ = memory_store(INPUT, objects)
    sizes = {key: len(data) for key, data in objects.items()}
    return run_pipeline(s3, job, sizes, **options), s3


def output_of(code: str) -> str:
    """Return what a process of its own prints."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return run.stdout


# Imports and size

PYTHON_JOB = """
import sys
sys.path[:0] = [{functions!r}, {root!r}]
from tests.unit.memory_s3 import memory_store
from mapreduce.events import MapTask, ReduceTask
from mapreduce.check import check
from mapreduce.map_task import run_map_task
from mapreduce.reduce_task import run_reduce_task
import mapper, reducer
_, store = memory_store("in", {{"x": b"a b a"}})
job = {{"id": "i", "stage": 0, "task": 0, "job": "wordcount"}}
check({{"job": "wordcount", "params": {{}}}})
pieces = [{{"key": "x", "start": 0, "end": 5}}]
limits = {{"partitions": 1, "maxBadRecords": 0, "maxRecordBytes": 99}}
run_map_task(MapTask.from_event(job | limits | {{"bucket": "in", "pieces": pieces}}), store, "jobs")
step = {{"step": 1, "partition": 0, "first": 0, "count": 1, "final": True}}
run_reduce_task(ReduceTask.from_event(job | step), store, "jobs")
print(sorted({{"duckdb", "fsspec", "_duckdb", "numpy", "pandas", "pyarrow"}} & set(sys.modules)))
"""


def test_a_python_job_imports_nothing_of_sql() -> None:
    code = PYTHON_JOB.format(functions=str(FUNCTIONS), root=str(FUNCTIONS.parent))
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "[]\n"


def test_the_functions_with_what_they_need_are_far_below_what_lambda_takes() -> None:
    """Lambda takes 250 MB unzipped; of what is there, all is read when an environment starts."""
    lines = (FUNCTIONS / "requirements.txt").read_text().splitlines()
    names = [name[0] for line in lines if (name := re.match(r"[\w.-]+", line))]
    assert {"duckdb", "fsspec"} <= set(names)
    files = [path for name in names for path in importlib.metadata.files(name) or []]
    sizes = [Path(str(file.locate())).stat().st_size for file in files if "__pycache__" not in str(file)]
    own = [path.stat().st_size for path in FUNCTIONS.rglob("*.py")]
    assert sum(sizes) + sum(own) < 100e6


# Requests and bytes


def test_a_mapper_writes_one_object_whatever_the_partitions() -> None:
    job = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k", "columns": COLUMNS}
    outcome, s3 = run_counted({"x.csv": b"a,1\nb,2\nc,3\n"}, job, partitions=20)
    assert [key for bucket, key in s3.objects if bucket == JOBS and "/map/" in key] == [
        "jobs/job-1/stage-0/map/0"
    ]
    assert sorted(csv_rows(outcome)) == [["a", "1"], ["b", "2"], ["c", "3"]]


def test_of_a_parquet_object_only_the_columns_are_fetched_that_are_asked_for() -> None:
    select = "SELECT i AS a, hash(i)::VARCHAR || hash(i + 1) AS b, hash(i * 7)::VARCHAR AS c"
    data = parquet(f"{select} FROM range(100000) t(i)", row_group=20_000)
    column = len(parquet("SELECT i AS a FROM range(100000) t(i)", row_group=20_000))
    job = {"map": "SELECT sum(a) AS total FROM input"}
    outcome, s3 = run_counted({"x.parquet": data}, job, split_bytes=1 << 30)
    assert csv_rows(outcome) == [[str(sum(range(100000)))]]
    assert s3.bytes_sent < 1.2 * column + FOOTER_BYTES + 10_000 < len(data) / 5


def test_tasks_that_share_a_parquet_object_fetch_their_own_row_groups() -> None:
    data = parquet("SELECT hash(i)::VARCHAR AS k FROM range(100000) t(i)", row_group=10_000)
    job = {"map": "SELECT max(k) AS k, count(*) AS n FROM input"}
    outcome, s3 = run_counted({"x.parquet": data}, job, split_bytes=len(data) // 5, fan_in=9)
    assert len(outcome.mapped) == 5
    assert csv_rows(outcome)[0][1] == "100000"
    assert s3.bytes_sent < 1.2 * len(data) + 5 * FOOTER_BYTES + 10_000


def test_csv_is_fetched_once_but_for_the_ends_of_pieces() -> None:
    data = b"some key,12\n" * 100_000
    job = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k", "columns": COLUMNS}
    _, s3 = run_counted({"x.csv": data}, job, split_bytes=400_000, fan_in=9)
    assert s3.bytes_sent < len(data) + 3 * 70_000 + 10_000


class Unavailable(MemoryS3):
    """An S3 that answers a few requests, and then no more."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.answers = answers

    def get_object(self, **request: Any) -> dict[str, Any]:
        if self.requests["get_object"] >= self.answers:
            raise StorageUnavailable("S3 is away")
        return super().get_object(**request)


@pytest.mark.parametrize("answers", range(4))
def test_an_s3_that_is_away_is_no_mistake_of_the_job(answers: int) -> None:
    s3 = Unavailable(answers)
    objects = {"a.csv": b"a,1\n", "b.csv": b"b,2\n", "c.csv": b"c,3\n"}
    s3.objects.update(memory_store(INPUT, objects)[0].objects)
    job = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k", "columns": COLUMNS}
    with pytest.raises(StorageUnavailable, match="S3 is away"):
        run_pipeline(s3, job, dict.fromkeys(objects, 4))


# Memory and temporary storage


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB has 96 MiB."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "192")


@pytest.mark.usefixtures("small")
def test_results_larger_than_the_memory_are_sorted_and_written() -> None:
    """As of the jobs `scan` and `aggregate`, where nearly each row of the input is one of the result."""
    rows = b"".join(b"%d,%d\n" % (number * 7919 % 1000, number) for number in range(1000))
    job = {
        "map": "SELECT k || '/' || i || repeat('x', 100) AS k, n FROM input, range(1200) t(i)",
        "reduce": "SELECT k, sum(n) AS n FROM input GROUP BY k",
        "key": ["k"],
        "columns": COLUMNS,
    }
    outcome, _ = run_counted({"x.csv": rows}, job, split_bytes=len(rows) // 4, fan_in=8)
    lines = outcome.parts[0].splitlines()
    assert len(outcome.parts[0]) > 96 << 20
    assert len(lines) == 1_200_000
    assert lines[0] < lines[600_000] < lines[-1]


@pytest.mark.usefixtures("small")
def test_what_fits_no_memory_says_what_to_change() -> None:
    with Database() as small_one, pytest.raises(DiskFull, match=r"sql: the data fits neither .*MapperMemory"):
        small_one.execute("SELECT list(i::VARCHAR || repeat('x', 100)) FROM range(3000000) t(i)")


DISK = """
import resource, signal, sys
sys.path.insert(0, {functions!r})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
from mapreduce.errors import DiskFull
from mapreduce.sql.database import Database, DataError
with Database() as database:
    try:
        database.execute("CREATE TEMP TABLE t AS SELECT hash(i)::VARCHAR AS s FROM range(8000000) t(i)")
    except DiskFull as error:
        print(error)
"""


@pytest.mark.usefixtures("small")
def test_a_disk_that_takes_no_more_says_what_to_change() -> None:
    code = DISK.format(functions=str(FUNCTIONS))
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "nor its temporary storage: lower splitBytes" in found.stdout, found.stderr


# The database of a process


def test_a_database_that_is_broken_is_not_given_to_the_next_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB refuses all service after an error of its own, and an environment of Lambda lives for hours."""

    class Broken:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def execute(self, *_: Any) -> Any:
            raise duckdb.FatalException("database has been invalidated because of a previous fatal error")

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

    broken = Database()
    connection = broken._connection
    monkeypatch.setattr(broken, "_connection", Broken(connection))
    with broken, pytest.raises(DataError, match="database has been invalidated"):
        broken.execute("SELECT 1")
    with Database() as next_one:
        assert next_one._connection is not connection
        assert next_one.execute("SELECT 1") == [(1,)]


def test_a_mistake_does_not_cost_the_next_task_a_new_database() -> None:
    with Database() as first, pytest.raises(InvalidQuery):
        first.execute("FROM nowhere")
    with Database() as second:
        assert second._connection is first._connection


# The questions of the AMPLab benchmark whose results are larger than the memory of any worker


def objects_of(paths: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.usefixtures("small")
def test_scan_1c_finds_more_than_a_worker_can_hold(tmp_path: Path) -> None:
    objects = objects_of(rankings(tmp_path, None, 2, urls=1_800_000))
    outcome, _ = run_counted(objects, "scan", params={"rank": 10}, split_bytes=16 << 20, fan_in=8)
    [part] = outcome.parts
    assert len(part) > 96 << 20
    result = tmp_path / "result"
    result.write_bytes(part)
    source = csv_table(tmp_path / "*.csv", RANKINGS)
    found = csv_table(result, {"pageURL": "VARCHAR", "pageRank": "INTEGER"})
    missing = f"SELECT pageURL, pageRank FROM {source} WHERE pageRank > 10 EXCEPT ALL FROM {found}"
    assert duckdb.execute(f"SELECT count(*) FROM ({missing})").fetchall() == [(0,)]
    rows = duckdb.execute(f"SELECT count(*) FROM {source} WHERE pageRank > 10").fetchall()
    assert rows == [(part.count(b"\n"),)]


def test_aggregate_2c_has_more_groups_than_a_worker_can_hold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "80")  # half of it for DuckDB
    objects = objects_of(uservisits(tmp_path, 80_000_000, 4, urls=1000))
    outcome, _ = run_counted(objects, "aggregate", params={"prefix": 12}, split_bytes=16 << 20, fan_in=32)
    [part] = outcome.parts
    assert len(part) > 40 << 20
    result = tmp_path / "result"
    result.write_bytes(part)
    source = csv_table(tmp_path / "*.csv", USERVISITS)
    expected = f"SELECT substr(sourceIP, 1, 12) AS ip, sum(adRevenue) AS revenue FROM {source} GROUP BY ALL"
    found = csv_table(result, {"ip": "VARCHAR", "revenue": "DOUBLE"})
    [(groups, agreeing)] = duckdb.execute(
        "SELECT count(*), count(*) FILTER (WHERE abs(a.revenue - b.revenue) <= 1e-9 * b.revenue) "
        f"FROM {found} a FULL JOIN ({expected}) b USING (ip)"
    ).fetchall()
    assert groups == agreeing == part.count(b"\n")


def test_a_task_leaves_nothing_of_its_input_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Parts] = []

    class Remembered(Parts):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr("mapreduce.sql.tables.Parts", Remembered)
    monkeypatch.setattr("mapreduce.sql.reduce_task.Parts", Remembered)
    run_counted(
        {"x.csv": b"a,1\nb,2\n" * 9}, {"map": "FROM input", "reduce": "FROM input", "columns": COLUMNS}
    )
    assert len(made) == 2
    assert not any(parts._futures or parts._fetches for parts in made)

"""Results of SQL jobs: what DuckDB gives over all of the input at once, however it is cut and shared out."""

import bz2
import gzip
import itertools
import json
import math
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mapreduce import pieces
from mapreduce.events import MapTask, ReduceTask
from mapreduce.map_task import run_map_task
from mapreduce.reduce_task import run_reduce_task
from mapreduce.sql import map_task, tables
from mapreduce.zstd import ZstdCompressor
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import (
    INPUT,
    JOBS,
    Outcome,
    map_event,
    piece,
    read_all,
    reduce_event,
    run_on,
    run_pipeline,
)
from tests.unit.sql_data import HEADER, csv_rows, parquet

COLUMNS = {"k": "VARCHAR", "n": "BIGINT"}
SUM = {"map": "SELECT k, sum(n) AS total, count(*) AS rows FROM input GROUP BY k", "columns": COLUMNS}

Row = tuple[str | None, int | None]

# Keys with what S3 objects and csv fields are known to be mistaken about.
texts = st.one_of(st.none(), st.text("ab한é, \"'\t#+%\\", max_size=6))
rows = st.lists(st.tuples(texts, st.none() | st.integers(-(2**62), 2**62)), max_size=25)


def expected_sums(some: list[Row]) -> set[tuple[str | None, int | None, int]]:
    values: defaultdict[str | None, list[int | None]] = defaultdict(list)
    for key, number in some:
        values[key].append(number)
    sums = {key: [n for n in numbers if n is not None] for key, numbers in values.items()}
    return {(key, sum(sums[key]) if sums[key] else None, len(values[key])) for key in values}


def json_sums(outcome: Outcome) -> set[tuple[str | None, int | None, int]]:
    found = [tuple(json.loads(line).values()) for part in outcome.parts for line in part.splitlines()]
    assert len(set(found)) == len(found), "a key is in the result twice"
    return set(found)


class Text(NamedTuple):
    """How rows are written as csv."""

    newlines: list[str]
    final_newline: bool
    mark: bool
    header: bool
    quoted: bool

    def data(self, some: list[Row]) -> bytes:
        lines = ["k,n"] if self.header else []
        lines += [f"{self._field(key)},{'' if number is None else number}" for key, number in some]
        ends = itertools.cycle(self.newlines)
        text = "".join(line + next(ends) for line in lines)
        if not self.final_newline:
            text = text.removesuffix("\n").removesuffix("\r")
        return (b"\xef\xbb\xbf" if self.mark and text else b"") + text.encode()

    def _field(self, key: str | None) -> str:
        if key is None:
            return ""
        if self.quoted or not key or set(key) & {",", '"'}:
            return '"' + key.replace('"', '""') + '"'
        return key


styles = st.builds(
    Text,
    st.sampled_from([["\n"], ["\r\n"], ["\n\n", "\n"], ["\r\n", "\n"]]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=25)
@given(
    some=rows,
    style=styles,
    objects=st.integers(1, 3),
    tasks=st.integers(1, 7),
    partitions=st.sampled_from([1, 5]),
    fan_in=st.sampled_from([2, 8]),
)
@example(
    some=[("한", 1), ("한", 2), ("b", 3)],
    style=Text(["\r\n"], False, True, False, False),
    objects=1,
    tasks=99,
    partitions=1,
    fan_in=8,
)
@example(
    some=[("x" * 50, 1), ("b", 3)],
    style=Text(["\n"], False, True, True, True),
    objects=1,
    tasks=20,
    partitions=5,
    fan_in=8,
)
def test_sums_of_csv_are_right_however_it_is_written_and_cut(
    some: list[Row], style: Text, objects: int, tasks: int, partitions: int, fan_in: int
) -> None:
    share = max(1, -(-len(some) // objects))
    data = {
        f"dir/키 {start}+%.csv": style.data(some[start : start + share])
        for start in range(0, max(1, len(some)), share)
    }
    size = sum(map(len, data.values()))
    if not size:
        return  # the state machine does not start a job on nothing
    outcome = run_on(
        data,
        SUM,
        split_bytes=max(1, size // tasks),
        partitions=partitions,
        fan_in=fan_in,
        format=HEADER if style.header else None,
        output="jsonl",
    )
    # An empty field is NULL to DuckDB, quoted or not.
    assert json_sums(outcome) == expected_sums([(key or None, number) for key, number in some])
    assert len(outcome.parts) == partitions


@settings(max_examples=12)
@given(
    some=rows.filter(bool),
    newline=st.sampled_from(["\n", "\r\n", "\n\n"]),
    final=st.booleans(),
    mark=st.booleans(),
    tasks=st.integers(1, 6),
)
@example(some=[("한", 1), ("é", 2)], newline="\n", final=False, mark=True, tasks=99)
def test_sums_of_json_lines_are_right_however_they_are_written_and_cut(
    some: list[Row], newline: str, final: bool, mark: bool, tasks: int
) -> None:
    lines = [json.dumps({"k": key, "n": number}, ensure_ascii=False) for key, number in some]
    data = (b"\xef\xbb\xbf" if mark else b"") + (newline.join(lines) + newline * final).encode()
    outcome = run_on(
        {"rows.jsonl": data},
        SUM,
        split_bytes=max(1, len(data) // tasks),
        partitions=3,
        fan_in=8,
        output="jsonl",
    )
    assert json_sums(outcome) == expected_sums(some)


def test_each_row_is_counted_once_where_splits_are_single_bytes() -> None:
    data = b'k,n\r\n"a,a",1\r\n\r\n\xed\x95\x9c,2\r\n"a,a",3'
    outcome = run_on({"x.csv": data}, SUM, split_bytes=1, fan_in=50, format=HEADER)
    assert csv_rows(outcome) == [["a,a", "4", "2"], ["한", "2", "1"]]
    assert sum(counters["recordsIn"] for counters in outcome.mapped) == 3
    assert len(outcome.mapped) == len(data)


def test_objects_of_one_byte_and_lines_longer_than_a_split_are_read() -> None:
    job = {"map": "SELECT k, count(*) AS rows FROM input GROUP BY k", "columns": "k VARCHAR"}
    long = b"x" * 500
    objects = {"a": b"a", "b": b"b", "c": long + b"\n" + long, "d": b"a"}
    assert csv_rows(run_on(objects, job, split_bytes=7, fan_in=500)) == [
        ["a", "2"],
        ["b", "1"],
        [long.decode(), "2"],
    ]


# Compressed objects


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    (".gz", gzip.compress),
    (".bz2", bz2.compress),
    (".zst", lambda data: ZstdCompressor().compress(data, ZstdCompressor.FLUSH_FRAME)),
]


def test_compressed_objects_give_what_plain_ones_give() -> None:
    some: list[Row] = [(f"k{number % 7}", number) for number in range(300)]
    data = Text(["\n"], False, True, True, True).data(some)
    objects = {f"x.csv{suffix}": pack(data) for suffix, pack in PACKERS} | {"y.CSV": data}
    outcome = run_on(objects, SUM, format=HEADER, output="jsonl", partitions=2)
    assert json_sums(outcome) == expected_sums(some * 4)
    assert sum(counters["recordsIn"] for counters in outcome.mapped) == 4 * len(some)


def test_a_compressed_object_of_nothing_adds_nothing() -> None:
    objects = {"none.csv.gz": gzip.compress(b""), "some.csv": b"a,1\n", "other.csv.gz": gzip.compress(b"")}
    assert csv_rows(run_on(objects, SUM)) == [["a", "1", "1"]]


def test_what_is_compressed_is_mapped_in_rounds_that_are_reduced_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", 500)
    monkeypatch.setattr(tables, "ROUND_BYTES", 1000)
    monkeypatch.setattr(map_task, "COMPACT_ROWS", 10)
    some: list[Row] = [(f"k{number % 7}", number) for number in range(500)]
    objects = {"x.csv.gz": gzip.compress(Text(["\r\n"], True, False, False, False).data(some))}
    outcome = run_on(objects, SUM, partitions=3, output="jsonl")
    assert json_sums(outcome) == expected_sums(some)
    assert sum(counters["recordsOut"] for counters in outcome.mapped) == 7


# Formats


def test_objects_of_several_formats_may_be_mixed() -> None:
    objects = {
        "a.csv": b"a,1\n",
        "b.jsonl": b'{"n": 2, "k": "a"}\n',
        "c.tsv": b"a\t4\n",
        "d.parquet": parquet("SELECT 'a' AS k, 8 AS n"),
        "e.csv": b"b,16\n",
        "f.ndjson.gz": gzip.compress(b'{"k": "b", "n": 32}'),
    }
    assert csv_rows(run_on(objects, SUM)) == [["a", "15", "4"], ["b", "48", "2"]]


def test_csv_may_have_other_delimiters_and_quotes() -> None:
    def result(data: bytes, **format: Any) -> list[list[str]]:
        return csv_rows(run_on({"x.csv": data}, SUM, format={"type": "csv"} | format))

    assert result(b"'a;''b';1\n", delimiter=";", quote="'") == [["a;'b", "1", "1"]]
    assert result(b'a"b|1\n', delimiter="|", quote="") == [['a"b', "1", "1"]]
    assert result("a§1\n".encode(), delimiter="§") == [["a", "1", "1"]]


@pytest.mark.parametrize("output", [None, "csv", "jsonl", "parquet"])
def test_a_result_is_written_in_the_format_that_was_asked_for(output: str | None, tmp_path: Path) -> None:
    data = '"a,""b",1\n한,2\n,3\n'.encode()
    outcome = run_on({"x.csv": data}, SUM, split_bytes=9, output=output)
    assert outcome.format == (output or "csv")
    path = tmp_path / "result"
    path.write_bytes(outcome.parts[0])
    reader = {
        "csv": "read_csv(?, header = false)",
        "jsonl": "read_json(?, format = 'newline_delimited')",
        "parquet": "read_parquet(?)",
    }[outcome.format]
    found = duckdb.execute(f"SELECT * FROM {reader}", [str(path)]).fetchall()
    assert found == [('a,"b', 1, 1), ("한", 2, 1), (None, 3, 1)]


def test_a_nested_column_makes_the_result_json_lines() -> None:
    job = {"map": "SELECT k, [n] AS l FROM input", "columns": COLUMNS}
    outcome = run_on({"x.csv": b"a,1\n"}, job)
    assert (outcome.format, outcome.parts) == ("jsonl", [b'{"k":"a","l":[1]}\n'])


def test_a_result_of_no_rows_is_an_empty_part() -> None:
    job = {"map": "SELECT k, n FROM input WHERE n > 5", "columns": COLUMNS}
    for output in ("csv", "jsonl"):
        assert run_on({"x.csv": b"a,1\n"}, job, output=output, partitions=2).parts == [b"", b""]


# Parquet


def test_each_row_group_is_read_once_wherever_an_object_is_cut() -> None:
    data = parquet("SELECT i AS n, 'k' || i % 3 AS k FROM range(10000) t(i)")
    edges = {0, 1, 4, len(data) // 2, len(data) - 1}
    for cut in sorted({edge + by for edge in [*edges, *row_group_starts(data)] for by in (-1, 0, 1)}):
        if 0 < cut < len(data):
            assert sums_of_two_pieces(data, cut) == [sum(range(rest, 10000, 3)) for rest in range(3)]


def row_group_starts(data: bytes) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        path.write_bytes(data)
        starts = duckdb.execute(
            "SELECT min(least(dictionary_page_offset, data_page_offset)) "
            f"FROM parquet_metadata('{path}') GROUP BY row_group_id"
        ).fetchall()
    assert len(starts) == 5
    return [start for (start,) in starts]


def sums_of_two_pieces(data: bytes, cut: int) -> list[int]:
    s3, store = memory_store(INPUT, {"x.parquet": data})
    job = {"map": SUM["map"]}
    records = 0
    for task, cuts in enumerate([(0, cut), (cut, len(data))]):
        event = map_event(job, [piece("x.parquet", *cuts)], task=task)
        records += run_map_task(MapTask.from_event(event), store, JOBS)["recordsIn"]
    assert records == 10000
    run_reduce_task(ReduceTask.from_event(reduce_event(job, count=2)), store, JOBS)
    result = read_all(s3, "jobs/job-1/stage-0/step-1/0/0").decode()
    return [int(line.split(",")[1]) for line in result.splitlines()]


# Numbers


def test_floating_sums_are_those_of_all_rows_to_nine_digits() -> None:
    numbers = random.Random(3)
    amounts = [(f"{numbers.randrange(5)}", numbers.uniform(-1e6, 1e6)) for _ in range(2000)]
    data = "".join(f"{key},{amount!r}\n" for key, amount in amounts).encode()
    job = {"map": "SELECT k, sum(x) AS x FROM input GROUP BY k", "columns": "k VARCHAR, x DOUBLE"}
    found = {key: float(total) for key, total in csv_rows(run_on({"x.csv": data}, job, split_bytes=3000))}
    expected = {key: math.fsum(x for other, x in amounts if other == key) for key in found}
    assert found == pytest.approx(expected, rel=1e-9)
    assert len(found) == 5


@pytest.mark.parametrize("output", ["csv", "jsonl"])
def test_sums_of_integers_and_decimals_are_exact(output: str) -> None:
    large, cents = 2**62 + 1, "99999999999999999999.99"
    data = f"{large},{cents}\n".encode() * 10
    job = {
        "map": "SELECT sum(n) AS n, sum(d) AS d, avg(n) AS mean FROM input",
        "columns": "n BIGINT, d DECIMAL(38,2)",
    }
    text = run_on({"x.csv": data}, job, split_bytes=100, output=output).parts[0].decode()
    assert str(large * 10) in text
    assert "999999999999999999999.90" in text


# Partitions


def test_one_group_of_all_rows_is_one_row_whatever_the_partitions() -> None:
    job = {"map": "SELECT sum(n) AS total FROM input", "columns": COLUMNS}
    outcome = run_on({"x.csv": b"a,1\nb,2\nc,3\n"}, job, split_bytes=4, partitions=4)
    assert outcome.parts == [b"6\n", b"", b"", b""]


def test_a_key_is_in_one_part_whatever_the_type_that_tasks_compute() -> None:
    job = {
        "map": "SELECT n * 0.0::DOUBLE * (CASE k WHEN 'a' THEN -1 ELSE 1 END) AS zero, count(*) AS rows "
        "FROM input GROUP BY 1",
        "columns": COLUMNS,
    }
    outcome = run_on({"x.csv": b"a,1\nb,2\na,3\n"}, job, split_bytes=4, partitions=7)
    assert [(float(zero), rows) for zero, rows in csv_rows(outcome)] == [(0.0, "3")]


def test_an_order_and_a_limit_are_those_of_the_whole() -> None:
    data = b"".join(b"k%d,%d\n" % (number, number * 37 % 100) for number in range(100))
    job = {"map": "SELECT k, n FROM input ORDER BY n DESC LIMIT 3", "columns": COLUMNS}
    outcome = run_on({"x.csv": data}, job, split_bytes=97)
    assert [row[1] for row in csv_rows(outcome)] == ["99", "98", "97"]


def test_finish_sees_the_reduced_rows_of_a_partition_once() -> None:
    job = {
        "map": "SELECT k, sum(n) AS n FROM input GROUP BY k",
        "reduce": "SELECT k, sum(n) AS n FROM input GROUP BY k",
        "finish": "SELECT count(*) AS keys, sum(n) AS total FROM input",
        "columns": COLUMNS,
    }
    outcome = run_on({"x.csv": b"a,1\nb,2\na,3\n"}, job, split_bytes=4)
    assert csv_rows(outcome) == [["2", "6"]]


# Determinism


def test_the_same_job_on_the_same_input_writes_the_same_bytes_in_any_order_of_tasks() -> None:
    data = b"".join(b"key %d,%d\n" % (number % 37, number) for number in range(800))
    written = []
    for backwards in (False, False, True):
        s3, _ = memory_store(INPUT, {"x.csv": data})
        job = {"map": "SELECT k, sum(n / 7) AS x, max(n) AS n FROM input GROUP BY k", "columns": COLUMNS}
        sizes = {"x.csv": len(data)}
        run_pipeline(s3, job, sizes, split_bytes=2000, partitions=3, fan_in=3, backwards=backwards)
        written.append(s3.objects)
    assert len(written[0]) > 15
    assert written[0] == written[1] == written[2]

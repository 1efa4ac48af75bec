"""Input, runs and results of SQL jobs, for their tests."""

from __future__ import annotations

import csv
import io
import math
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from mapreduce.events import MapTask, PublishTask, ReduceTask
from mapreduce.layout import result_key
from mapreduce.map_task import run_map_task
from mapreduce.reduce_task import run_reduce_task
from mapreduce.results import publish
from tests.unit.memory_s3 import memory_store
from tests.unit.pipeline import (
    INPUT,
    JOBS,
    AnyJob,
    Counters,
    Event,
    Outcome,
    batches,
    map_event,
    read_all,
    reduce_event,
)

HEADER = {"type": "csv", "header": True}


def csv_table(path: str | Path, columns: Mapping[str, str]) -> str:
    """Return what DuckDB by itself reads csv files without header with.

    Args:
        path: of a file, or of several by a pattern.
    """
    return f"read_csv('{path}', header = false, columns = {dict(columns)})"


def parquet(select: str, row_group: int = 2048) -> bytes:
    """Return the rows of a SELECT as a Parquet object."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE {row_group})")
        return path.read_bytes()


def rows_of(data: bytes) -> duckdb.DuckDBPyConnection:
    """Return a connection whose table `result` has the rows of a Parquet object."""
    connection = duckdb.connect()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        path.write_bytes(data)
        connection.execute(f"CREATE TABLE result AS FROM read_parquet('{path}')")
    return connection


def csv_rows(outcome: Outcome) -> list[list[str]]:
    """Return the rows of a result that is csv, part by part."""
    return [row for part in outcome.parts for row in csv.reader(io.StringIO(part.decode(), newline=""))]


class Given(NamedTuple):
    """An input of an execution: its objects by key, and what the execution says of them."""

    objects: dict[str, bytes]
    name: str | None = None
    columns: Any = None
    format: Any = None


def run_over(
    inputs: list[Given],
    job: AnyJob,
    *,
    split_bytes: int = 1 << 20,
    partitions: int = 1,
    fan_in: int = 2,
    **options: Any,
) -> Outcome:
    """Run a job over several inputs. (`run_on` does so too, where they say nothing but their names.)"""
    s3, store = memory_store(INPUT, {key: data for one in inputs for key, data in one.objects.items()})
    maps: list[Event] = []
    for number, one in enumerate(inputs):
        given = {"number": number, "name": one.name, "columns": one.columns}
        for batch in batches({key: len(data) for key, data in one.objects.items()}, split_bytes):
            event = map_event(job, batch, task=len(maps), partitions=partitions, input=given)
            maps.append(event | {"format": one.format} | options)
    mapped = [run_map_task(MapTask.from_event(event), store, JOBS) for event in maps]
    outputs, step = len(maps), 0
    reduced: list[Counters] = []
    while step == 0 or outputs > 1:
        step, tasks = step + 1, math.ceil(outputs / fan_in)
        events = [
            reduce_event(job, step=step, partition=partition, task=task, first=task * fan_in, **options)
            | {"count": min(fan_in, outputs - task * fan_in), "final": tasks == 1}
            for partition in range(partitions)
            for task in range(tasks)
        ]
        reduced += [run_reduce_task(ReduceTask.from_event(event), store, JOBS) for event in events]
        outputs = tasks
    published = PublishTask.from_event({"id": "job-1", "stage": 0, "step": step, "partitions": partitions})
    with ThreadPoolExecutor(2) as pool:
        format = publish(published, store, JOBS, pool)["format"]
    parts = [read_all(s3, result_key(published.prefix, partition, format)) for partition in range(partitions)]
    return Outcome(parts, format, mapped, reduced)

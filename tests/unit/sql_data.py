"""Input and results of SQL jobs, for their tests."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import duckdb

from tests.unit.pipeline import Outcome

HEADER = {"type": "csv", "header": True}


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

"""Result objects: brought to a folder, or their first rows shown."""

from __future__ import annotations

import csv
import io
import itertools
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from .errors import CloudError, UsageError
from .stack import Stack

PARQUET_BYTES = 1 << 30  # of a part that is fetched whole to show its first rows


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a folder cannot be written, or holds parts of another result.

    Those would mix with this one.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--out: {folder} is a file; give a folder")
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryDirectory(prefix=".marla-", dir=there):
            pass  # permissions alone do not tell: nobody makes a folder in /proc
    except OSError as error:
        raise UsageError(
            f"--out: {folder} cannot be written: {error.strerror}; give another folder"
        ) from error
    parts = sorted(folder.glob("part-*")) if folder.is_dir() else []
    if parts and not overwrite:
        raise UsageError(
            f"--out: {folder} holds a result already ({parts[0].name}); give another folder, or --overwrite"
        )


def fetch(stack: Stack, uris: list[str], folder: Path) -> list[Path]:
    """Download result objects into a folder, in place of parts that it holds; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".marla-", dir=folder) as downloads:
        for uri in uris:
            bucket, key = split_uri(uri)
            stack.s3.download_file(bucket, key, str(Path(downloads, Path(key).name)))
        # All of the new result is here: only now does it take the place of the old.
        for old in folder.glob("part-*"):
            old.unlink()
        return [path.rename(folder / path.name) for path in sorted(Path(downloads).iterdir())]


class Rows(NamedTuple):
    """Rows of a result as texts, and the names of their columns where the objects say them."""

    columns: list[str]
    rows: list[list[str]]


def head(stack: Stack, uris: list[str], count: int) -> Rows:
    """Return the first rows of a result, in the order of its parts.

    Raises CloudError for a result that cannot be shown in rows, or not without much to fetch.
    """
    columns: list[str] = []
    rows: list[list[str]] = []
    for uri in uris:
        if len(rows) == count:
            break
        part = _head_of(stack, uri, count - len(rows))
        columns = columns or part.columns
        rows += part.rows
    return Rows(columns, rows)


def _head_of(stack: Stack, uri: str, count: int) -> Rows:
    if uri.endswith(".parquet"):
        return _head_of_parquet(stack, uri, count)
    if uri.endswith(".bin"):
        raise CloudError(f"{uri}: raw bytes have no rows to show; bring the result with --out DIR")
    bucket, key = split_uri(uri)
    try:
        body = stack.s3.get_object(Bucket=bucket, Key=key)["Body"]
    except stack.s3.exceptions.NoSuchKey as error:
        raise CloudError(f"{uri}: gone, by `marla rm` or otherwise; run the job again") from error
    # Csv finds the ends of its rows by itself; a line of text or JSON ends in nothing but a newline.
    newline = "" if uri.endswith(".csv") else "\n"
    lines = io.TextIOWrapper(io.BufferedReader(_Stream(body)), encoding="utf-8", newline=newline)
    try:
        if uri.endswith(".txt"):
            return Rows([], [[line.removesuffix("\n")] for line in itertools.islice(lines, count)])
        if not uri.endswith(".jsonl"):
            return Rows([], list(itertools.islice(csv.reader(lines), count)))
        objects = [json.loads(line) for line in itertools.islice(lines, count)]
        names = list(objects[0]) if objects else []
        return Rows(names, [[_text(value) for value in row.values()] for row in objects])
    finally:
        body.close()


def _text(value: Any) -> str:
    """Return a JSON value as csv has it: a text as it is, nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _head_of_parquet(stack: Stack, uri: str, count: int) -> Rows:
    bucket, key = split_uri(uri)
    size = stack.s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    if size > PARQUET_BYTES:
        raise CloudError(
            f"{uri}: {size:,} bytes are too many to fetch for some rows; bring it with --out DIR"
        )
    with tempfile.TemporaryDirectory(prefix="marla-") as folder:
        path = Path(folder, "part.parquet")
        stack.s3.download_file(bucket, key, str(path))
        return _rows_of_parquet(path, count)


def _rows_of_parquet(path: Path, count: int) -> Rows:
    import duckdb  # noqa: PLC0415 - takes its time, and parquet is rare

    with duckdb.connect(":memory:", config={"autoload_known_extensions": False}) as database:
        database.execute("SET allowed_paths = [$path]", {"path": str(path)})
        database.execute("SET enable_external_access = false")
        found = database.execute(
            "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet($path) LIMIT $count",
            {"path": str(path), "count": count},
        )
        columns = [column[0] for column in found.description or []]
        return Rows(columns, [["" if text is None else text for text in row] for row in found.fetchall()])


class _Stream(io.RawIOBase):
    """A botocore body as a file that `io` takes."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._body.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

"""Result objects: brought to a folder, or their first rows shown."""

from __future__ import annotations

import csv
import io
import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import UsageError
from .stack import Stack


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise UsageError if a folder holds parts of another result, which would mix with this one."""
    parts = sorted(folder.glob("part-*")) if folder.is_dir() else []
    if parts and not overwrite:
        raise UsageError(
            f"--out: {folder} holds a result already ({parts[0].name}); give another folder, or --overwrite"
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out: {folder} is a file; give a folder")


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


def rows(stack: Stack, uris: list[str], count: int) -> list[list[Any]]:
    """Return the first rows of a result, in the order of its parts."""
    return list(itertools.islice(_rows(stack, uris), count))


def _rows(stack: Stack, uris: list[str]) -> Iterator[list[Any]]:
    for uri in uris:
        bucket, key = split_uri(uri)
        body = stack.s3.get_object(Bucket=bucket, Key=key)["Body"]
        lines = io.TextIOWrapper(io.BufferedReader(_Stream(body)), encoding="utf-8", newline="")
        try:
            if key.endswith(".jsonl"):
                yield from (list(json.loads(line).values()) for line in lines)
            else:
                yield from csv.reader(lines)
        finally:
            body.close()


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

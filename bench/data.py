"""The generated files that everything reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from marla import generate

from .places import DATA

CHUNK = 1 << 20


def visits(file_bytes: int, files: int) -> list[Path]:
    """Return files of uservisits of about this size, generated if they are not there."""
    return generate.uservisits(DATA / f"uservisits-{file_bytes}", file_bytes, files, skip_existing=True)


def made(table: str, file_bytes: int, files: int) -> list[Path]:
    """Return files of another table of `marla generate`, likewise."""
    return generate.TABLES[table](DATA / f"{table}-{file_bytes}", file_bytes, files, skip_existing=True)


def chunks(file: Path) -> Iterator[bytes]:
    """Yield what a file holds, 1 MiB at a time."""
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            yield chunk


def size_of(files: list[Path]) -> int:
    """Return how many bytes the files have, all together."""
    return sum(file.stat().st_size for file in files)


def megabytes(files: list[Path]) -> str:
    """Return the same in words: what a case is called."""
    size = size_of(files)
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def warm(files: list[Path]) -> None:
    """Read the files once, so that whoever comes first is not the one that waits for the disk."""
    for file in files:
        for _ in chunks(file):
            pass

"""The generated files that everything reads."""

from __future__ import annotations

from pathlib import Path

from marla import generate

from .places import DATA


def visits(file_bytes: int, files: int) -> list[Path]:
    """Return files of uservisits of about this size, generated if they are not there."""
    return generate.uservisits(DATA / f"uservisits-{file_bytes}", file_bytes, files, skip_existing=True)


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
        with file.open("rb") as content:
            while content.read(1 << 20):
                pass

"""The right answer of a grep: what the program grep prints."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import zip_longest
from pathlib import Path

from .oracle import ResultError

PROGRAM = "grep"


def here() -> bool:
    """Whether this machine has it."""
    return shutil.which(PROGRAM) is not None


def check(result: Path, pattern: str, files: list[Path], uri: str) -> None:
    """Compare a result of the job `grep` with what the program prints. Raises ResultError.

    Args:
        pattern: an extended regular expression that means the same in Python's re.
        files: the input, in its order.
        uri: of the folder that they were uploaded to.
    """
    expected = printed(pattern, files)
    for number, (found, line) in enumerate(zip_longest(_lines(result.read_bytes()), expected), start=1):
        if line is None or found != uri.encode() + line:
            raise ResultError(f"{result}, line {number}: {found!r}, where {PROGRAM} prints {line!r}")


def printed(pattern: str, files: list[Path]) -> list[bytes]:
    """Return the lines that the program prints: the file's name, the byte offset and the line found."""
    lines = []
    for file in files:
        done = subprocess.run(
            [PROGRAM, "-bHE", "-e", pattern, "--", file.name],
            cwd=file.parent,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode > 1:  # 1 says that it found nothing
            raise ResultError(f"{PROGRAM} {pattern} {file}: ended with status {done.returncode}")
        lines += _lines(done.stdout)
    return lines


def _lines(text: bytes) -> list[bytes]:
    return text.removesuffix(b"\n").split(b"\n") if text else []

"""Which code a job runs: a digest of what its outputs follow from, besides its plan."""

from __future__ import annotations

import functools
import hashlib
import sys
from pathlib import Path
from typing import Any

import jobs

from .errors import CodeChanged

ENGINE = Path(__file__).parent
JOBS = Path(next(iter(jobs.__path__)))


def code_of(job: str | dict[str, Any]) -> str:
    """Return a digest of the engine, and of a named job's file with what the files of jobs share.

    The versions of Python and of the packages that are pinned are part of it.
    """
    return _digest(job.partition(":")[0] if isinstance(job, str) else "")


def check_code(expected: str, job: str | dict[str, Any]) -> None:
    """Raise CodeChanged unless the code is what it was as the job began; nothing expected is anything."""
    if expected and expected != code_of(job):
        raise CodeChanged(
            "the stack was deployed with other code while the job ran, and outputs of two versions must not "
            "be mixed: start the job again"
        )


@functools.cache
def _digest(name: str) -> str:
    own = JOBS / f"{name.replace('-', '_')}.py"
    files = [
        *sorted(ENGINE.rglob("*.py")),
        *sorted(JOBS.glob("_*.py")),
        own,
        ENGINE.parent / "requirements.txt",
    ]
    digest = hashlib.blake2b(f"Python {sys.version_info[:2]}\n".encode(), digest_size=16)
    for file in files:
        if not file.is_file():
            continue
        content = file.read_bytes()
        digest.update(f"{file.relative_to(ENGINE.parent)} {len(content)}\n".encode() + content)
    return digest.hexdigest()

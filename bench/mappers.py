"""Mappers: each maps a file of one split, from S3 to S3; and references, that only do the arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clouds import Cloud
from .contest import Contender
from .handlers import Handler
from .jobs import JOBS, SEED, map_event
from .oracle import Oracle
from .peers.table import PREFIX
from .places import LOG

DUCKDB = "DuckDB, 1 thread, local file to table"
LOOPS = {"bare loop, bytes in memory": False, "bare loop, text in memory": True}


@dataclass(frozen=True, slots=True)
class Folder:
    """Files in the job bucket, in a folder under input/; its name is also that of the job that maps them."""

    name: str
    bucket: str
    files: list[Path]

    def map_event(self, contender: str, job: dict[str, Any], task: int) -> dict[str, Any]:
        """Return the event with which MARLA maps a file."""
        return map_event(
            job, self.id(contender), task, self.bucket, self._key(task), self.files[task].stat().st_size
        )

    def seed_event(self, task: int) -> dict[str, Any]:
        """Return the event with which a seed-style mapper does."""
        return {
            "bucket": self.bucket,
            "key": self._key(task),
            "output": self.seed_output(task),
            "prefix": PREFIX,
        }

    def file_event(self, task: int) -> dict[str, Any]:
        """Return the event with which a reference does."""
        return {"path": str(self.files[task]), "prefix": PREFIX}

    def id(self, contender: str) -> str:
        """Return the name of the job of a contender."""
        return f"{self.name}-{contender.lower().replace(' ', '-')}"

    def seed_output(self, task: int) -> str:
        """Return the key of a seed-style map output."""
        return f"seed/{self.name}/map/{task}"

    def _key(self, task: int) -> str:
        return f"input/{self.name}/{self.files[task].name}"


def upload(cloud: Cloud, name: str, files: list[Path]) -> Folder:
    """Upload files; return where they are."""
    cloud.upload(files, name)
    return Folder(name, cloud.stack.job_bucket, files)


def contenders(small: Folder, folder: Folder, rows: int) -> dict[str, Contender]:
    """Return all that map the first file of a folder, warmed with the first of a small one."""
    groups = Oracle(folder.files[:1]).groups

    def contender(module: str, warm: dict[str, Any], event: dict[str, Any]) -> Contender:
        return Contender(module, warm, [event], rows, groups)

    found = {
        name: contender("mapper", small.map_event(name, job, 0), folder.map_event(name, job, 0))
        for name, job in JOBS.items()
    }
    found[SEED] = contender("bench.seed.mapper", small.seed_event(0), folder.seed_event(0))
    found[DUCKDB] = contender("bench.references.duckdb_table", small.file_event(0), folder.file_event(0))
    for name, text in LOOPS.items():
        # Warmed with its own file: the first event reads it, and the second sums what was read.
        event = folder.file_event(0) | {"text": text}
        found[name] = contender("bench.references.bare_loop", event, event)
    return found


def map_all(folder: Folder, environment: dict[str, str]) -> None:
    """Map all files of a folder with each kind of mapper: what the reducers read."""
    tasks = range(len(folder.files))
    for name, job in JOBS.items():
        with Handler("mapper", environment, LOG, pinned=False) as handler:
            for task in tasks:
                handler.call(folder.map_event(name, job, task))
    with Handler("bench.seed.mapper", environment, LOG, pinned=False) as handler:
        for task in tasks:
            handler.call(folder.seed_event(task))

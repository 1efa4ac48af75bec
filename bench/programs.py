"""The peers as programs: how each is run, and which of them this machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from marla.local.cloud import ROOT

from .handlers import processor
from .places import LOG, OUTPUT, PEERS_PYTHON

LONGEST_SECONDS = 600
LONGEST_STRAGGLE = 15


class PeerError(Exception):
    """A peer that ended with an error: an error, and no number."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What a run took from start to end of the process, and how much of that it says it took to start."""

    seconds: float
    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that does the job: `command OUT FILE...`."""

    name: str
    command: tuple[str, ...]
    needs: str = str(PEERS_PYTHON)
    slow: bool = False  # too slow for more than the smallest size, with runs enough

    @property
    def here(self) -> bool:
        """Whether this machine has what it needs."""
        return shutil.which(self.needs) is not None

    def run(self, out: Path, files: list[Path]) -> Timing:
        """Run it once, where there is no `out`. Raises PeerError."""
        with LOG.open("ab") as log:
            began = time.perf_counter()
            try:
                process = subprocess.run(
                    [*self.command, str(out), *map(str, files)],
                    cwd=ROOT,
                    env=os.environ | {"TMPDIR": str(OUTPUT)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    timeout=LONGEST_SECONDS,
                    check=True,
                )
            except subprocess.SubprocessError as error:
                raise PeerError(f"{self.name}: {error}; see {LOG}") from error
            seconds = time.perf_counter() - began
        _wait_for_stragglers()
        return Timing(seconds, start_seconds(process.stdout.decode()))


def start_seconds(said: str) -> float:
    """Return what a peer says in its last line, if it does, that starting took; chatter may stand above."""
    last = said.rstrip().rpartition("\n")[2]
    return float(json.loads(last)["startSeconds"]) if last.startswith("{") else 0.0


def _wait_for_stragglers() -> None:
    """Wait for what a peer leaves behind, such as a JVM or a cleaner that ends a little later than it."""
    deadline = time.monotonic() + LONGEST_STRAGGLE
    environment = str(PEERS_PYTHON.parents[1])
    while time.monotonic() < deadline:
        commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
        if not any(environment in word for command in commands for word in command):
            return
        time.sleep(0.1)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (str(PEERS_PYTHON), "-m", f"bench.peers.{module}", *arguments)


def mrjob_on_one_core(variant: str) -> Peer:
    """Return mrjob with one core, and kept to the one that handlers are kept to."""
    pinned = ("taskset", "--cpu-list", str(processor()))
    return Peer(f"mrjob, {variant}, 1 core", (*pinned, *_python("mrjob_local", variant, "1")))


AWK = str(ROOT / "bench" / "peers" / "awk.sh")
DUCKDB, POLARS, SPARK, LITHOPS = (
    "DuckDB, 2 threads",
    "Polars, streaming",
    "PySpark, local[2]",
    "Lithops, localhost",
)
MRJOB_TUNED = "mrjob, tuned"  # the plain one, five times as slow, is measured beside the workers
PEERS = (
    Peer(DUCKDB, _python("duckdb_alone")),
    Peer(POLARS, _python("polars_lazy")),
    Peer(SPARK, _python("spark"), needs="java"),
    Peer(LITHOPS, _python("lithops_localhost"), slow=True),
    Peer(MRJOB_TUNED, _python("mrjob_local", "tuned", "2"), slow=True),
    Peer("mawk, 1 process", (AWK, "1"), needs="mawk", slow=True),
    Peer("mawk, 2 processes", (AWK, "2"), needs="mawk", slow=True),
)

"""Grep: mappers that find lines, beside one that does no more than count them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import data, gnu_grep, mappers
from .clouds import Cloud
from .figures import SPREAD_COLUMNS, shown
from .handlers import Handler
from .mappers import Folder
from .oracle import ResultError
from .places import LOG, OUTPUT
from .report import Report
from .rounds import interleaved
from .session import Session
from .tables import Table
from .targets import Bound, Target

FOLDER = "text"
SECONDS, RATE, BUSY, PEAK = "seconds", "MB/s", "processor seconds", "peak memory"
COUNTING = "counting lines"
# One line in 1,300 of the generated text has the first, and one in 600 the second. Both mean the same to
# Python's re and to the program grep.
PATTERNS = {"grep, an expression": "gra[a-z]*ck$", "grep, a word": "regrou"}
LIMIT = 1.2  # of the time that grep takes, against that of counting


@dataclass(frozen=True)
class Contender:
    """A mapper, its job as in an event, and how much it reads and writes in all if it is right."""

    module: str
    job: dict[str, Any]
    lines: int
    values: int


@dataclass(frozen=True, slots=True)
class Work:
    """What all splits took, one after the other in one process."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


def run(session: Session, report: Report) -> None:
    """Check each pattern's result, and measure the mappers."""
    plan, cloud = session.plan, session.cloud
    files = data.made("text", plan.split_bytes, plan.grep_splits)
    data.warm(files)
    session.say(f"grep: {data.megabytes(files)}; each pattern as a whole job")
    folder = mappers.upload(cloud, FOLDER, files)
    contenders = _contenders(cloud, files)
    if not gnu_grep.here():
        report.notes.append("What grep finds is not compared with what the program finds: it is not here.")

    environment = cloud.worker_environment()
    contest: dict[str, Callable[[], Work]] = {
        name: partial(_measure, name, contender, folder, environment)
        for name, contender in contenders.items()
    }
    session.say("grep: its mappers")
    works = interleaved(contest, plan.rounds, plan.grep_seconds, session.say)
    cloud.forget("input/")
    cloud.forget("jobs/")
    _add(report, files, contenders, works)


def _contenders(cloud: Cloud, files: list[Path]) -> dict[str, Contender]:
    """Return all by name. What they read and write is known from whole jobs, and those are checked."""
    found: dict[str, Contender] = {}
    for name, pattern in PATTERNS.items():
        job = {"job": "grep", "params": {"pattern": pattern}}
        counters = _checked(cloud, job, files, pattern)
        found[name] = Contender("mapper", job, counters["inputRecords"], counters["resultRecords"])
    (lines,) = {contender.lines for contender in found.values()}
    job = {"job": "count-lines", "params": {}}
    # It combines, so that each split leaves one value.
    return {COUNTING: Contender("bench.references.count_lines", job, lines, len(files))} | found


def _checked(cloud: Cloud, job: dict[str, Any], files: list[Path], pattern: str) -> dict[str, int]:
    """Run a whole job, and compare what it found; return its counters."""
    uri, out = f"s3://{cloud.stack.job_bucket}/input/{FOLDER}/", OUTPUT / "grep.txt"
    done = cloud.run(**job, input=uri)
    if gnu_grep.here():
        cloud.fetch(done, out)
        gnu_grep.check(out, pattern, files, uri)
    cloud.forget(f"jobs/{done.name}/")
    counters: dict[str, int] = done.output["counters"]
    return counters


def _measure(name: str, contender: Contender, folder: Folder, environment: dict[str, str]) -> Work:
    """Map all splits. Raises ResultError if other lines were read or written than there are."""
    events = [folder.map_event(name, contender.job, task) for task in range(len(folder.files))]
    with Handler(contender.module, environment, LOG) as handler:
        handler.call(events[0])  # as an execution environment has served tasks before
        answers = [handler.call(event) for event in events]
    lines, values = (sum(one.value[counter] for one in answers) for counter in ("recordsIn", "recordsOut"))
    if (lines, values) != (contender.lines, contender.values):
        raise ResultError(
            f"{name}: {values:,} values of {lines:,} lines, "
            f"where there are {contender.values:,} of {contender.lines:,}"
        )
    return Work(
        sum(answer.seconds for answer in answers),
        sum(answer.processor_seconds for answer in answers),
        answers[-1].peak_bytes,
    )


def _add(
    report: Report, files: list[Path], contenders: dict[str, Contender], works: dict[str, list[Work]]
) -> None:
    """Add figures, a table and targets."""
    case, megabytes = f"{data.megabytes(files)} of text", data.size_of(files) / 1e6
    medians, rows = {}, []
    for name, runs in works.items():
        rate = report.add(case, name, RATE, RATE, [megabytes / work.seconds for work in runs])
        seconds = report.add(case, name, SECONDS, "s", [work.seconds for work in runs])
        busy = report.add(case, name, BUSY, "s", [work.processor_seconds for work in runs])
        peak = report.add(case, name, PEAK, "MB", [work.peak_bytes / 1e6 for work in runs])
        medians[name] = seconds.median
        hits = "" if name == COUNTING else f"{contenders[name].values:,}"
        rows.append([name, *rate.cells(), *(shown(one.median) for one in (seconds, busy, peak)), hits])
    lines = contenders[COUNTING].lines
    title = f"Mappers: {case} in {len(files)} splits, {lines:,} lines, one core"
    columns = ["", RATE, *SPREAD_COLUMNS, SECONDS, BUSY, f"{PEAK}, MB", "lines found"]
    report.tables.append(Table(title, columns, rows))
    for name in PATTERNS:
        ratio = medians[name] / medians[COUNTING]
        report.targets.append(Target(f"{name}, against {COUNTING}", Bound.AT_MOST, LIMIT, ratio, "x"))

"""Workers as functions: the step that measures mappers and reducers, each alone on one core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from . import data, mappers, reducers
from .contest import Contender, Work, measure
from .figures import SPREAD_COLUMNS, shown
from .jobs import PYTHON, SEED, SQL
from .oracle import Oracle
from .places import OUTPUT
from .programs import mrjob_on_one_core
from .report import Report
from .rounds import interleaved
from .session import Session
from .tables import Table
from .targets import Bound, Target

MAPPER, REDUCER = "mapper", "reducer"
RATE, ROWS, BUSY, PEAK = "MB/s", "rows/s", "processor seconds", "peak memory"
SMALL_BYTES = 1_000_000
MRJOB = "mrjob, plain, 1 core"


def run(session: Session) -> Report:
    """Measure mappers and reducers."""
    report = Report("workers", "Workers as functions, one core")
    plan, cloud = session.plan, session.cloud
    files = data.visits(plan.split_bytes, plan.splits)
    data.warm(files)
    environment = cloud.worker_environment()
    small = mappers.upload(cloud, "small", data.visits(SMALL_BYTES, 2))
    folder = mappers.upload(cloud, "splits", files)
    rows = sum(1 for _ in files[0].open("rb"))

    contest = _runs(mappers.contenders(small, folder, rows), environment)
    if session.peers:
        contest |= _mrjob(files[0], rows)
    session.say(f"mappers: {data.megabytes(files[:1])} each")
    works = interleaved(contest, plan.rounds, plan.worker_seconds, session.say)
    for name, runs in works.items():
        _add(report, MAPPER, name, runs, data.size_of(files[:1]))

    mappers.map_all(small, environment)
    mappers.map_all(folder, environment)
    contest = _runs(reducers.contenders(small, folder), environment)
    session.say(f"reducers: {len(files)} map outputs")
    works = interleaved(contest, plan.rounds, plan.worker_seconds, session.say)
    for name, runs in works.items():
        _add(report, REDUCER, name, runs)

    for prefix in ("input/", "jobs/", "seed/"):
        cloud.forget(prefix)
    title = f"Mappers: {data.megabytes(files[:1])} of uservisits, {rows:,} rows"
    report.tables.append(_table(report, MAPPER, title, RATE))
    report.tables.append(_table(report, REDUCER, f"Reducers: the map outputs of {len(files)} such", ROWS))
    report.targets = _targets(report)
    return report


def _runs(contenders: Mapping[str, Contender], environment: dict[str, str]) -> dict[str, Callable[[], Work]]:
    return {name: partial(measure, name, one, environment) for name, one in contenders.items()}


def _mrjob(file: Path, rows: int) -> dict[str, Callable[[], Work]]:
    """Return mrjob's jobs over one file; their results are checked as all peers' are."""
    oracle, out = Oracle([file]), OUTPUT / "mrjob.csv"

    def job(variant: str) -> Work:
        timing = mrjob_on_one_core(variant).run(out, [file])
        oracle.check(out)
        return Work(timing.seconds, rows)

    return {f"mrjob, {variant}, 1 core": partial(job, variant) for variant in ("plain", "tuned")}


def _add(report: Report, case: str, name: str, runs: list[Work], size: int = 0) -> None:
    if size:
        report.add(case, name, RATE, RATE, [size / 1e6 / work.seconds for work in runs])
    report.add(case, name, ROWS, ROWS, [work.rows / work.seconds for work in runs])
    busy = [work.processor_seconds for work in runs if work.processor_seconds is not None]
    peaks = [work.peak_bytes / 1e6 for work in runs if work.peak_bytes is not None]
    if busy and peaks:
        report.add(case, name, BUSY, "s", busy)
        report.add(case, name, PEAK, "MB", peaks)


def _table(report: Report, case: str, title: str, quantity: str) -> Table:
    others = [other for other in (ROWS, BUSY, PEAK) if other != quantity]
    rows = []
    for figure in report.figures:
        if (figure.case, figure.quantity) == (case, quantity):
            medians = [report.median(case, figure.contender, other) for other in others]
            shown_medians = ["" if median is None else shown(median) for median in medians]
            rows.append([figure.contender, *figure.cells(), *shown_medians])
    units = [f"{other}, MB" if other == PEAK else other for other in others]
    return Table(title, ["", quantity, *SPREAD_COLUMNS, *units], rows)


def _targets(report: Report) -> list[Target]:
    """Return the targets that can be judged by what was measured."""
    loop = max(report.median(MAPPER, name, RATE) or 0.0 for name in mappers.LOOPS)
    ratios = [
        ("SQL mapper against the seed-style mapper", 8, (MAPPER, SQL, RATE), (MAPPER, SEED, RATE)),
        ("SQL mapper against DuckDB from disk", 0.7, (MAPPER, SQL, RATE), (MAPPER, mappers.DUCKDB, RATE)),
        ("SQL reducer against the seed-style reducer", 10, (REDUCER, SQL, ROWS), (REDUCER, SEED, ROWS)),
        ("Python mapper against mrjob per core", 8, (MAPPER, PYTHON, RATE), (MAPPER, MRJOB, RATE)),
    ]
    found = []
    for what, limit, ours, theirs in ratios:
        value, reference = report.median(*ours), report.median(*theirs)
        if value and reference:
            found.append(Target(what, Bound.AT_LEAST, limit, value / reference, "x"))
    python = report.median(MAPPER, PYTHON, RATE)
    if python and loop:
        what = "Python mapper against the bare loop"
        found.append(Target(what, Bound.AT_LEAST, 0.65, python / loop, "x"))
    peaks = [
        figure.high
        for figure in report.figures
        if figure.quantity == PEAK and figure.contender in {SQL, PYTHON}
    ]
    found.append(Target("Peak memory of any worker", Bound.BELOW, 600, max(peaks), "MB"))
    return found

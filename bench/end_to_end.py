"""End to end: the whole job on the warm local cloud, against peers that read the same files from disk."""

from __future__ import annotations

from pathlib import Path

from . import data, programs
from .figures import SPREAD_COLUMNS, shown
from .jobs import SQL
from .programs import PEERS, Timing
from .report import Report
from .rounds import interleaved
from .session import Session
from .tables import Table
from .targets import Bound, Target
from .whole_jobs import seed_workers, uploaded

SECONDS, WITHOUT_START = "seconds", "without start"
SMALL_BYTES, SMALL_FILES = 1_000_000, 2
SMALL_SPLIT = 500_000  # so that as many workers are started as there can be
LIMITS = (3.0, 2.5)  # of MARLA SQL against DuckDB alone, by size
FASTER_THAN = (programs.LITHOPS, programs.SPARK)  # twice, at the first size


def run(session: Session) -> Report:
    """Measure all sizes."""
    report = Report("end_to_end", "End to end, two cores")
    plan, cloud = session.plan, session.cloud
    with seed_workers(cloud) as seed:
        session.say("warming: each job once, over small files")
        small = data.visits(SMALL_BYTES, SMALL_FILES)
        with uploaded(cloud, small, "small") as jobs:
            contest = jobs.of_marla(splitBytes=SMALL_SPLIT) | jobs.of_seed(seed)
            contest |= jobs.of_peers(slow=True) if session.peers else {}
            interleaved(contest, 1, plan.end_to_end_seconds[0], session.say)
        for number, count in enumerate(plan.sizes):
            files = data.visits(plan.file_bytes, count)
            data.warm(files)
            session.say(f"end to end: {data.megabytes(files)}")
            with uploaded(cloud, files, "end-to-end") as jobs:
                contest = jobs.of_marla()
                contest |= jobs.of_seed(seed) if number == 0 else {}
                contest |= jobs.of_peers(slow=number == 0) if session.peers else {}
                timings = interleaved(contest, plan.rounds, plan.end_to_end_seconds[number], session.say)
            _add(report, files, timings)
            report.targets += _targets(report, data.megabytes(files), LIMITS[number], first=number == 0)
    missing = [peer.name for peer in PEERS if not peer.here] if session.peers else ["any peer"]
    if missing:
        report.notes.append(f"Not measured, for it is not here: {', '.join(missing)}.")
    return report


def _add(report: Report, files: list[Path], timings: dict[str, list[Timing]]) -> None:
    """Add figures and the table of a size."""
    case, rows = data.megabytes(files), []
    for name, runs in timings.items():
        figure = report.add(case, name, SECONDS, "s", [timing.seconds for timing in runs])
        without = [timing.seconds - timing.start_seconds for timing in runs if timing.start_seconds]
        if without:
            report.add(case, name, WITHOUT_START, "s", without)
        rate = shown(data.size_of(files) / 1e6 / figure.median)
        median_without = report.median(case, name, WITHOUT_START)
        rows.append([name, *figure.cells(), rate, shown(median_without) if median_without else ""])
    rows.sort(key=lambda row: report.median(case, row[0], SECONDS) or 0.0)
    title = f"{case} in {len(files)} files"
    report.tables.append(Table(title, ["", SECONDS, *SPREAD_COLUMNS, "MB/s", WITHOUT_START], rows))


def _targets(report: Report, case: str, limit: float, *, first: bool) -> list[Target]:
    """Return the targets that can be judged by what was measured."""
    sql, duckdb = (report.median(case, name, SECONDS) for name in (SQL, programs.DUCKDB))
    found = []
    if sql and duckdb:
        found.append(Target(f"{case}: SQL against DuckDB alone", Bound.BELOW, limit, sql / duckdb, "x"))
    for name in FASTER_THAN if first else ():
        theirs = report.median(case, name, SECONDS)
        if sql and theirs:
            what = f"{case}: SQL faster than {name}"
            found.append(Target(what, Bound.AT_LEAST, 2, theirs / sql, "x"))
    return found

"""Sorts: whole jobs over more than a worker's memory holds, into result objects in total order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marla.local.cloud import ROOT

from . import data
from .figures import shown
from .ordered import FixedLength, Layout, Lines, check, tally
from .places import OUTPUT
from .programs import Peer
from .report import Report
from .session import Session
from .tables import Table
from .targets import Bound, Target

PARTITIONS = 16
SECONDS, RATE, PEAK = "seconds", "MB/s", "peak memory"
LARGEST, SMALLEST = "largest partition", "smallest partition"  # in records, against the mean
EVEN = 1.3


@dataclass(frozen=True)
class Sort:
    """A job that sorts a generated table.

    Attributes:
        job: the fields of the execution's input that say which job.
        layout: of the input, and so of the result.
        peer: what sorts the same files from the local disk to the local disk.
    """

    name: str
    table: str
    job: dict[str, Any]
    layout: Layout
    peer: Peer | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What a job took, the most that any worker held in memory, and how many records each partition got."""

    seconds: float
    peak_bytes: int
    records: list[int]

    def against_mean(self, records: int) -> float:
        """Return a number of records against that of the mean partition."""
        return records * len(self.records) / sum(self.records)


GNU_SORT = Peer("GNU sort, to a local file", (str(ROOT / "bench" / "peers" / "sort.sh"),), needs="sort")
SORTS = (
    Sort("terasort", "terasort", {"job": "terasort"}, FixedLength(100, key=10)),
    # Keys are Zipf-distributed: the first has 4.5 % of the lines, where a partition's share is 6.25 %.
    Sort(
        "sort, by keys",
        "keys",
        {"job": "sort", "params": {"field": 1, "delimiter": "\t"}},
        Lines(b"\t"),
        GNU_SORT,
    ),
)


def run(session: Session, report: Report) -> None:
    """Run each sort once, and check its result; and peers beside it."""
    plan = session.plan
    rows, peaks = [], []
    for sort in SORTS:
        files = data.made(sort.table, plan.file_bytes, plan.sort_files)
        data.warm(files)
        session.say(f"{sort.name}: {data.megabytes(files)}")
        work = _measure(session, sort, files)
        rows.append(_row(report, sort, files, work))
        peaks.append(work.peak_bytes / 1e6)
        largest = work.against_mean(max(work.records))
        what = f"{sort.name}: largest partition against the mean"
        report.targets.append(Target(what, Bound.AT_MOST, EVEN, largest, "x"))
        if sort.peer and sort.peer.here and session.peers:
            rows.append(_row_of_peer(session, report, sort.peer, files))
    columns = ["", "input", SECONDS, RATE, "records", LARGEST, SMALLEST, "highest peak of a worker, MB"]
    report.tables.append(Table(f"Sorts, {PARTITIONS} partitions, end to end, one run", columns, rows))
    report.targets.append(Target("Peak memory of any worker that sorts", Bound.BELOW, 600, max(peaks), "MB"))


def _measure(session: Session, sort: Sort, files: list[Path]) -> Work:
    """Run a whole job, and check that its result is in order and nothing is lost."""
    cloud = session.cloud
    uri = cloud.upload(files, sort.table)
    cloud.reset_workers_peak()
    done = cloud.run(**sort.job, input=uri, partitions=PARTITIONS, splitBytes=session.plan.split_bytes)
    peak = cloud.workers_peak()
    # This S3 holds all in memory: what is not the result, which the check takes a while to read.
    for prefix in ("map/", "step-"):
        cloud.forget(f"jobs/{done.name}/stage-0/{prefix}")
    cloud.forget(f"input/{sort.table}/")
    session.say(f"  {done.seconds:.1f} s; checking the result")
    expected = tally(map(data.chunks, files), sort.layout)
    records = check(map(cloud.chunks, done.output["result"]), sort.layout, expected)
    cloud.forget(f"jobs/{done.name}/")
    return Work(done.seconds, peak, records)


def _row(report: Report, sort: Sort, files: list[Path], work: Work) -> list[str]:
    """Add the figures of a sort; return its row of the table."""
    cells = [*_timed(report, sort.name, files, work.seconds), f"{sum(work.records):,}"]
    case = data.megabytes(files)
    for quantity, records in ((LARGEST, max(work.records)), (SMALLEST, min(work.records))):
        figure = report.add(case, sort.name, quantity, "x", [work.against_mean(records)])
        cells.append(f"{shown(figure.median)}x")
    peak = report.add(case, sort.name, PEAK, "MB", [work.peak_bytes / 1e6])
    return [*cells, shown(peak.median)]


def _row_of_peer(session: Session, report: Report, peer: Peer, files: list[Path]) -> list[str]:
    """Run a peer once; return its row. Only its time is of interest: what it makes is not looked at."""
    session.say(peer.name)
    out = OUTPUT / "sorted"
    out.unlink(missing_ok=True)
    timing = peer.run(out, files)
    out.unlink()
    return [*_timed(report, peer.name, files, timing.seconds), "", "", "", ""]


def _timed(report: Report, name: str, files: list[Path], seconds: float) -> list[str]:
    """Add how long something took; return the first cells of its row."""
    figure = report.add(data.megabytes(files), name, SECONDS, "s", [seconds])
    rate = data.size_of(files) / 1e6 / seconds
    return [name, data.megabytes(files), shown(figure.median), shown(rate)]

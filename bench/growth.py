"""Growth: MARLA SQL on more and more data, and what its workers hold in memory meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import data
from .clouds import Cloud
from .figures import SPREAD_COLUMNS, shown
from .jobs import JOBS, SQL
from .oracle import Oracle
from .places import OUTPUT
from .report import Report
from .rounds import interleaved
from .session import Session
from .tables import Table
from .targets import Bound, Target

SECONDS, PEAK = "seconds", "peak memory"
TIMES_DATA, TIMES_SECONDS = 4, 4.4


@dataclass(frozen=True, slots=True)
class Run:
    """What an execution took, and the most that any worker held in memory."""

    seconds: float
    peak_bytes: int


def run(session: Session) -> Report:
    """Measure all sizes, in turn."""
    report = Report("growth", "Growth")
    plan, cloud = session.plan, session.cloud
    files = data.visits(plan.file_bytes, plan.growth[-1])
    session.say(f"growth: up to {data.megabytes(files)}; uploading")
    uris = _upload(cloud, files, plan.growth)
    contest: dict[str, Callable[[], Run]] = {}
    for number, count in enumerate(plan.growth):
        some = files[:count]
        data.warm(some)
        contest[data.megabytes(some)] = partial(_measure, cloud, JOBS[SQL], uris[: number + 1], Oracle(some))
    works = interleaved(contest, plan.rounds, plan.growth_seconds, session.say)
    cloud.forget("input/")

    rows = []
    for count, (case, runs) in zip(plan.growth, works.items(), strict=True):
        seconds = report.add(case, SQL, SECONDS, "s", [run.seconds for run in runs])
        peak = report.add(case, SQL, PEAK, "MB", [run.peak_bytes / 1e6 for run in runs])
        per_gigabyte = seconds.median / data.size_of(files[:count]) * 1e9
        rows.append([case, *seconds.cells(), shown(per_gigabyte), shown(peak.high)])
    columns = ["input", SECONDS, *SPREAD_COLUMNS, "seconds per GB", "highest peak of a worker, MB"]
    report.tables.append(Table(f"{SQL}, end to end", columns, rows))
    report.targets = _targets(report, list(works), plan.growth)
    return report


def _upload(cloud: Cloud, files: list[Path], growth: tuple[int, ...]) -> list[str]:
    """Upload files in a folder for each size; a size is the folders up to its own, so no file is twice."""
    starts = (0, *growth[:-1])
    return [
        cloud.upload(files[start:end], f"growth-{end}") for start, end in zip(starts, growth, strict=True)
    ]


def _measure(cloud: Cloud, job: dict[str, Any], uris: list[str], oracle: Oracle) -> Run:
    out = OUTPUT / "growth.csv"
    cloud.reset_workers_peak()
    done = cloud.run(**job, input=uris)
    peak = cloud.workers_peak()
    cloud.fetch(done, out)
    cloud.forget(f"jobs/{done.name}/")
    oracle.check(out)
    return Run(done.seconds, peak)


def _targets(report: Report, cases: list[str], growth: tuple[int, ...]) -> list[Target]:
    peaks = [figure.high for figure in report.figures if figure.quantity == PEAK]
    found = [Target("Peak memory of any worker, at every size", Bound.BELOW, 600, max(peaks), "MB")]
    last = len(cases) - 1
    for number, count in enumerate(growth):
        if count * TIMES_DATA == growth[-1]:
            small, large = (report.median(cases[i], SQL, SECONDS) for i in (number, last))
            if small and large:
                what = f"{cases[last]} against {cases[number]}"
                found.append(Target(what, Bound.AT_MOST, TIMES_SECONDS, large / small, "x"))
    return found

"""Orchestration: what the state machine itself costs, with workers that do nothing.

The project is deployed as it is, to a local cloud of its own, but for its functions. A map task is one byte
of an object that is cut into single bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from marla.local.cloud import ROOT

from . import clouds
from .clouds import Cloud
from .figures import SPREAD_COLUMNS, fit_plane
from .places import HOME
from .report import Report
from .rounds import interleaved
from .session import Session
from .tables import Table
from .targets import Bound, Target

PROJECT = HOME / "idle-project"
IDLE = ROOT / "bench" / "idle"
SECONDS, TRANSITIONS = "seconds", "state transitions"
CONTENDER = "idle workers"


@dataclass(frozen=True, slots=True)
class Run:
    """An execution: how long it took, and what it consisted of."""

    seconds: float
    tasks: int  # of mappers and reducers
    steps: int  # of reducers
    transitions: int  # states entered, in the execution and in its tasks


def run(session: Session) -> Report:
    """Measure executions of several shapes, and fit seconds = a + b tasks + c steps."""
    report = Report("orchestration", "The orchestration alone")
    session.close()  # the other cloud, and its memory
    plan = session.plan
    with _idle_cloud(session) as cloud:
        session.say("orchestration")
        _execute(cloud, 4, 2)  # starts the workers
        contest = {
            f"{maps} map task{'s' if maps > 1 else ''}, fan-in {fan_in}": partial(
                _execute, cloud, maps, fan_in
            )
            for maps, fan_in in plan.idle
        }
        works = interleaved(contest, plan.rounds, plan.idle_seconds, session.say)
    rows = []
    for case, runs in works.items():
        seconds = report.add(case, CONTENDER, SECONDS, "s", [run.seconds for run in runs])
        report.add(case, CONTENDER, TRANSITIONS, "", [run.transitions for run in runs])
        shape = runs[0]
        rows.append([case, *seconds.cells(), str(shape.tasks), str(shape.steps), str(shape.transitions)])
    columns = ["execution", SECONDS, *SPREAD_COLUMNS, "tasks", "reduce steps", TRANSITIONS]
    report.tables.append(Table("Workers that do nothing", columns, rows))
    _fit(report, [run for runs in works.values() for run in runs])
    return report


@contextmanager
def _idle_cloud(session: Session) -> Iterator[Cloud]:
    """Deploy the project with functions that do nothing."""
    if PROJECT.exists():
        shutil.rmtree(PROJECT)
    shutil.copytree(ROOT / "statemachine", PROJECT / "statemachine")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(ROOT / name, PROJECT / name)
    shutil.copytree(IDLE, PROJECT / "functions", ignore=shutil.ignore_patterns("__*"))
    with clouds.fresh(HOME / "idle-cloud", session.say, PROJECT) as cloud:
        yield cloud


def _execute(cloud: Cloud, maps: int, fan_in: int) -> Run:
    key = f"input/idle/{maps}.txt"
    cloud.stack.s3.put_object(Bucket=cloud.stack.job_bucket, Key=key, Body=b"x" * maps)
    uri = f"s3://{cloud.stack.job_bucket}/{key}"
    done = cloud.run(job="idle", input=uri, splitBytes=1, fanIn=fan_in)
    steps = done.output["steps"]
    tasks = sum(step["tasks"] for step in steps)
    return Run(done.seconds, tasks, len(steps) - 1, cloud.states_entered(done) + tasks)


def _fit(report: Report, runs: list[Run]) -> None:
    """Add what a task and a step cost."""
    rows, fitted = [], {}
    for quantity, unit in ((SECONDS, "s"), (TRANSITIONS, "")):
        points = [
            (run.tasks, run.steps, run.seconds if quantity == SECONDS else run.transitions) for run in runs
        ]
        fitted[quantity] = fit_plane(points)
        for name, value in zip(("an execution", "a task", "a step"), fitted[quantity], strict=True):
            report.add("fit", name, quantity, unit, [value])
        cells = [f"{value * 1000:.0f} ms" if unit else f"{value:.1f}" for value in fitted[quantity]]
        rows.append([quantity, *cells])
    columns = ["fitted to all runs", "an execution", "each task", "each reduce step"]
    report.tables.append(Table("What a task and a step cost", columns, rows))
    _, task, step = fitted[SECONDS]
    report.targets = [
        Target("A task", Bound.BELOW, 30, task * 1000, "ms"),
        Target("A step", Bound.BELOW, 150, step * 1000, "ms"),
    ]

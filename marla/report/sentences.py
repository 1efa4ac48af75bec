"""What each chart of a report shows, in words: for who cannot see it, and for who wants the point first."""

from __future__ import annotations

from ..view import size_text
from .balance import Balance
from .memory import Headroom
from .model import Report
from .steps import SPANS, Step
from .timeline import Mark, Timeline
from .words import joined, percent_text, plural, seconds_text

# What a task does in each of its spans.
DOING = {
    "waiting": "waiting for a worker",
    "starting": "starting a worker",
    "reading": "reaching the input",
    "computing": "reading and computing",
    "writing": "writing the output",
}


def of_timeline(timeline: Timeline) -> str:
    """Say how many attempts there were, and what was remarkable about them."""
    if not timeline.bars:
        return "No task has left a record."
    marked = {
        Mark.FAILED: "failed",
        Mark.BACKUP: "were backups of slow tasks",
        Mark.COLD: "had a cold start",
        Mark.STRAGGLER: "took more than twice as long as half of their step",
        Mark.REUSED: "found their task done by an earlier execution",
    }
    found = [f"{count:,} {what}" for mark, what in marked.items() if (count := timeline.count(mark))]
    text = f"{plural(len(timeline.bars), 'attempt')}, at most {timeline.lanes:,} of them at once"
    return f"{text}: {joined(found)}." if found else f"{text}. None failed, and none was remarkable."


def of_flow(steps: list[Step], *, running: bool) -> str:
    """Say how the data shrank, or grew, from the first step to the last."""
    own = [step for step in steps if step.key.own]
    if not own:
        return "No step has read anything yet." if running else "No step but those of a sample began."
    first, last = own[0], own[-1]
    return (
        f"{first.name} read {plural(first.records_in, 'record')} ({size_text(first.bytes_in)}); "
        f"{last.name} wrote {plural(last.records_out, 'record')} ({size_text(last.bytes_out)})."
    )


def of_spans(steps: list[Step], *, running: bool) -> str:
    """Say what the tasks of all steps spent most of their time on."""
    times = {
        name: sum(step.spans[name] * (step.tasks - step.reused) for step in steps if step.spans)
        for name in SPANS
    }
    whole = sum(times.values())
    if not whole:
        return "No task has been done yet." if running else "No task was done."
    most = max(times, key=lambda name: times[name])
    return f"Tasks spent {percent_text(times[most] / whole)} of their time {DOING[most]}."


def of_balance(balance: Balance) -> str:
    """Say how uneven a stage's partitions are."""
    return (
        f"The largest of {plural(len(balance.records), 'partition')}, number {balance.largest}, has "
        f"{plural(max(balance.records), 'record')}: {balance.skew:.1f} times an even share. "
        f"The one in the middle has {balance.middle:,.0f}, the smallest {min(balance.records):,}."
    )


def of_memory(headrooms: list[Headroom]) -> str:
    """Say which step came nearest to its limit."""
    known = [one for one in headrooms if one.share is not None]
    if not known:
        return "No task has told how much memory it had."
    most = max(known, key=lambda one: one.share or 0.0)
    return (
        f"{most.name} came nearest to its limit: {most.peak:,} of {most.limit:,} MB "
        f"({percent_text(most.share or 0.0)})."
    )


def of_execution(report: Report) -> str:
    """Say how it went, in a sentence."""
    words = {
        "SUCCEEDED": "succeeded in",
        "FAILED": "failed after",
        "TIMED_OUT": "took too long and was ended after",
        "ABORTED": "was stopped after",
        "RUNNING": "is still running, after",
    }
    how = f"{words.get(report.execution.status, report.execution.status)} {seconds_text(report.seconds)}"
    done = f"{plural(report.totals.tasks, 'task')} done in {plural(report.totals.attempts, 'attempt')}"
    reused = f", {report.totals.reused:,} of them by an earlier execution" if report.totals.reused else ""
    return f"The {report.execution.title} {how}: {done}{reused}."

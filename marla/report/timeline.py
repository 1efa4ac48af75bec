"""When each attempt was at work: packed into lanes, of which there are as many as workers were at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from heapq import heappop, heappush
from typing import Any

from mapreduce.record import TaskRecord

from .attempts import StepKey, began, in_steps, step_of, straggler_seconds


class Mark(IntFlag):
    """What is remarkable about an attempt."""

    FAILED = 1
    BACKUP = 2
    COLD = 4
    STRAGGLER = 8
    REUSED = 16


# Columns of whole numbers; the record's own field is the name in it.
_COUNTS = ("partition", "task", "attempt", "records_in", "records_out", "bytes_in", "bytes_out")


@dataclass(frozen=True)
class Bar:
    """An attempt in the timeline. Times are milliseconds since the execution's start.

    Attributes:
        begin: when its environment began to start, if that was a cold start; else when the worker was called.
        step: the number of its step in the report.
        lane: from 0.
    """

    record: TaskRecord
    begin: int
    end: int
    step: int
    lane: int
    marks: Mark

    @property
    def took(self) -> int:
        """How long it took, in milliseconds, with its cold start."""
        return self.end - self.begin


@dataclass(frozen=True)
class Timeline:
    """All attempts, in the order in which they began.

    Attributes:
        lanes: how many attempts were at work at once, at most.
        load: [milliseconds, attempts at work from then on], whenever their number changes, thinned out.
    """

    bars: list[Bar]
    lanes: int
    load: list[tuple[int, int]]

    def count(self, mark: Mark) -> int:
        """Return how many attempts have a mark."""
        return sum(mark in bar.marks for bar in self.bars)

    def columns(self) -> dict[str, list[Any]]:
        """Return the bars as the page has them: a list for each field, which is half of what objects take."""
        errors = self.errors
        place = {error: number for number, error in enumerate(errors)}
        columns: dict[str, list[Any]] = {
            "begin": [bar.begin for bar in self.bars],
            "took": [bar.took for bar in self.bars],
            "init": [round(bar.record.init_seconds * 1000) for bar in self.bars],
            "step": [bar.step for bar in self.bars],
            "lane": [bar.lane for bar in self.bars],
            "marks": [int(bar.marks) for bar in self.bars],
            "memory": [bar.record.peak_memory_mib for bar in self.bars],
            "error": [place.get(bar.record.error, -1) for bar in self.bars],
        }
        return columns | {name: [getattr(bar.record, name) for bar in self.bars] for name in _COUNTS}

    @property
    def errors(self) -> list[str]:
        """The names of the errors that attempts ended with."""
        return sorted({bar.record.error for bar in self.bars if bar.record.error})

    def slowest(self, count: int) -> list[Bar]:
        """Return the attempts that took longest, the longest first."""
        return sorted(self.bars, key=lambda bar: (-bar.took, bar.begin))[:count]

    def failed(self, count: int) -> list[Bar]:
        """Return the first attempts that failed."""
        return [bar for bar in self.bars if Mark.FAILED in bar.marks][:count]


def timeline_of(records: Iterable[TaskRecord], start: float) -> Timeline:
    """Return the timeline of an execution's attempts.

    Args:
        start: the execution's, in seconds since 1970.
    """
    grouped = in_steps(records)
    number = {key: place for place, key in enumerate(grouped)}
    slow = {key: straggler_seconds(attempts) for key, attempts in grouped.items()}
    timed = sorted(
        ((*_span(record, start), record) for attempts in grouped.values() for record in attempts),
        key=lambda each: (each[0], each[1], number[step_of(each[2])], each[2].partition, each[2].task),
    )
    lanes = packed([(begin, end) for begin, end, _ in timed])
    bars = [
        Bar(record, begin, end, number[step_of(record)], lane, _marks(record, slow))
        for (begin, end, record), lane in zip(timed, lanes, strict=True)
    ]
    return Timeline(bars, max(lanes, default=-1) + 1, thinned(load_of(bars)))


def packed(spans: Iterable[tuple[int, int]]) -> list[int]:
    """Return a lane for each span, so that no two overlap in one: the lowest that is free when it begins.

    Args:
        spans: begin and end of each, by their beginning.
    """
    lanes: list[int] = []
    busy: list[tuple[int, int]] = []  # (until when, lane)
    free: list[int] = []
    for begin, end in spans:
        while busy and busy[0][0] <= begin:
            heappush(free, heappop(busy)[1])
        lane = heappop(free) if free else len(busy)
        heappush(busy, (max(end, begin + 1), lane))
        lanes.append(lane)
    return lanes


def load_of(bars: Iterable[Bar]) -> list[tuple[int, int]]:
    """Return how many attempts are at work from when on, for each moment at which their number changes."""
    changes: dict[int, int] = {}
    for bar in bars:
        changes[bar.begin] = changes.get(bar.begin, 0) + 1
        end = max(bar.end, bar.begin + 1)
        changes[end] = changes.get(end, 0) - 1
    load, at_work = [], 0
    for moment in sorted(changes):
        at_work += changes[moment]
        load.append((moment, at_work))
    return load


def thinned(load: list[tuple[int, int]], points: int = 600) -> list[tuple[int, int]]:
    """Return a load in about so many points, the most of each interval: a screen has no more of them."""
    if len(load) <= points:
        return load
    width = max(1, -(-load[-1][0] // points))
    most: dict[int, int] = {}
    at_work = 0
    for moment, after in load:
        interval = moment // width
        most[interval] = max(most.get(interval, at_work), after)
        at_work = after
    filled, last = [], 0
    ends = {moment // width: after for moment, after in load}
    for interval in range(load[0][0] // width, load[-1][0] // width + 1):
        filled.append((interval * width, most.get(interval, last)))
        last = ends.get(interval, last)
    return [*filled, (load[-1][0], load[-1][1])]


def _span(record: TaskRecord, start: float) -> tuple[int, int]:
    return round((began(record) - start) * 1000), round((record.ended - start) * 1000)


def _marks(record: TaskRecord, slow: dict[StepKey, float]) -> Mark:
    marks = Mark(0)
    if not record.succeeded:
        marks |= Mark.FAILED
    elif not record.reused and record.seconds >= slow[step_of(record)]:
        marks |= Mark.STRAGGLER
    if record.backup:
        marks |= Mark.BACKUP
    if record.cold_start:
        marks |= Mark.COLD
    if record.reused:
        marks |= Mark.REUSED
    return marks

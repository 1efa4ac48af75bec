"""The timeline of a report: lanes, marks, and how many were at work."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.record import TaskRecord
from marla.report.timeline import Mark, Timeline, packed, thinned, timeline_of
from tests.unit import synthetic_execution
from tests.unit.synthetic_execution import START
from tests.unit.synthetic_report import attempt

SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 50)), max_size=60).map(
    lambda spans: [(begin, begin + took) for begin, took in sorted(spans)]
)


@pytest.fixture(scope="module")
def records() -> list[TaskRecord]:
    return synthetic_execution.records(2000, concurrency=100)


@pytest.fixture(scope="module")
def line(records: list[TaskRecord]) -> Timeline:
    return timeline_of(records, START)


@given(SPANS)
def test_no_two_attempts_share_a_lane_at_the_same_time(spans: list[tuple[int, int]]) -> None:
    lanes = packed(spans)
    last: dict[int, int] = {}
    for (begin, end), lane in zip(spans, lanes, strict=True):
        assert last.get(lane, 0) <= begin
        last[lane] = end


@given(SPANS.filter(bool))
def test_there_are_as_many_lanes_as_attempts_at_once(spans: list[tuple[int, int]]) -> None:
    at_once = max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)
    assert 1 + max(packed(spans)) == at_once


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 90)), min_size=1, max_size=300))
def test_a_thinned_load_has_few_points_in_order_and_loses_no_peak(steps: list[tuple[int, int]]) -> None:
    moment, load = 0, []
    for later, at_work in steps:
        moment += later
        load.append((moment, at_work))
    few = thinned(load, points=20)
    assert len(few) <= 20 + 2
    assert [moment for moment, _ in few] == sorted(moment for moment, _ in few)
    assert max(count for _, count in few) == max(count for _, count in load)
    assert few[-1] == load[-1]


def test_all_attempts_are_there_and_as_many_lanes_as_workers(
    line: Timeline, records: list[TaskRecord]
) -> None:
    assert sorted(bar.record.request for bar in line.bars) == sorted(one.request for one in records)
    assert line.lanes == max(at_work for _, at_work in line.load) == 100
    assert line.load[-1][1] == 0


def test_marks_tell_what_was_remarkable(line: Timeline, records: list[TaskRecord]) -> None:
    assert line.count(Mark.FAILED) == sum(bool(one.error) for one in records) > 0
    assert line.count(Mark.BACKUP) == sum(one.backup for one in records) > 0
    assert line.count(Mark.COLD) == sum(one.cold_start for one in records) > 0
    assert line.count(Mark.STRAGGLER) > 0
    assert line.count(Mark.REUSED) == 0


def test_columns_are_the_records(line: Timeline, records: list[TaskRecord]) -> None:
    columns = json.loads(json.dumps(line.columns()))
    assert {len(column) for column in columns.values()} == {len(records)}
    for name in ("records_in", "records_out", "bytes_in", "bytes_out"):
        assert sum(columns[name]) == sum(getattr(one, name) for one in records)
    assert sum(columns["took"]) / 1000 == pytest.approx(
        sum(one.ended - one.started + one.init_seconds for one in records), abs=len(records) / 1000
    )
    assert {line.errors[error] for error in columns["error"] if error >= 0} == {"StorageUnavailable"}


def test_a_cold_start_begins_before_the_worker_is_called() -> None:
    (bar,) = timeline_of([attempt(started=2.0, init_seconds=0.5, cold_start=True)], START).bars
    assert (bar.begin, bar.end) == (1500, 3000)
    assert bar.marks == Mark.COLD


def test_a_failed_attempt_is_no_straggler_however_long_it_took() -> None:
    quick = [attempt(task=task) for task in range(9)]
    bars = timeline_of([*quick, attempt(task=9, ended=60.0, error="Gone")], START).bars
    assert [bar.marks for bar in bars if bar.record.task == 9] == [Mark.FAILED]


def test_the_slowest_come_first(line: Timeline, records: list[TaskRecord]) -> None:
    slowest = line.slowest(50)
    took = sorted((one.seconds + one.init_seconds for one in records), reverse=True)
    assert [bar.took for bar in slowest] == pytest.approx([1000 * seconds for seconds in took[:50]], abs=1)
    failed = line.failed(5)
    assert len(failed) == 5
    assert all(bar.record.error for bar in failed)


def test_an_execution_without_records_has_an_empty_timeline() -> None:
    line = timeline_of([], START)
    assert (line.bars, line.lanes, line.load, line.errors) == ([], 0, [], [])
    assert all(column == [] for column in line.columns().values())

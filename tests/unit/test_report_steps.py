"""The views of a report are sums of task records, and count each task once."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mapreduce.record import TaskRecord
from marla.report import charts, sentences
from marla.report.attempts import counted
from marla.report.balance import balances_of
from marla.report.memory import headrooms_of
from marla.report.model import totals_of
from marla.report.steps import Step, steps_of
from marla.report.timeline import timeline_of
from tests.unit import synthetic_execution
from tests.unit.synthetic_execution import LARGEST, START
from tests.unit.synthetic_report import attempt


@pytest.fixture(scope="module")
def records() -> list[TaskRecord]:
    return synthetic_execution.records(2000)


def only(*records: TaskRecord) -> Step:
    (step,) = steps_of(records, START)
    return step


def test_a_step_is_the_sum_of_its_tasks_and_each_counts_once(records: list[TaskRecord]) -> None:
    shuffled = records.copy()
    random.Random(1).shuffle(shuffled)
    steps = steps_of(shuffled, START)
    assert [(step.key.stage, step.key.own, step.key.step) for step in steps] == [
        (0, False, 0), (0, False, 1), (0, True, 0), (0, True, 1), (0, True, 2), (1, True, 0), (1, True, 1)
    ]  # fmt: skip
    for step in steps:
        attempts = [
            one
            for one in records
            if (one.stage, not one.sample, one.step) == (step.key.stage, step.key.own, step.key.step)
        ]
        tasks: dict[tuple[int, int], TaskRecord] = {}
        for one in attempts:
            if not one.error:
                tasks[one.partition, one.task] = one  # all that did it wrote the same
        assert step.tasks == len(tasks)
        assert step.records_in == sum(one.records_in for one in tasks.values())
        assert step.records_out == sum(one.records_out for one in tasks.values())
        assert step.bytes_in == sum(one.bytes_in for one in tasks.values())
        assert step.bytes_out == sum(one.bytes_out for one in tasks.values())
        assert step.attempts == len(attempts)
        assert step.worker_seconds == pytest.approx(sum(one.ended - one.started for one in attempts))


def test_totals_are_those_of_all_records(records: list[TaskRecord]) -> None:
    totals = totals_of(steps_of(records, START), records)
    assert totals.attempts == len(records)
    assert totals.failed == sum(bool(one.error) for one in records) > 0
    assert totals.backups == sum(one.backup for one in records) > 0
    assert totals.cold == sum(one.cold_start for one in records) > 0
    assert totals.gigabyte_seconds == pytest.approx(
        sum(one.billed_ms / 1000 * one.memory_mib / 1024 for one in records)
    )


def test_of_a_race_the_first_to_end_counts() -> None:
    slow = attempt(ended=9.0, records_in=5)
    backup = attempt(started=4.0, ended=6.0, records_in=5, backup=True)
    assert counted([slow, backup]) == [backup]
    step = only(slow, backup)
    assert (step.tasks, step.attempts, step.backups, step.records_in) == (1, 2, 1, 5)


def test_a_step_is_over_when_its_races_are_won() -> None:
    loser = attempt(ended=80.0)
    winner = attempt(started=20.0, ended=25.0, backup=True)
    assert only(loser, winner).ended == 25.0
    assert only(loser, winner, attempt(task=1, ended=30.0)).ended == 30.0
    failed = attempt(task=1, ended=40.0, error="BadRecord")
    assert only(loser, winner, failed).ended == 40.0


def test_a_cold_start_is_part_of_an_attempts_time() -> None:
    cold = attempt(started=1.5, ended=2.0, init_seconds=0.5, cold_start=True)
    step = only(cold)
    assert (step.began, step.ended, step.median, step.slowest) == (1.0, 2.0, 1.0, 1.0)
    (bar,) = timeline_of([cold], START).bars
    assert (bar.begin, bar.end, bar.took) == (1000, 2000, 1000)


def test_a_step_of_which_no_task_was_done_has_no_times_of_tasks() -> None:
    step = only(attempt(error="BadRecord"))
    assert (step.median, step.slowest, step.spans) == (None, None, {})
    assert sentences.of_spans([step], running=True) == "No task has been done yet."
    assert (
        charts.spans([step, only(attempt())])["data"]["values"]
        == charts.spans([only(attempt())])["data"]["values"]
    )


def test_a_task_that_only_failed_is_not_done() -> None:
    step = only(attempt(error="BadRecord", records_in=3), attempt(task=1, records_in=4))
    assert (step.tasks, step.failed, step.records_in) == (1, 1, 4)


def test_a_task_that_was_done_before_is_no_measure_of_time() -> None:
    step = only(attempt(reused=True, ended=0.01), attempt(task=1, ended=3.0))
    assert (step.tasks, step.reused, step.median, step.slowest) == (2, 1, 3.0, 3.0)


@pytest.mark.parametrize(
    ("usual", "slow", "stragglers"),
    [(2.0, 4.1, 1), (2.0, 3.9, 0), (0.1, 0.9, 0), (0.1, 1.2, 1)],
    ids=["more than twice", "less than twice", "of next to nothing", "by more than a second"],
)
def test_a_straggler_takes_more_than_twice_as_long_as_half_of_them(
    usual: float, slow: float, stragglers: int
) -> None:
    tasks = [attempt(task=task, ended=usual) for task in range(5)]
    assert only(*tasks, attempt(task=5, ended=slow)).stragglers == stragglers


def test_the_parts_of_a_tasks_time_add_up_to_it() -> None:
    timed = attempt(
        queued=1.0, started=3.5, init_seconds=0.5, first_byte=3.75, computed=5.0, written=5.25, ended=5.5
    )
    spans = only(timed).spans
    assert spans == {
        "waiting": 2.0, "starting": 0.5, "reading": 0.25, "computing": 1.25, "writing": 0.5
    }  # fmt: skip
    assert sum(spans.values()) == 5.5 - 1.0


@pytest.mark.parametrize("unknown", [{}, {"queued": 2.0}, {"queued": 0.0, "attempt": 1}])
def test_no_part_of_a_tasks_time_is_negative_or_a_retrys_wait(unknown: dict[str, Any]) -> None:
    spans = only(attempt(started=1.0, **unknown)).spans
    assert spans["waiting"] == 0.0
    assert sum(spans.values()) == 1.0


def test_the_balance_is_of_what_the_first_reduce_step_read(records: list[TaskRecord]) -> None:
    first, second = balances_of(records, {0, 1})
    for stage, balance in enumerate((first, second)):
        read = {(one.partition, one.task): one for one in records if not one.error and not one.sample
                and (one.stage, one.step) == (stage, 1)}  # fmt: skip
        assert sum(balance.records) == sum(one.records_in for one in read.values())
        assert balance.largest == balance.largest_first(1)[0] == LARGEST
        assert balance.skew == pytest.approx(balance.share(LARGEST) * len(balance.records))
        assert balance.skew > 5
    assert (first.name, second.name) == ("Stage 0", "Stage 1")


def test_a_partition_without_records_counts_as_one() -> None:
    (balance,) = balances_of(
        [attempt(step=1, partition=p, records_in=r) for p, r in ((0, 9), (2, 0), (3, 3))], {0}
    )
    assert balance.records == [9, 0, 0, 3]
    assert (balance.even, balance.skew, balance.middle) == (3.0, 3.0, 1.5)


def test_one_partition_has_no_balance() -> None:
    assert balances_of([attempt(step=1), attempt()], {0}) == []


def test_partitions_that_are_not_all_reduced_have_no_balance_yet(records: list[TaskRecord]) -> None:
    (first,) = balances_of(records, {0})
    assert first.name == "Stage 0"
    assert balances_of(records, ()) == []


def test_memory_is_the_most_that_any_attempt_had_even_one_that_failed() -> None:
    (headroom,) = headrooms_of(
        [
            attempt(peak_memory_mib=300),
            attempt(task=1, peak_memory_mib=900, error="BadRecord"),
            attempt(task=2),
        ]
    )
    assert (headroom.peak, headroom.middle, headroom.limit) == (900, 300, 1769)
    assert headroom.share == pytest.approx(900 / 1769)


def test_memory_that_is_not_known_is_not_told() -> None:
    assert headrooms_of([attempt(peak_memory_mib=0)]) == []
    (headroom,) = headrooms_of([attempt(memory_mib=0)])
    assert headroom.share is None

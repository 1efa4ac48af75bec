"""Advice follows from the numbers, and there is none where they do not warrant it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from mapreduce.record import ObjectRange, TaskRecord
from marla.costs.advice import Advice
from marla.costs.balance import steps_of
from marla.costs.deployment import EXPRESS, Deployment
from marla.costs.findings import advise
from marla.costs.headroom import fitting
from marla.costs.history import EventsSummary, summarise
from marla.costs.prices import prices_in
from marla.costs.usage import usage_of
from tests.unit.costed import START, attempt, mappers, reducers, whole_job

PRICES = prices_in("us-east-1")
# A job that leaves nothing to say: long tasks, for which STANDARD children cost less, in functions that fit.
GOOD = {
    "seconds": 60.0,
    "memory_mib": 1024,
    "peak_memory_mib": 700,
    "bytes_in": 10**8,
    "reads": 5,
    "writes": 4,
}
AMPLE = GOOD | {"memory_mib": 1769, "peak_memory_mib": 210}
EVENTS = summarise(whole_job().events)


def advice_on(records: Sequence[TaskRecord], deployed: Deployment | None = None) -> tuple[Advice, ...]:
    return advise(records, usage_of(records, EVENTS, deployed), PRICES)


def titles(records: Sequence[TaskRecord], deployed: Deployment | None = None) -> list[str]:
    return [advice.title for advice in advice_on(records, deployed)]


def good(count: int = 10) -> list[TaskRecord]:
    return [*mappers(count, **GOOD), *reducers(4, **GOOD)]


def test_an_execution_with_nothing_wrong_is_given_no_advice() -> None:
    assert advice_on(good()) == ()


def test_nothing_done_is_given_no_advice() -> None:
    assert advise([], usage_of([], EventsSummary()), PRICES) == ()


def test_memory_that_nobody_held_is_told_with_the_size_that_would_do() -> None:
    records = [*mappers(10, **GOOD), *reducers(40, **AMPLE)]
    (advice,) = advice_on(records)
    assert advice.title == "Reducers have more memory than they hold"
    assert advice.text.startswith("Reducers held 210 of 1,769 MB at the most: 512 MB would do.")
    assert "takes up to 3.5 times as long" in advice.text  # and why that is so
    assert "less than 1,769 MB have less than one processor" in advice.text
    assert advice.option == "ReducerMemory=512"
    # 40 x 60 s of reducers and 0.25 s to publish, with 1,257 MB less
    assert advice.saves == pytest.approx(Decimal("0.0392864"), abs=Decimal("1e-6"))


def test_memory_of_tasks_that_were_done_already_or_failed_says_nothing() -> None:
    looked_up = [*mappers(10, **GOOD), *reducers(40, **AMPLE, reused=True)]
    failed = [*mappers(10, **GOOD), *reducers(39, **AMPLE), attempt("reduce", 39, **AMPLE, error="JobError")]
    in_reduce = replace(EVENTS, unfinished="reduce")
    assert advice_on(looked_up) == ()
    assert advise(failed, usage_of(failed, in_reduce), PRICES) == ()


def test_less_than_a_cent_is_nothing_to_deploy_a_stack_for() -> None:
    few = [*mappers(10, **GOOD), *reducers(4, **AMPLE)]  # 0.4 cents
    short = [replace(one, ended=START + 5.0, billed_ms=5000) for one in good()]  # 0.03 cents
    on_x86 = [replace(one, architecture="x86_64") for one in good()]  # 0.3 cents
    reading = [replace(one, reads=1000) for one in good()]  # 0.6 cents
    assert advice_on(few) == advice_on(short) == advice_on(on_x86) == advice_on(reading) == ()


def test_memory_above_one_processor_is_saved_without_time() -> None:
    records = [*mappers(20, **(GOOD | {"memory_mib": 3008, "peak_memory_mib": 300})), *reducers(4, **GOOD)]
    (advice,) = advice_on(records)
    assert advice.option == "MapperMemory=1769"
    assert "They would take as long" in advice.text


def test_memory_that_is_held_or_unknown_is_left_as_it_is() -> None:
    held = [*mappers(10, **(GOOD | {"peak_memory_mib": 650})), *reducers(4, **GOOD)]
    unknown = [*mappers(10, **(GOOD | {"peak_memory_mib": 0})), *reducers(4, **GOOD)]
    assert advice_on(held) == advice_on(unknown) == ()


@pytest.mark.parametrize(("peak", "size"), [(1, 512), (393, 512), (394, 640), (700, 1024), (9000, 10240)])
def test_a_fitting_size_has_a_third_to_spare_in_steps_from_the_templates_least(peak: int, size: int) -> None:
    assert fitting(peak) == size


def test_functions_that_are_short_of_memory_are_told_what_leaves_some_to_spare() -> None:
    short = [*mappers(10, **(GOOD | {"peak_memory_mib": 950})), *reducers(4, **GOOD)]
    (advice,) = advice_on(short)
    assert advice.title == "Mappers are short of memory"
    assert (advice.option, advice.saves) == ("MapperMemory=1280", None)
    assert "950 of 1,024 MB, 93%" in advice.text


def test_functions_that_cannot_have_more_memory_are_to_do_less_each() -> None:
    most = GOOD | {"memory_mib": 10240, "peak_memory_mib": 10000}
    (advice,) = advice_on([*mappers(10, **GOOD), *reducers(4, **most)])
    assert advice.option == "--partitions"


def test_short_tasks_are_told_what_express_children_save() -> None:
    records = [replace(one, ended=START + 5.0, billed_ms=5000) for one in good(596)]
    (advice,) = advice_on(records)
    assert advice.option == "ChildExecutionType=EXPRESS"
    # 600 children: a request and 5 s with 64 MB for 1.0 + 5.2 millionths, instead of a transition for 25
    assert advice.saves == pytest.approx(600 * Decimal("0.000018790625"), abs=Decimal("1e-8"))


def test_express_children_are_not_advised_where_one_task_is_too_long_for_them() -> None:
    short = [replace(one, ended=START + 5.0, billed_ms=5000) for one in good(600)]
    long = attempt("map", 600, **(GOOD | {"seconds": 250.0, "bytes_in": 5 * 10**9}))
    assert "ChildExecutionType=EXPRESS" in {one.option for one in advice_on(short)}
    assert "ChildExecutionType=EXPRESS" not in {one.option for one in advice_on([*short, long])}


def test_long_tasks_are_told_what_standard_children_save() -> None:
    records = [replace(one, ended=START + 230.0) for one in good(100)]
    assert "ChildExecutionType=STANDARD" in {one.option for one in advice_on(records, Deployment(EXPRESS))}


def test_x86_is_told_what_arm_saves_but_not_on_a_local_machine() -> None:
    records = [replace(one, architecture="x86_64") for one in good(60)]
    (advice,) = advice_on(records)
    assert advice.option == "Architecture=arm64"
    assert advice_on(records, Deployment(local=True)) == ()


def test_requests_that_are_much_of_the_bill_are_told() -> None:
    records = [replace(one, reads=5000, writes=4) for one in good()]
    (advice,) = advice_on(records)
    assert advice.title == "Requests to S3 are much of the bill"
    # 14 tasks of 5,000 reads and 4 writes; 3 plans and receipts, 4 parts that are copied, and one LIST
    assert "70,008 reads and 64 writes, 5005 a task" in advice.text


def test_a_straggler_that_read_no_more_than_others_is_raced_next_time() -> None:
    records = good()
    records[3] = replace(records[3], ended=START + 200.0)
    (advice,) = advice_on(records)
    assert advice.option == "--speculate"
    assert advice.text.startswith(
        "Map: the slowest of 10 tasks took 200 s, where half of them took less than 60.0 s"
    )


def test_a_task_that_was_raced_counts_as_the_quicker_of_its_attempts() -> None:
    records = good()
    records[3] = replace(records[3], ended=START + 200.0)
    backup = replace(records[3], backup=True, ended=START + 70.0, billed_ms=70_000)
    assert "--speculate" not in {advice.option for advice in advice_on([*records, backup])}


@pytest.mark.parametrize("seconds", [170.0, 69.0])
def test_a_task_that_is_a_little_slower_than_others_is_no_straggler(seconds: float) -> None:
    records = good()
    records[3] = replace(records[3], ended=START + seconds)
    assert advice_on(records) == ()


def test_a_task_that_is_slow_by_some_seconds_is_no_straggler_however_short_the_others_are() -> None:
    records = [replace(one, ended=START + 2.0) for one in good()]
    records[3] = replace(records[3], ended=START + 9.0)
    assert "--speculate" not in {advice.option for advice in advice_on(records)}


def test_backups_are_not_advised_where_tasks_had_them_already() -> None:
    records = good()
    records[3] = replace(records[3], ended=START + 200.0)  # and Lambda had no room for its backup
    raced = replace(EVENTS, raced={(0, "map"): None})
    assert advise(records, usage_of(records, raced), PRICES) == ()
    of_another_stage = replace(EVENTS, raced={(1, "map"): None})
    assert [one.option for one in advise(records, usage_of(records, of_another_stage), PRICES)] == [
        "--speculate"
    ]


def test_a_mapper_that_had_much_more_to_read_is_told_apart_from_a_straggler() -> None:
    records = good()
    records[3] = replace(records[3], ended=START + 200.0, bytes_in=4 * 10**8)
    (advice,) = advice_on(records)
    assert advice.title == "One mapper had much more to read than others"
    assert "it read 4 times as much" in advice.text


def test_a_partition_with_most_of_the_data_is_named() -> None:
    records = good()
    records[-2] = replace(records[-2], ended=START + 90.0, bytes_in=9 * 10**8)
    (advice,) = advice_on(records)
    assert advice.option == "--partitioning range"
    assert "of 4 partitions, number 2 has 75% of the data and took 90 s, 30 s longer" in advice.text


def test_ranges_of_keys_are_not_advised_where_partitions_are_that_already() -> None:
    records = good()
    records[-2] = replace(records[-2], ended=START + 90.0, bytes_in=9 * 10**8)
    (advice,) = advise(records, usage_of(records, replace(EVENTS, ranges=frozenset({0}))), PRICES)
    assert advice.option == ""
    assert "ranges of keys already" in advice.text
    assert "a combine in the job helps" in advice.text


def test_partitions_that_are_even_or_cost_no_time_are_no_skew() -> None:
    uneven = good()
    uneven[-2] = replace(uneven[-2], bytes_in=9 * 10**8)  # and took no longer
    slow = good()
    slow[-2] = replace(slow[-2], ended=START + 90.0)  # with no more than the others
    larger = good()
    larger[-2] = replace(
        larger[-2], ended=START + 90.0, bytes_in=int(1.5 * 10**8)
    )  # a third instead of a fourth
    assert titles(uneven) == titles(slow) == titles(larger) == []


def of_small_objects(count: int = 100, **known: Any) -> list[TaskRecord]:
    """Mappers that read a small object each, in half a second."""
    usual = GOOD | {"seconds": 0.5, "writes": 1, "objects": 1}
    return [
        replace(one, ranges=(ObjectRange("data", f"in/{one.task:05d}", 0, 8),))
        for one in mappers(count, **usual | known)
    ]


def test_mappers_with_little_to_do_are_told_to_have_larger_splits() -> None:
    records = [*of_small_objects(), *reducers(4, **GOOD)]
    advice = next(one for one in advice_on(records) if one.option.startswith("--split-bytes"))
    assert advice.title == "Mappers have little to do each"
    # An object counts as 256 KiB and 8 bytes: 16 of them are 4,194,432, and 100 are 26,215,200
    assert "Splits of 5 MB would need up to 94 fewer of them" in advice.text
    assert advice.option == "--split-bytes 5MB"
    assert advice.saves == 94 * (2 * PRICES.transition + PRICES.lambda_request)


def test_larger_splits_are_not_advised_where_a_mapper_does_not_tell_all_of_its_objects() -> None:
    records = [*of_small_objects(), *reducers(4, **GOOD)]
    more = [replace(one, objects=11) if one.task == 7 else one for one in records]
    missing = [one for one in records if one.step or one.task != 7]
    for unknown in (more, missing, [replace(one, ranges=()) for one in records]):
        assert "Mappers have little to do each" not in titles(unknown)


def test_larger_splits_are_not_advised_of_mappers_that_were_not_all_done() -> None:
    records, in_map = of_small_objects(), replace(EVENTS, unfinished="map")
    assert "Mappers have little to do each" in titles(records)
    found = advise(records, usage_of(records, in_map), PRICES)
    assert "Mappers have little to do each" not in {advice.title for advice in found}


def test_few_mappers_are_not_too_many() -> None:
    records = [*of_small_objects(10), *reducers(4, **GOOD)]
    assert "Mappers have little to do each" not in titles(records)


def test_tasks_that_were_done_already_say_nothing_of_the_splits() -> None:
    records = [*of_small_objects(seconds=0.05, reused=True), *reducers(4, **GOOD)]
    assert "Mappers have little to do each" not in titles(records)


def test_many_failed_attempts_are_told_by_the_name_of_their_error() -> None:
    errors = ["StorageUnavailable"] * 3 + ["CorruptSegment"]
    failed = [replace(one, error=error, bytes_in=0) for one, error in zip(good(4), errors, strict=False)]
    (advice,) = advice_on([*(replace(one, attempt=one.task < 4) for one in good()), *failed])
    assert advice.title == "Many attempts failed"
    assert "4 of 18 attempts failed: StorageUnavailable (3), CorruptSegment (1)" in advice.text
    assert advice.option == "--concurrency"
    assert advice.saves == 4 * 60 * Decimal("0.0000133334")


def test_a_retry_now_and_then_is_nothing_to_act_on() -> None:
    failed = [replace(one, error="StorageUnavailable") for one in good()[:2]]
    assert advice_on([*good(), *failed]) == ()


def test_many_cold_starts_are_told_by_their_share_of_what_was_billed() -> None:
    records = [replace(one, cold_start=True, init_seconds=20.0) for one in good()]
    (advice,) = advice_on(records)
    assert advice.title == "Much time went into starting workers"
    assert "14 of 14 attempts" in advice.text
    assert "33% of the time" in advice.text


def test_cold_starts_that_take_little_time_are_not_told() -> None:
    assert advice_on([replace(one, cold_start=True, init_seconds=0.5) for one in good()]) == ()


def test_what_saves_most_comes_first_and_what_saves_nothing_last() -> None:
    known = GOOD | {"memory_mib": 3008, "peak_memory_mib": 200}
    records = [*mappers(30, **known), *reducers(20, **known)]
    records[3] = replace(records[3], ended=START + 200.0)
    assert [one.option for one in advice_on(records)] == [
        "MapperMemory=1769",
        "ReducerMemory=1769",
        "--speculate",
    ]


def test_advice_as_json_says_what_it_saves() -> None:
    assert Advice("title", "text", "--speculate").to_json() == {
        "title": "title",
        "text": "text",
        "option": "--speculate",
        "saves": None,
    }
    assert Advice("title", "text", "X=1", Decimal("0.5")).to_json()["saves"] == 0.5


def test_steps_are_named_as_people_call_them() -> None:
    records = [
        *mappers(2),
        *mappers(1, sample=True),
        attempt("reduce", step=1),
        attempt("reduce", step=2),
        replace(attempt(), stage=1),
    ]
    assert [(step.name, len(step.tasks)) for step in steps_of(records)] == [
        ("Stage 0: Sample", 1),
        ("Stage 0: Map", 2),
        ("Stage 0: Reduce step 1", 1),
        ("Stage 0: Reduce step 2", 1),
        ("Stage 1: Map", 1),
    ]

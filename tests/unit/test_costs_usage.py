"""What an execution used, as its attempts and its history tell."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marla.costs.children import Child, children_of
from marla.costs.history import EventsSummary, summarise
from marla.costs.usage import CHECKS, EXPRESS, MAPPERS, PUBLICATION, REDUCERS, Deployment, LambdaUse, usage_of
from tests.unit.costed import START, Events, attempt, mappers, reducers, whole_job

NO_EVENTS = EventsSummary()


def test_each_state_that_was_entered_is_a_transition() -> None:
    summary = summarise(whole_job().events)
    assert (summary.states, summary.retries) == (24, 0)
    assert summary.map_runs == ("run of Map", "run of Reduce")
    assert [(call.state, call.to, call.seconds) for call in summary.calls] == [
        ("Check job", "lambda", 0.5),
        ("List input", "list", 0.1),
        ("Check wave", "lambda", 0.5),
        ("Publish result", "lambda", 0.25),
    ]


def test_events_are_read_in_their_order_whatever_order_they_come_in() -> None:
    events = whole_job().events
    assert summarise(events[::-1]) == summarise(events)


def test_each_retry_is_a_transition_and_a_call() -> None:
    history = Events().enter("Task", "Check job")
    history.call("lambda", 2.0, error="StorageUnavailable").call("lambda", 1.0)
    summary = summarise(history.enter("Task", "List input").call("listObjectsV2", 0.1).events)
    assert (summary.states, summary.retries) == (2, 1)
    assert [(call.seconds, call.succeeded) for call in summary.calls] == [(2, False), (1, True), (0.1, True)]


def test_a_call_that_lambda_refused_is_a_retry_but_no_invocation() -> None:
    history = Events().enter("Task", "Check job")
    history.call("lambda", 0.1, error="Lambda.TooManyRequestsException").call("lambda", 1.0)
    summary = summarise(history.events)
    assert (summary.retries, len(summary.calls)) == (1, 1)


def test_a_call_under_way_when_the_execution_was_stopped_took_until_then() -> None:
    history = Events().enter("Task", "Check job").add("TaskScheduled", taskScheduledEventDetails={})
    summary = summarise(history.add("ExecutionAborted", 7.0).events)
    assert [(call.state, call.seconds, call.succeeded) for call in summary.calls] == [("Check job", 7, False)]


def test_lambda_is_used_as_long_as_it_is_billed_with_the_memory_that_each_function_has() -> None:
    records = [*mappers(3, seconds=2.0), *reducers(2, seconds=1.0, memory_mib=2048)]
    usage = usage_of(records, summarise(whole_job().events))
    assert usage.lambdas == (
        LambdaUse(MAPPERS, "map", 1024, "arm64", 3, 6000),
        LambdaUse(REDUCERS, "reduce", 2048, "arm64", 2, 2000),
        LambdaUse(CHECKS, "map", 1024, "arm64", 2, 1000),
        LambdaUse(PUBLICATION, "reduce", 2048, "arm64", 1, 250),
    )


def test_attempts_that_failed_and_backups_are_billed_too() -> None:
    records = [
        attempt(seconds=3.0, error="StorageUnavailable"),
        attempt(seconds=5.0, attempt=1),
        attempt(seconds=4.0, backup=True),
    ]
    (use,) = usage_of(records, NO_EVENTS).lambdas
    assert (use.invocations, use.billed_ms) == (3, 12_000)


def test_what_records_do_not_say_is_as_the_stack_has_it() -> None:
    records = [attempt(memory_mib=0, architecture="")]
    usage = usage_of(records, NO_EVENTS, Deployment(mapper_memory=3008, architecture="x86_64"))
    assert [(use.memory_mib, use.architecture) for use in usage.lambdas] == [(3008, "x86_64")]
    assert any("do not say how much memory" in note for note in usage.notes)


def test_a_task_that_was_done_already_costs_only_its_look_up() -> None:
    reused = attempt(reused=True, seconds=0.05, reads=1, writes=1, bytes_out=10**9)
    usage = usage_of([reused], NO_EVENTS)
    assert (usage.lambdas[0].billed_ms, usage.reads, usage.writes) == (50, 1, 1)
    assert usage.intermediate_bytes == 0


def test_attempts_at_a_task_write_one_output() -> None:
    records = [
        attempt(error="StorageUnavailable", bytes_out=0),
        attempt(attempt=1, bytes_out=100),
        attempt(backup=True, bytes_out=100),
    ]
    assert usage_of(records, NO_EVENTS).intermediate_bytes == 100


def test_the_last_step_that_was_published_is_the_result() -> None:
    records = [
        *mappers(2, bytes_out=70),
        *reducers(2, bytes_out=30),
        *(replace(one, step=2, bytes_out=10) for one in reducers(2)),
    ]
    published = usage_of(records, summarise(whole_job().events))
    assert (published.intermediate_bytes, published.result_bytes) == (140 + 60 + 20, 20)
    assert usage_of(records, NO_EVENTS).result_bytes == 0


def test_a_sample_is_published_before_its_stage_and_is_no_result() -> None:
    sample = [*mappers(1, sample=True, bytes_out=5), *reducers(1, sample=True, bytes_out=3)]
    records = [*mappers(1, bytes_out=70), *reducers(2, bytes_out=30), *sample]
    history = whole_job().enter("Task", "Publish result").call("lambda", 0.1)
    assert usage_of(records, summarise(whole_job().events)).result_bytes == 0
    assert usage_of(records, summarise(history.events)).result_bytes == 60


def test_small_parts_are_copied_with_one_request_and_large_ones_in_parts() -> None:
    def writes(size: int) -> int:
        return usage_of(reducers(1, bytes_out=size), summarise(whole_job().events)).writes

    own = 3 + 1  # a write of each check and of the publication, and the listing of the input
    assert writes(1000) == own + 1
    assert writes(20 << 20) == own + 3 + 2


def test_intermediates_are_kept_as_long_as_the_stack_has_it_unless_they_were_deleted() -> None:
    records = mappers(1, bytes_out=10)
    kept = usage_of(records, NO_EVENTS, Deployment(intermediate_days=7))
    history = Events().enter("Task", "Delete intermediates").call("deleteObjects", 0.1)
    deleted = usage_of(records, summarise(history.events), Deployment(intermediate_days=7))
    assert (kept.intermediate_days, deleted.intermediate_days) == (Decimal(7), Decimal(0))


def test_a_child_enters_one_state_and_again_for_each_retry() -> None:
    records = [attempt(task=0), attempt(task=1, error="StorageUnavailable"), attempt(task=1, attempt=1)]
    usage = usage_of(records, NO_EVENTS)
    assert (usage.children, usage.child_states) == (2, 1 + 2)


def test_a_retry_that_left_no_record_is_counted_and_said() -> None:
    usage = usage_of([attempt(attempt=2)], NO_EVENTS)
    assert usage.child_states == 3
    assert any("2 attempts or more left no record" in note for note in usage.notes)


def test_children_that_left_no_record_are_counted_and_said() -> None:
    usage = usage_of(mappers(3), NO_EVENTS, Deployment(children=5))
    assert (usage.children, usage.child_states) == (5, 5)
    assert any("2 attempts or more left no record" in note for note in usage.notes)


def test_a_child_takes_from_when_its_state_was_entered_until_its_last_attempt_ended() -> None:
    records = [
        attempt(queued=START - 3.0, seconds=1.0, error="StorageUnavailable"),
        attempt(queued=START - 3.0, attempt=1, started=START + 2, ended=START + 4.05),
    ]
    usage = usage_of(records, NO_EVENTS, Deployment(EXPRESS))
    assert usage.longest_child == pytest.approx(7.05)
    assert usage.child_ms == 7100  # billed by tenths of a second, begun ones too


def test_a_task_that_is_raced_enters_the_states_of_its_watch() -> None:
    # The race, both branches' first states, the wait, the winner's end and the end of the race: 6. After 3 s
    # the watch looks for the first time (3 states), and again 2 s and 3 s later.
    assert children_of([attempt(seconds=2.0)], {"map"}) == [Child(2.0, 6, 0)]
    assert children_of([attempt(seconds=4.0)], {"map"}) == [Child(4.0, 9, 1)]
    assert children_of([attempt(seconds=9.0)], {"map"}) == [Child(9.0, 15, 3)]
    assert children_of([attempt(seconds=9.0)], {"reduce"}) == [Child(9.0, 1, 0)]


def test_a_watch_ends_when_the_backup_begins() -> None:
    backup = attempt(backup=True, queued=START + 4.0, started=START + 4.0, ended=START + 8.0)
    (child,) = children_of([attempt(seconds=100.0), backup], {"map"})
    assert (child.states, child.lists) == (6 + 3 + 2, 1)


def test_listings_of_watches_are_writes() -> None:
    history = Events().map_run("Map with backups")
    usage = usage_of(mappers(2, seconds=4.0, writes=1), summarise(history.events))
    assert usage.writes == 2 + 2
    assert any("backups" in note for note in usage.notes)


def test_what_the_local_cloud_would_have_cost_is_said_to_be_that() -> None:
    usage = usage_of([], NO_EVENTS, Deployment(local=True))
    assert usage.notes[0].startswith("The local cloud costs nothing")


@given(st.lists(st.floats(0, 900), min_size=1, max_size=5), st.booleans())
def test_a_child_is_billed_at_least_as_long_as_it_took(seconds: list[float], raced: bool) -> None:
    records = [attempt(task=task, seconds=each) for task, each in enumerate(seconds)]
    usage = usage_of(records, EventsSummary(raced=frozenset({"map"} if raced else ())))
    assert usage.child_ms >= sum(one.seconds for one in records) * 1000 - 0.01
    assert usage.child_ms % 100 == 0
    assert usage.child_states >= usage.children == len(seconds)

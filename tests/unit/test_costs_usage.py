"""What an execution used, as its attempts and its history tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marla.costs.children import Child, children_of, end_of
from marla.costs.deployment import EXPRESS, Deployment
from marla.costs.history import EventsSummary, Raced, summarise
from marla.costs.usage import CHECKS, MAPPERS, PUBLICATION, REDUCERS, LambdaUse, usage_of
from tests.unit.costed import NOON, START, Events, attempt, mappers, reducers, whole_job

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


def test_a_redrive_is_a_transition_and_so_is_each_state_that_it_runs_again() -> None:
    failed = Events().add("ExecutionStarted").map_run("Map").add("MapRunFailed").add("ExecutionFailed")
    again = failed.add("ExecutionRedriven", 60.0).add("MapRunRedriven").add("MapRunSucceeded")
    summary = summarise(again.events)
    assert (summary.states, summary.retries, summary.ended) == (1, 2, None)
    ended = summarise(again.add("ExecutionSucceeded", 5.0).events)
    assert (ended.ended, ended.succeeded) == (NOON + timedelta(seconds=66), True)


def test_a_task_state_that_is_redriven_is_a_transition_and_a_call_more() -> None:
    history = Events().enter("Task", "Check job").call("lambda", 2.0, error="StorageUnavailable")
    history.add("ExecutionFailed").add("ExecutionRedriven").call("lambda", 1.0)
    summary = summarise(history.events)
    assert (summary.states, summary.retries, len(summary.calls)) == (1, 2, 2)


def test_the_options_of_each_stage_are_what_it_was_configured_with() -> None:
    history = Events().assign(stage=0).assign(config={"speculate": 5, "partitioning": "hash"})
    history.map_run("Map with backups").assign(stage=1)
    history.assign(config={"speculate": True, "partitioning": "range"})
    history.map_run("Map with backups").map_run("Reduce with backups")
    history.assign(stage=2).assign(config={"speculate": False, "partitioning": "hash"}).map_run("Map")
    summary = summarise(history.events)
    assert summary.raced == {(0, "map"): 5, (1, "map"): None, (1, "reduce"): None}
    assert summary.ranges == {1}
    assert summary.unfinished == "map"


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
    assert any("2 or more attempts left no record" in note for note in usage.notes)


def test_a_child_that_is_redriven_enters_its_state_again_and_counts_retries_anew() -> None:
    records = [attempt(error="StorageUnavailable"), attempt(seconds=20.0)]
    assert usage_of(records, NO_EVENTS).child_states == 2


def test_attempts_that_lambda_refused_are_not_said_to_be_billed() -> None:
    (note,) = usage_of([attempt(attempt=37)], NO_EVENTS).notes
    assert note.startswith("37 or more attempts left no record. Those that Lambda refused cost nothing")


def test_children_that_left_no_record_are_counted_and_said() -> None:
    usage = usage_of(mappers(3), NO_EVENTS, Deployment(children=5))
    assert (usage.children, usage.child_states) == (5, 5)
    assert any("2 or more attempts left no record" in note for note in usage.notes)


def test_children_that_left_no_record_count_as_raced_where_there_were_races() -> None:
    raced = EventsSummary(raced={(0, "map"): None})
    usage = usage_of(mappers(3, seconds=2.0), raced, Deployment(children=5))
    assert (usage.children, usage.child_states) == (5, 3 * 6 + 2 * 8)


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
    raced: Raced = {(0, "map"): None}
    assert children_of([attempt(seconds=2.0)], raced) == [Child(2.0, 6, 0)]
    assert children_of([attempt(seconds=4.0)], raced) == [Child(4.0, 9, 1)]
    assert children_of([attempt(seconds=9.0)], raced) == [Child(9.0, 15, 3)]
    assert children_of([attempt(seconds=9.0)], {(0, "reduce"): None}) == [Child(9.0, 1, 0)]
    assert children_of([attempt(seconds=9.0)], {(1, "map"): None}) == [Child(9.0, 1, 0)]


def test_a_task_whose_backup_begins_after_some_seconds_does_not_look_what_others_took() -> None:
    raced: Raced = {(0, "map"): 4}
    backup = attempt(backup=True, queued=START + 4.0, started=START + 4.0, ended=START + 8.0)
    assert children_of([attempt(seconds=3.0)], raced) == [Child(3.0, 6, 0)]
    assert children_of([attempt(seconds=9.0), backup], raced) == [Child(8.0, 8, 0)]


@pytest.mark.parametrize(("after", "states"), [(300, 8), (301, 6)])
def test_a_backup_that_left_no_record_began_if_its_time_had_come(after: int, states: int) -> None:
    raced: Raced = {(0, "map"): after}
    assert [child.states for child in children_of([attempt(seconds=300.0)], raced)] == [states]


def test_a_watch_ends_when_the_backup_begins() -> None:
    backup = attempt(backup=True, queued=START + 4.0, started=START + 4.0, ended=START + 8.0)
    (child,) = children_of([attempt(seconds=100.0), backup], {(0, "map"): None})
    assert (child.states, child.lists) == (6 + 3 + 2, 1)


def test_a_race_is_over_when_it_is_won_however_long_the_loser_goes_on() -> None:
    loser = attempt(seconds=800.0)
    backup = attempt(backup=True, started=START + 20.0, ended=START + 25.0)
    usage = usage_of([loser, backup], EventsSummary(raced={(0, "map"): None}), Deployment(EXPRESS))
    assert (usage.longest_child, usage.child_ms) == (25.0, 25_000)
    assert end_of([loser, backup]) == end_of([backup, loser]) == START + 25.0


def test_a_task_is_over_with_its_last_attempt_where_nobody_has_won() -> None:
    failed = attempt(seconds=5.0, error="StorageUnavailable")
    failed_backup = attempt(backup=True, seconds=7.0, error="StorageUnavailable")
    unheard = attempt(seconds=3.0)  # whose answer was lost, so that it was tried again
    assert end_of([failed, failed_backup]) == START + 7.0
    assert end_of([unheard, attempt(attempt=1, seconds=9.0)]) == START + 9.0
    assert end_of([failed_backup, attempt(seconds=8.0)]) == START + 8.0


def test_an_attempt_that_lost_to_a_backup_and_left_no_record_is_told() -> None:
    usage = usage_of([attempt(backup=True)], EventsSummary(raced={(0, "map"): 1}))
    assert any(note.startswith("1 or more attempts left no record") for note in usage.notes)


def test_losers_of_races_may_be_at_work_for_as_long_as_a_worker_may_take() -> None:
    history = Events().add("ExecutionStarted").map_run("Map with backups").enter("Succeed", "Done")
    summary = summarise(history.add("ExecutionSucceeded").events)
    deployed = Deployment(worker_timeout=300)
    end = NOON + timedelta(seconds=2)
    usage = usage_of([], summary, deployed, now=end + timedelta(seconds=299))
    assert usage.settled_at == end + timedelta(seconds=300)
    assert any("may be at work until 2026-11-21 12:05:02 UTC" in note for note in usage.notes)
    later = usage_of([], summary, deployed, now=end + timedelta(seconds=300))
    assert not any("may be at work" in note for note in later.notes)


@pytest.mark.parametrize(("ending", "seconds"), [("ExecutionSucceeded", 0), ("ExecutionAborted", 900)])
def test_workers_go_on_only_for_an_execution_that_did_not_succeed(ending: str, seconds: int) -> None:
    summary = summarise(Events().map_run("Map").add(ending, 10.0).events)
    assert usage_of([], summary).settled_at == NOON + timedelta(seconds=11 + seconds)


def test_an_execution_that_runs_is_not_settled() -> None:
    assert usage_of([], summarise(Events().map_run("Map").events)).settled_at is None


def test_tasks_say_what_such_tasks_take_once_their_phase_is_over_and_if_they_were_not_done_before() -> None:
    history = Events().map_run("Map").enter("Pass", "Count map outputs").map_run("Reduce")
    failed = summarise(history.add("ExecutionFailed").events)
    assert usage_of([attempt(), attempt("reduce")], failed).measured == {"map"}
    assert usage_of([attempt(reused=True), attempt("reduce")], NO_EVENTS).measured == {"reduce"}
    assert usage_of([attempt(error="JobError")], NO_EVENTS).measured == set()


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
    usage = usage_of(records, EventsSummary(raced={(0, "map"): None} if raced else {}))
    assert usage.child_ms >= sum(one.seconds for one in records) * 1000 - 0.01
    assert usage.child_ms % 100 == 0
    assert usage.child_states >= usage.children == len(seconds)

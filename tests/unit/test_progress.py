"""Progress never goes backwards and its totals are right, whatever an execution does and when one looks."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from marla import execution
from marla.progress import Progress
from marla.summary import summary
from tests.unit.simulated_execution import ARN, NOTHING, START, Run, Simulation, Watched

DEFINITION = Path(__file__).parents[2] / "statemachine" / "mapreduce.asl.yaml"
SMALL = st.integers(1, 4)
TRIES = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


class Seen:
    """What a poll shows, as it stays when the progress goes on."""

    def __init__(self, shown: dict[str, Any]) -> None:
        self.shown = shown

    def of_all(self, name: str) -> int:
        return sum(phase[name] or 0 for phase in self.shown["phases"])


Polls = tuple[list[Seen], Progress]


@st.composite
def jobs(draw: st.DrawFn) -> list[Run]:
    """The runs of a job: of one to three stages, some of which take a sample first."""
    runs = []
    for stage in range(draw(st.integers(1, 3))):
        for sample in [True, False] if draw(st.booleans()) else [False]:
            waves = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
            partitions = 1 if sample else draw(SMALL)
            runs.append(Run(stage, sample, waves, partitions, draw(st.integers(2, 4)), draw(TRIES)))
    return runs


@st.composite
def watched(draw: st.DrawFn, failing: st.SearchStrategy[int | None]) -> Polls:
    """What some polls of an execution show, whose counts are as old as may be; and what is known at last."""
    simulation = Simulation(draw(jobs()), draw(failing))
    step_functions = Watched(simulation)
    last = len(simulation.moments) - 1
    looks = sorted({*draw(st.lists(st.integers(0, last), max_size=40)), last})
    progress = Progress()
    seen = []
    for look in looks:
        step_functions.at = look
        step_functions.counted_at = draw(st.integers(0, look))
        step_functions.asked.clear()
        execution.update(step_functions.stack, ARN, progress, clock=step_functions.clock)
        assert step_functions.asked.count("DescribeMapRun") <= 1
        seen.append(Seen(summary(progress, step_functions.clock())))
    return seen, progress


def assert_never_backwards(seen: list[Seen]) -> None:
    for before, after in pairwise(seen):
        for name in ("fraction", "stage", "stages"):
            assert before.shown[name] <= after.shown[name], name
        for name in ("total", "succeeded", "failed", "records", "bytes"):
            assert before.of_all(name) <= after.of_all(name), name
        assert len(before.shown["phases"]) <= len(after.shown["phases"])
        for phase, later in zip(before.shown["phases"], after.shown["phases"], strict=False):
            assert phase["total"] <= later["total"]
            assert phase["succeeded"] <= later["succeeded"]
    for each in seen:
        assert 0 <= each.shown["fraction"] <= 1
        assert (each.shown["fraction"] == 1) == (each.shown["status"] == "SUCCEEDED")
        for phase in each.shown["phases"]:
            assert 0 <= phase["succeeded"] + phase["failed"] <= phase["total"]
            assert 0 <= phase["running"] <= phase["total"] - phase["succeeded"]
            assert phase["perSecond"] is None or phase["perSecond"] > 0
            assert phase["secondsLeft"] is None or phase["secondsLeft"] >= 0


@given(watched(st.none()))
def test_progress_never_goes_backwards_and_at_the_end_says_what_the_output_says(
    seen: tuple[list[Seen], Progress],
) -> None:
    polls, progress = seen
    assert_never_backwards(polls)
    assert progress.status == "SUCCEEDED"
    assert progress.output is not None
    by_step = [
        (stage, step, sample, list(phases))
        for (stage, sample, step), phases in groupby(
            progress.phases, key=lambda phase: (phase.stage, phase.sample, phase.step)
        )
    ]
    counted = [
        {
            "stage": stage,
            "step": step,
            "tasks": sum(phase.total for phase in phases),
            "done": sum(phase.succeeded for phase in phases),
            "records": sum(phase.records for phase in phases),
            "bytes": sum(phase.bytes for phase in phases),
            "sample": sample,
        }
        for stage, step, sample, phases in by_step
    ]
    assert counted == [
        {
            "stage": step["stage"],
            "step": step["step"],
            "tasks": step["tasks"],
            "done": step["tasks"],
            "records": step["recordsIn"],
            "bytes": step["bytesIn"],
            "sample": step.get("sample", False),
        }
        for step in progress.output["steps"]
    ]
    assert progress.total == progress.succeeded == sum(step["tasks"] for step in progress.output["steps"])
    assert (progress.failed, progress.running) == (0, 0)


@given(watched(st.integers(0, 30)))
def test_progress_of_an_execution_that_fails_stays_where_it_was(seen: Polls) -> None:
    polls, progress = seen
    assert_never_backwards(polls)
    if progress.status == "SUCCEEDED":  # it has fewer tasks than were to be done first
        return
    assert progress.phases[-1].status == "stopped"
    assert (progress.failed, progress.phases[-1].failed) == (1, 1)  # whatever the last count says
    assert all(phase.status == "succeeded" for phase in progress.phases[:-1])
    assert progress.running == 0
    assert progress.seconds == progress.seconds_at(START + timedelta(days=1))
    assert progress.phases[-1].seconds <= progress.seconds


def test_what_is_seen_at_each_moment_is_what_is_there() -> None:
    watching = Watched(Simulation([Run(0, True, (3, 2)), Run(0, False, (4, 1), 3, 2, (1, 2))]))
    progress = Progress()
    for moment in watching.moments_from():
        execution.update(watching.stack, ARN, progress)
        counts = watching.simulation.moments[moment].counts.values()
        assert progress.succeeded == sum(run["succeeded"] for run in counts)
        assert progress.running == sum(run["running"] for run in counts)


def test_tasks_are_known_before_their_map_run_counts_them() -> None:
    watching = Watched(Simulation([Run(0, False, (5, 3), 2, 4)]))
    progress = Progress()
    totals: list[int] = []
    for _ in watching.moments_from():
        watching.counted_at = 0
        execution.update(watching.stack, ARN, progress)
        if progress.phases and progress.phases[-1].total not in totals[-1:]:
            totals.append(progress.phases[-1].total)
    # Two waves; 8 outputs are reduced to 2 of each of 2 partitions, and those to one of each.
    assert totals == [5, 3, 4, 2]


def test_tasks_that_no_variable_tells_of_are_counted_by_their_map_run() -> None:
    simulation = Simulation([Run(0, False, (5, 3))])
    for event in simulation.events:
        assigned = event.get("stateExitedEventDetails", {}).get("assignedVariables", {})
        assigned.pop("wave", "")
        assigned.pop("fan", "")
    watching, progress = Watched(simulation), Progress()
    seen = []
    for _ in watching.moments_from():
        execution.update(watching.stack, ARN, progress)
        seen.append(Seen(summary(progress, watching.clock())))
    assert_never_backwards(seen)
    assert [phase.total for phase in progress.phases] == [5, 3, 4, 2, 1]


def test_a_poll_asks_three_things_and_reads_no_event_twice() -> None:
    watching = Watched(Simulation([Run(0, False, (40, 40))]))
    progress, events = Progress(), []
    for _ in watching.moments_from():
        watching.asked.clear()
        execution.update(watching.stack, ARN, progress, lambda event: events.append(event["id"]))
        assert watching.asked[:2] == ["DescribeExecution", "GetExecutionHistory"]
        assert watching.asked[2:] in ([], ["DescribeMapRun"])
    assert events == [event["id"] for event in watching.simulation.events]


def test_an_execution_of_long_ago_costs_no_count_of_a_map_run() -> None:
    watching = Watched(Simulation([Run(0, False, (3, 2)), Run(1, False, (2,))]))
    watching.at = len(watching.simulation.moments) - 1
    progress = Progress()
    execution.update(watching.stack, ARN, progress)
    assert watching.asked == ["DescribeExecution", "GetExecutionHistory"]
    assert progress.succeeded == sum(step["tasks"] for step in watching.simulation.steps)


def test_more_events_than_a_look_at_the_news_shows_are_all_read() -> None:
    watching = Watched(Simulation([Run(0, False, (1,) * 100)]))
    progress, events = Progress(), []
    for at in (3, 10, len(watching.simulation.moments) - 1):
        watching.at = at
        execution.update(watching.stack, ARN, progress, lambda event: events.append(event["id"]))
    assert len(events) > execution.HISTORY_PAGE > execution.NEWS_PAGE
    assert events == [event["id"] for event in watching.simulation.events]


def test_the_state_machine_assigns_the_variables_that_tell_of_the_work_to_come() -> None:
    states = yaml.safe_load(DEFINITION.read_text())["States"]
    assigned = {name: {*state.get("Assign", {})} for name, state in states.items()}
    assert assigned["Plan stages"] >= {"stages", "stage"}
    assert assigned["Configure stage"] >= {"config", "inputIndex", "wave", "step", "fan"}
    assert assigned["Cut into batches"] >= {"wave", "inputIndex"}
    assert assigned["Count map outputs"] >= {"wave", "tasks", "mapped"}
    assert assigned["More input?"] >= {"outputs"}
    assert assigned["Plan reduce step"] >= {"step", "fan"}
    assert assigned["Count reduce outputs"] >= {"outputs", "steps"}


def test_an_event_that_comes_again_changes_nothing() -> None:
    simulation, progress = Simulation([Run(0, False, (2,))]), Progress()
    for event in simulation.events:
        progress.see(event)
    before = summary(progress, START)
    for event in simulation.events:
        progress.see(event)
    assert summary(progress, START) == before


def test_what_had_failed_is_no_failure_while_it_is_tried_again() -> None:
    watching = Watched(Simulation([Run(0, False, (3,))], failing=1))
    watching.at = watching.counted_at = len(watching.simulation.moments) - 1
    progress = Progress()
    execution.update(watching.stack, ARN, progress)
    phase = progress.phases[0]
    assert (phase.failed, phase.status, progress.finished) == (1, "stopped", True)
    event = {"id": progress.last_event + 1, "type": "MapRunRedriven", "timestamp": START}
    progress.see(event)
    progress.count(phase, NOTHING | {"total": 3, "running": 2}, START)
    progress.end({"status": "RUNNING", "startDate": START})
    assert (phase.failed, phase.status, progress.finished) == (0, "running", False)


def test_a_count_of_before_a_redrive_is_forgotten_with_the_next_one() -> None:
    watching = Watched(Simulation([Run(0, False, (3,))], failing=1))
    watching.at = watching.counted_at = len(watching.simulation.moments) - 1
    progress = Progress()
    execution.update(watching.stack, ARN, progress)
    phase = progress.phases[0]
    stale = NOTHING | {"total": 3, "succeeded": 1, "failed": 1}
    events: list[dict[str, Any]] = [
        {"type": "ExecutionRedriven"},
        {"type": "MapRunRedriven"},
        {"type": "MapStateExited", "stateExitedEventDetails": {"name": "Map"}},
    ]
    for event in events[:2]:
        progress.see(event | {"id": progress.last_event + 1, "timestamp": START})
    progress.count(phase, stale, START)
    progress.count(phase, NOTHING | {"total": 3, "succeeded": 1, "running": 2}, START)
    assert (phase.failed, phase.running) == (0, 2)
    progress.count(phase, stale, START)
    progress.see(events[2] | {"id": progress.last_event + 1, "timestamp": START})
    assert (phase.succeeded, phase.failed, phase.status) == (3, 0, "succeeded")
    progress.count(phase, stale, START)
    assert (phase.succeeded, phase.failed) == (3, 0)


def test_a_map_that_fails_with_no_task_has_no_failed_task() -> None:
    progress = Progress()
    events: list[dict[str, Any]] = [
        {"type": "MapStateEntered", "stateEnteredEventDetails": {"name": "Map"}},
        {"type": "MapRunStarted", "mapRunStartedEventDetails": {"mapRunArn": "run"}},
        {"type": "MapRunFailed", "mapRunFailedEventDetails": {"error": "States.Permissions"}},
    ]
    for event in events:
        progress.see(event | {"id": progress.last_event + 1, "timestamp": START})
    assert (progress.failed, progress.total) == (0, 0)


def test_a_whole_history_is_read_from_its_start() -> None:
    watching = Watched(Simulation([Run(0, False, (1,) * 100)]))
    watching.at = len(watching.simulation.moments) - 1
    assert len(watching.simulation.events) > execution.HISTORY_PAGE
    assert execution.history(watching.stack, ARN) == watching.simulation.events


def test_waves_of_a_map_are_numbered_and_those_of_the_next_run_anew() -> None:
    simulation, progress = Simulation([Run(0, True, (1, 1)), Run(0, False, (2, 2, 2))]), Progress()
    for event in simulation.events:
        progress.see(event)
    mappers = [phase for phase in progress.phases if phase.step == 0]
    assert [(phase.label, phase.sample) for phase in mappers] == [
        ("Sample", True),
        ("Sample, wave 2", True),
        ("Map", False),
        ("Map, wave 2", False),
        ("Map, wave 3", False),
    ]
    assert {phase.wave for phase in progress.phases if phase.step > 0} == {0}


def test_while_input_is_left_a_map_whose_wave_is_done_is_not_half_of_the_job() -> None:
    watching, progress = Watched(Simulation([Run(0, False, (10, 10))])), Progress()
    fractions = {}
    for _ in watching.moments_from():
        execution.update(watching.stack, ARN, progress)
        fractions[progress.succeeded] = progress.fraction
    assert fractions[10] == pytest.approx(0.3)
    assert fractions[20] == pytest.approx(0.6)


def test_reduce_steps_that_are_to_come_are_reckoned_with() -> None:
    watching, progress = Watched(Simulation([Run(0, False, (8,), fan=2)])), Progress()
    fractions = {}
    for _ in watching.moments_from():
        execution.update(watching.stack, ARN, progress)
        fractions[progress.succeeded] = progress.fraction
    # 8 outputs become 4, 2 and 1.
    reduced = [fractions[8 + done] for done in (0, 4, 6)]
    assert reduced == pytest.approx([0.6, 0.6 + 0.35 / 3, 0.6 + 0.35 * 2 / 3])
    assert fractions[15] == 1


def test_no_task_runs_that_is_done_whatever_counts_of_before_say() -> None:
    watching, progress = Watched(Simulation([Run(0, False, (3,))])), Progress()
    for _ in watching.moments_from():
        execution.update(watching.stack, ARN, progress)
        if progress.succeeded == 2:
            break
    (phase,) = progress.phases
    progress.count(phase, NOTHING | {"total": 3, "running": 3}, START)
    assert (phase.succeeded, phase.running) == (2, 1)
    progress.count(phase, NOTHING | {"total": 3, "succeeded": 2, "failed": 1}, START)
    progress.count(phase, NOTHING | {"total": 3, "succeeded": 2, "running": 1}, START)  # of before
    assert (phase.succeeded, phase.failed, phase.running) == (2, 1, 0)


def test_a_summary_is_json_with_times_in_utc_and_none_for_what_is_not_known() -> None:
    watching, progress = Watched(Simulation([Run(0, False, (4,))])), Progress()
    for _ in watching.moments_from():
        execution.update(watching.stack, ARN, progress)
        if progress.phases and progress.phases[0].running:
            break
    shown = json.loads(json.dumps(summary(progress, START + timedelta(seconds=60))))
    assert shown["started"] == "2026-11-21T12:00:00.000+00:00"
    assert (shown["stopped"], shown["seconds"], shown["status"]) == (None, 60.0, "RUNNING")
    (phase,) = shown["phases"]
    assert (phase["total"], phase["succeeded"], phase["running"], phase["mapRun"]) == (4, 0, 1, True)
    assert (phase["perSecond"], phase["secondsLeft"], phase["records"], phase["exited"]) == (None,) * 4


def test_a_clock_that_is_behind_that_of_the_cloud_makes_no_time_negative() -> None:
    watching, progress = Watched(Simulation([Run(0, False, (4,))])), Progress()
    for _ in watching.moments_from():
        execution.update(watching.stack, ARN, progress)
        if progress.phases:
            break
    shown = summary(progress, START - timedelta(hours=1))
    assert shown["seconds"] == shown["phases"][0]["seconds"] == 0.0

"""Speculative execution: backups for stragglers, and when they are begun."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from marla.local.jsonata import JSON, evaluate
from tests.statemachine.machine import expressions, states
from tests.statemachine.stub_cloud import Cloud, Event, WorkerError, objects, service_error

NAMES = ["mapper", "reducer"]


# ---- The decision ----------------------------------------------------------------------------------------


def decide(worker: str, elapsed: float, of: int, finished: list[int]) -> tuple[bool, int]:
    """Whether a task is to have a backup, and how many seconds from now; or when to look again.

    Args:
        elapsed: seconds since the task was begun.
        of: how many tasks there are.
        finished: what those took that have finished, in milliseconds.
    """
    state = f"How long do {worker}s take?"
    began = time.time() - elapsed + 0.5  # which the evaluation may take
    given: dict[str, JSON] = {
        "input": {"race": {"of": of, "times": "jobs/j/stage-0/times/map-0/"}},
    }
    asked = evaluate(expressions()[f"{state}.Arguments.MaxKeys"], {"states": given})
    keys = [f"jobs/j/stage-0/times/map-0/{each:010d}-0-{task}" for task, each in enumerate(sorted(finished))]
    listed = {"Contents": [{"Key": key} for key in keys[:asked]]} if keys else {}
    bindings = {"states": given | {"result": listed}, "began": int(began * 1000)}
    return tuple(evaluate(expressions()[f"{state}.Assign.{name}"], bindings) for name in ("slow", "pause"))


@pytest.mark.parametrize("worker", NAMES)
@pytest.mark.parametrize(
    ("elapsed", "of", "finished", "slow", "pause"),
    [
        (3, 20, [], False, 2),  # none has finished: look again when half as much time has gone by
        (3, 20, [1000] * 9, False, 2),
        (40, 20, [30_000] * 9, False, 20),
        (1000, 20, [900_000], False, 60),  # once a minute at least
        (0.1, 20, [], False, 1),
        (3, 20, [1000] * 10, True, 3),  # half of them took a second: late after 2 * 1 + 3
        (9, 20, [1000] * 19, True, 0),
        (30, 20, [30_000] * 10, True, 34),
        (30, 20, [1000] * 9 + [20_000] * 10, True, 14),  # the tenth
        (3, 1, [], False, 2),  # nothing to compare with
        (3, 2, [10], True, 1),
        (3, 2000, [1000] * 249, False, 2),
        (3, 2000, [1000] * 250, True, 3),  # a page
    ],
)
def test_a_task_is_late_after_twice_the_time_of_others_and_three_seconds(
    worker: str, elapsed: float, of: int, finished: list[int], slow: bool, pause: int
) -> None:
    assert decide(worker, elapsed, of, finished) == (slow, pause)


@pytest.mark.parametrize("worker", NAMES)
def test_a_given_time_is_waited_for_and_no_other_is_asked(worker: str) -> None:
    for after, slow, pause in ((None, False, 3), (1, True, 1), (900, True, 900)):
        bindings = {"states": {"input": {"race": {"after": after}}}}
        watch = f"Watch {worker}.Assign"
        assert evaluate(expressions()[f"{watch}.slow"], bindings) is slow
        assert evaluate(expressions()[f"{watch}.pause"], bindings) == pause


# ---- The race --------------------------------------------------------------------------------------------


class Straggler:
    """Holds the first invocation of one task up until the test is over."""

    def __init__(self, is_it: Any) -> None:
        self._is_it = is_it
        self._met = False
        self.over = threading.Event()

    def __call__(self, event: Event) -> None:
        if self._is_it(event) and not self._met:
            self._met = True
            self.over.wait(60)


@pytest.mark.parametrize("speculate", [1, True])
def test_the_backup_of_a_straggling_mapper_wins(cloud: Cloud, speculate: Any) -> None:
    cloud.buckets = {"data": objects(6, suffix=".gz")}
    straggler = cloud.mapper = Straggler(lambda event: event.get("task") == 2)
    began = time.monotonic()
    outcome = cloud.run(splitBytes=1000, speculate=speculate, concurrency=6)
    seconds = time.monotonic() - began
    straggler.over.set()
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert seconds < 30
    assert outcome.output["counters"]["inputRecords"] == 6000
    assert sorted(event["task"] for event in cloud.maps) == [0, 1, 2, 2, 3, 4, 5]
    first, backup = (event for event in cloud.maps if event["task"] == 2)
    assert first == backup


def test_the_backup_of_a_straggling_reducer_wins(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(4, suffix=".gz")}
    straggler = cloud.reducer = Straggler(lambda event: event.get("partition") == 1)
    outcome = cloud.run(splitBytes=1000, speculate=1, partitions=3)
    straggler.over.set()
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert sorted(event["partition"] for event in cloud.reduces) == [0, 1, 1, 2]
    assert outcome.output["counters"]["resultRecords"] == 4000


def test_tasks_in_time_have_no_backup_and_nobody_asks_for_times(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(6, suffix=".gz")}
    outcome = cloud.run(splitBytes=1000, speculate=True, fanIn=2)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert len(cloud.maps) == 6
    assert cloud.steps() == [3, 2, 1]
    assert {request["Bucket"] for request in cloud.listed} == {"data"}


def test_an_error_of_the_job_fails_it_at_once_and_by_its_own_name(cloud: Cloud) -> None:
    def mapper(event: Event) -> None:
        if event.get("task") == 1:
            raise WorkerError("BadRecord", "s3://data/in/1 at byte 0: bad")

    cloud.mapper = mapper
    cloud.buckets = {"data": objects(3, suffix=".gz")}
    began = time.monotonic()
    outcome = cloud.run(splitBytes=1000, speculate=900)
    assert (outcome.status, outcome.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert time.monotonic() - began < 20
    failed = [child for child in outcome.map_runs[0].children if child.status == "FAILED"]
    assert [child.error for child in failed] == ["BadRecord"]
    assert "s3://data/in/1 at byte 0: bad" in str(failed[0].cause)


def test_a_backup_that_fails_harms_nobody(cloud: Cloud) -> None:
    backup_failed = threading.Event()

    def mapper(event: Event) -> None:
        if event.get("check"):
            return
        if len(cloud.maps) == 1:
            backup_failed.wait(60)
        else:
            backup_failed.set()
            raise WorkerError("OutOfMemory", "no memory for a backup")

    cloud.mapper = mapper
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run(speculate=1)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert len(cloud.maps) == 2


def test_backups_wait_for_room_and_others_do_not(cloud: Cloud) -> None:
    tried: list[int] = []

    straggler = Straggler(lambda event: "pieces" in event)

    def mapper(event: Event) -> None:
        if len(cloud.maps) > 1:
            tried.append(event["task"])
            raise service_error("TooManyRequestsException", "Rate Exceeded", 429)
        straggler(event)

    cloud.mapper = mapper
    cloud.buckets = {"data": objects(1)}
    threading.Timer(4, straggler.over.set).start()
    outcome = cloud.run(speculate=1)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert tried == [0]  # and not again for half a minute


def test_times_that_cannot_be_listed_fail_no_task(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(1)}
    cloud.denied = {"jobs"}
    asked = threading.Event()
    list_objects = cloud.list_objects_v2

    def list_and_tell(**request: Any) -> Any:
        if request["Bucket"] == "jobs":
            asked.set()
        return list_objects(**request)

    cloud.list_objects_v2 = list_and_tell  # type: ignore[method-assign]
    cloud.mapper = lambda event: None if event.get("check") else asked.wait(60) and None
    outcome = cloud.run(speculate=True)
    assert asked.is_set()
    assert outcome.status == "SUCCEEDED", outcome.cause


# ---- Off, and wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"speculate": False}, {"speculate": None}])
def test_without_speculation_there_is_no_trace_of_it(cloud: Cloud, options: dict[str, Any]) -> None:
    cloud.buckets = {"data": objects(2)}
    outcome = cloud.run(**options)
    entered = [event.get("stateEnteredEventDetails", {}).get("name", "") for event in outcome.history]
    assert "Map" in entered
    assert not [name for name in entered if "backups" in name and not name.endswith("?")]
    assert all("race" not in event for event in [*cloud.maps, *cloud.reduces])
    children = [event["type"] for child in outcome.map_runs[0].children for event in child.history]
    assert not [kind for kind in children if kind.startswith(("Parallel", "Wait", "Choice"))]


@pytest.mark.parametrize("speculate", ["yes", 0, 901, 1.5, {}, [True]])
def test_a_wrong_value_is_refused(cloud: Cloud, speculate: Any) -> None:
    outcome = cloud.run(speculate=speculate)
    assert outcome.error == "InvalidInput"
    assert "speculate: got" in str(outcome.cause)
    assert "give true, false or a whole number of seconds from 1 to 900" in str(outcome.cause)
    assert cloud.events == []


def test_a_stage_of_a_chain_may_speculate_by_itself(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(1), "jobs": {"jobs/job-1/stage-0/result/part-00000.csv": 10}}
    stages = [{"job": "a", "speculate": False}, {"job": "b"}]
    outcome = cloud.execute({"input": "s3://data/in/", "stages": stages, "speculate": 5})
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert ["race" in event for event in cloud.maps] == [False, True]


@pytest.mark.parametrize("name", [f"First {name}" for name in NAMES])
def test_what_the_winner_says_fits_a_cause(name: str) -> None:
    largest = {"key": "한" * 13, "values": 10**15}
    counters = dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut", "rejects"), 10**15)
    assert len(json.dumps(counters | {"largestKey": largest, "reused": True})) < 32_768
    assert states()[f"{name} wins"]["Cause"] == "{% $string($states.input) %}"

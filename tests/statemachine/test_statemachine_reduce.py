"""How map outputs are reduced: in which steps, by how many reducers, and that each output is read once."""

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marla.local.jsonata import JSON, evaluate
from tests.statemachine.machine import expressions
from tests.statemachine.stub_cloud import ETAG, Cloud, Event, objects

MIB = 1024 * 1024
JOB = {"job": "wordcount", "input": "s3://data/in/"}
WIDEST = 2000  # reducers in a step


def chain(outputs: int, partitions: int, map_bytes: int, fan_in: int | None = None) -> list[tuple[int, int]]:
    """Plan all steps by the definition's expressions alone: how many outputs and reducers each has."""
    config: dict[str, JSON] = {"partitions": partitions} | ({"fanIn": fan_in} if fan_in else {})
    steps: list[tuple[int, int]] = []
    bindings: dict[str, JSON] = {"config": config, "fan": 0, "outputs": outputs}
    while not steps or bindings["outputs"] > 1:
        bindings |= {"step": len(steps), "flow": {"bytes": map_bytes, "records": 1}}
        bindings["fan"] = evaluate(expressions()["Plan reduce step.Assign.fan"], bindings)
        steps.append((bindings["outputs"], len(evaluate(expressions()["Reduce.Items"], bindings))))
        bindings["outputs"] = evaluate(expressions()["Count reduce outputs.Assign.outputs"], bindings)
    return steps


def run_with_outputs(cloud: Cloud, outputs: int, **options: Any) -> None:
    """Run a job whose map phase has this many outputs."""
    # An object that cannot be split goes whole to the batch in which it begins: one object, one mapper.
    cloud.buckets = {"data": objects(outputs, size=1000, suffix=".gz")}
    outcome = cloud.execute(JOB | {"splitBytes": 1000, "concurrency": 16} | options)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert len(cloud.maps) == outputs


def assert_reads_each_output_once(cloud: Cloud, partitions: int) -> None:
    """In each step a partition's reducers, numbered from 0, read its outputs from the first to the last."""
    outputs = len(cloud.maps)
    for step in range(1, len(cloud.steps()) + 1):
        for partition in range(partitions):
            events = [e for e in cloud.reduces if (e["step"], e["partition"]) == (step, partition)]
            assert [event["task"] for event in events] == list(range(len(events)))
            ends = [0, *(event["first"] + event["count"] for event in events)]
            assert [event["first"] for event in events] == ends[:-1]
            assert ends[-1] == outputs
            assert all(event["count"] > 0 for event in events)
        outputs = len(events)
    assert outputs == 1


@pytest.mark.parametrize("partitions", [1, 7])
@pytest.mark.parametrize(
    ("outputs", "fan_in", "reducers"),
    [
        (1, 2, [1]),
        (32, 32, [1]),
        (33, 32, [2, 1]),
        (9, 3, [3, 1]),
        (10, 3, [4, 2, 1]),
        (16, 2, [8, 4, 2, 1]),
        (17, 2, [9, 5, 3, 2, 1]),
    ],
)
def test_a_fan_in_decides_the_steps(
    cloud: Cloud, partitions: int, outputs: int, fan_in: int, reducers: list[int]
) -> None:
    run_with_outputs(cloud, outputs, partitions=partitions, fanIn=fan_in)
    assert cloud.steps() == [count * partitions for count in reducers]
    assert_reads_each_output_once(cloud, partitions)


def test_a_fan_in_of_two_halves_the_outputs_as_marla_always_did(cloud: Cloud) -> None:
    run_with_outputs(cloud, 202, fanIn=2)
    assert cloud.steps() == [101, 51, 26, 13, 7, 4, 2, 1]
    assert_reads_each_output_once(cloud, 1)


@pytest.mark.parametrize("partitions", [1, 7])
def test_only_the_last_step_is_final(cloud: Cloud, partitions: int) -> None:
    run_with_outputs(cloud, 10, partitions=partitions, fanIn=3)
    last = len(cloud.steps())
    assert last == 3
    assert {(event["step"], event["final"]) for event in cloud.reduces} == {(1, False), (2, False), (3, True)}
    assert [event["step"] for event in cloud.publishes] == [last]


def test_even_a_single_map_output_is_reduced(cloud: Cloud) -> None:
    run_with_outputs(cloud, 1)
    assert [(event["first"], event["count"], event["final"]) for event in cloud.reduces] == [(0, 1, True)]


def test_small_outputs_are_reduced_in_one_step(cloud: Cloud) -> None:
    run_with_outputs(cloud, 200)
    assert cloud.steps() == [1]


def test_large_outputs_are_reduced_in_two_steps(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(40, size=100 * MIB, suffix=".gz")}
    cloud.run(splitBytes=100 * MIB)
    assert cloud.steps() == [6, 1]  # 40 outputs, 7 at a time: about the square root


def test_with_many_partitions_outputs_are_small_and_one_step_is_enough() -> None:
    one, many = chain(250, 1, 250 * 8 * MIB), chain(250, 64, 250 * 8 * MIB)
    assert [reducers for _, reducers in one] == [16, 1]
    assert [reducers for _, reducers in many] == [64]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 6000), st.integers(1, 1000), st.integers(0, 10**14))
def test_by_default_there_are_two_steps_at_most_and_none_is_too_wide(
    outputs: int, partitions: int, map_bytes: int
) -> None:
    steps = chain(outputs, partitions, map_bytes)
    assert len(steps) <= 2
    assert max(reducers for _, reducers in steps) <= WIDEST
    assert steps[-1][1] == partitions


@pytest.mark.parametrize("partitions", [7, 667, 999, 1000])
def test_no_step_is_too_wide_where_partitions_do_not_divide_what_a_step_may_have(partitions: int) -> None:
    for outputs in (1999, 2000, 2001, 5000):
        assert max(reducers for _, reducers in chain(outputs, partitions, 10**14)) <= WIDEST


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6000), st.integers(1, 1000), st.integers(2, 1000))
def test_no_fan_in_makes_a_step_too_wide(outputs: int, partitions: int, fan_in: int) -> None:
    steps = chain(outputs, partitions, 10**9, fan_in)
    assert max(reducers for _, reducers in steps) <= WIDEST
    assert steps[-1][1] == partitions


def test_all_of_a_wide_step_really_fit_a_payload(cloud: Cloud) -> None:
    # Of 16 outputs in 500 partitions a fanIn of 2 would make 4,000 reducers: too many counts for a payload.
    def reducer(event: Event) -> Any:
        counts = dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut"), 10**10)
        return counts if "first" in event else None

    cloud.reducer = reducer
    cloud.mapper = lambda event: (
        dict.fromkeys(("recordsIn", "recordsOut", "bytesIn", "bytesOut"), 2000 * 10**10 // 16)
        | {"rejects": 0}
        if "pieces" in event
        else None
    )
    cloud.buckets = {"data": objects(16, suffix=".gz")}
    outcome = cloud.run(splitBytes=1000, partitions=500, fanIn=2, concurrency=32)
    # The numbers are made up, so the books do not balance after the first step: it was reached.
    assert cloud.steps()[0] == 2000
    assert outcome.error == "RecordsLost"
    assert "step 2 read" in str(outcome.cause)


@pytest.mark.parametrize("asked", [None, 2, 9])
def test_no_more_workers_run_at_once_than_asked_for(cloud: Cloud, asked: int | None) -> None:
    expected = asked or 4  # 4 is the stack's default
    deadline = time.monotonic() + 20

    def patient(event: Event) -> None:
        while "task" in event and cloud.most_running < expected and time.monotonic() < deadline:
            time.sleep(0.001)  # until others run beside it

    cloud.mapper = cloud.reducer = patient
    cloud.buckets = {"data": objects(30, suffix=".gz")}
    cloud.execute(JOB | {"splitBytes": 1000, "fanIn": 2, "concurrency": asked})
    assert cloud.most_running == expected


def test_what_reducers_need_to_know_reaches_them(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(3)}
    cloud.run(name="my-job", job="sessions", params={"gap": 30}, output="jsonl", partitions=2)
    first = cloud.reduces[0]
    assert first == {
        "id": "my-job",
        "execution": "my-job",
        "stage": 0,
        "step": 1,
        "final": True,
        "partition": 0,
        "task": 0,
        "first": 0,
        "count": 1,
        "job": "sessions",
        "params": {"gap": 30},
        "output": "jsonl",
        "sample": 0,
        "mappedInput": first["mappedInput"],
        "code": "c0de",
        "resume": False,
    }
    assert re.fullmatch("[0-9a-f]{64}", first["mappedInput"])
    assert {event["mappedInput"] for event in cloud.reduces} == {first["mappedInput"]}
    written = sum(cloud.reduce(event)["bytesOut"] for event in cloud.reduces)
    assert cloud.publishes == [
        {
            "publish": True,
            "id": "my-job",
            "stage": 0,
            "step": 1,
            "partitions": 2,
            "sample": 0,
            "bytes": written,
            "execution": "my-job",
        }
    ]


def test_what_mappers_need_to_know_reaches_them(cloud: Cloud) -> None:
    cloud.buckets = {"data": {"in/a.csv": 5}}
    options = {"maxBadRecords": 7, "maxRecordBytes": 1000, "partitions": 3, "params": {"gap": 30}}
    cloud.run(name="my-job", input={"uri": "s3://data/in/", "format": "csv"}, **options)
    assert cloud.maps == [
        {
            "id": "my-job",
            "execution": "my-job",
            "stage": 0,
            "task": 0,
            "job": "wordcount",
            "format": "csv",
            "input": {"number": 0},
            "sample": 0,
            "boundaries": None,
            "code": "c0de",
            "resume": False,
            "bucket": "data",
            "pieces": [{"key": "in/a.csv", "etag": ETAG.strip('"'), "start": 0, "end": 5}],
            **options,
        }
    ]

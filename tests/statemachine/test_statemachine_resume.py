"""Jobs that are continued by another execution, and what is deleted behind them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from mapreduce.receipts import CHECKED
from tests.statemachine.stub_cloud import Cloud, Event, WorkerError, objects

# ---- resume ----------------------------------------------------------------------------------------------


def test_an_execution_that_resumes_goes_on_in_the_jobs_own_folder(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(2, suffix=".gz")}
    outcome = cloud.run(name="second", resume="first", splitBytes=1000)
    assert outcome.status == "SUCCEEDED", outcome.cause
    told = [event for event in cloud.events if "withdraw" not in event]
    assert {event["id"] for event in told} == {"first"}
    assert all(event["resume"] for event in told if "publish" not in event)
    assert outcome.output["id"] == "first"
    assert outcome.output["result"] == ["s3://jobs/jobs/first/stage-0/result/part-00000.csv"]


def test_a_job_that_is_not_resumed_says_so_to_its_workers(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run()
    assert [event["resume"] for event in cloud.events if "publish" not in event] == [False] * 3
    assert "reused" not in str(outcome.output)


def test_reused_tasks_are_counted_and_their_books_are_kept(cloud: Cloud) -> None:
    def mapper(event: Event) -> Any:
        return cloud.map(event) | {"reused": True} if event.get("task", 0) > 0 else None

    cloud.mapper = mapper

    cloud.reducer = lambda event: (
        cloud.reduce(event) | {"reused": True} if event.get("step") == 1 and "final" in event else None
    )
    cloud.buckets = {"data": objects(4, suffix=".gz")}
    outcome = cloud.run(resume="first", splitBytes=1000, fanIn=2)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert [step.get("reused", 0) for step in outcome.output["steps"]] == [3, 2, 0]
    assert [step["recordsIn"] for step in outcome.output["steps"]] == [4000, 4000, 4000]


def test_a_plan_holds_what_outputs_follow_from_and_nothing_else(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(1)}
    plans = []
    for options in (
        {},
        {"concurrency": 1, "maxBadRecords": 9, "maxRecordBytes": 10**6, "speculate": 60, "resume": "job-1"},
        {"keepIntermediates": True},
        {"partitions": 2},
        {"splitBytes": 10},
        {"fanIn": 9},
        {"output": "jsonl"},
        {"params": {"k": 1}},
        {"input": "s3://data/in/00000.csv"},
    ):
        cloud.events.clear()
        assert cloud.run(**options).status == "SUCCEEDED"
        asked = next(event for event in cloud.events if "check" in event)
        plans.append(asked["plan"] | {name: asked[name] for name in CHECKED})
    assert plans[0] == plans[1] == plans[2]
    assert all(plan != plans[0] for plan in plans[3:])


@pytest.mark.parametrize("options", [{}, {"resume": "first"}])
def test_each_wave_is_checked_before_it_is_mapped(cloud: Cloud, options: dict[str, Any]) -> None:
    cloud.buckets = {"data": objects(1100, suffix=".gz"), "other": {"x": 5}}
    outcome = cloud.run(input=["s3://data/in/", "s3://other/"], splitBytes=1000, concurrency=32, **options)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert len(cloud.waves) > 1
    assert [wave["last"] for wave in cloud.waves] == [False] * (len(cloud.waves) - 1) + [True]
    assert [wave["task"] for wave in cloud.waves[1:]] == list(
        itertools.accumulate(len(wave["wave"]) for wave in cloud.waves[:-1])
    )
    told = [batch for wave in cloud.waves for batch in wave["wave"]]
    assert [batch["pieces"] for batch in told] == [event["pieces"] for event in cloud.maps]
    assert {wave["resume"] for wave in cloud.waves} == {bool(options)}
    assert {tuple(wave["buckets"]) for wave in cloud.waves} == {("data", "other")}


def test_reducers_know_by_a_digest_what_was_mapped(cloud: Cloud) -> None:
    digests = set()
    for contents in (objects(4), objects(5), {"in/other": 1000}):
        cloud.buckets = {"data": contents}
        cloud.events.clear()
        assert cloud.run(splitBytes=1000).status == "SUCCEEDED"
        [digest] = {event["mappedInput"] for event in cloud.reduces}
        digests.add(digest)
    assert len(digests) == 3


def test_a_large_query_fits_a_check_once_and_not_twice(cloud: Cloud) -> None:
    columns = {f"column_{number:05d}_of_a_wide_table": "VARCHAR" for number in range(3500)}
    source = {"uri": "s3://data/in/", "columns": columns}
    cloud.buckets = {"data": objects(1)}
    assert len(json.dumps(columns)) > 140_000
    outcome = cloud.run(input=source)
    assert outcome.status == "SUCCEEDED", outcome.cause


@pytest.mark.parametrize("resume", ["", "a/b", 7, ["first"], "x" * 81])
def test_a_wrong_name_is_refused(cloud: Cloud, resume: Any) -> None:
    outcome = cloud.run(resume=resume)
    assert outcome.error == "InvalidInput"
    assert "resume: got" in str(outcome.cause)
    assert cloud.events == []


def test_a_stage_cannot_be_resumed_by_itself(cloud: Cloud) -> None:
    outcome = cloud.execute({"input": "s3://data/in/", "stages": [{"job": "a", "resume": "first"}]})
    assert "stages[0].resume: unknown field" in str(outcome.cause)


# ---- intermediates ---------------------------------------------------------------------------------------

OWN = "jobs/job-1/stage-0/"
KEPT = [
    f"{OWN}result/part-00000.csv",
    f"{OWN}rejects/0.jsonl",
    f"{OWN}errors/map/0.json",
    "jobs/job-10/stage-0/map/0",
]
UNWANTED = [
    f"{OWN}{name}"
    for name in ("map/0", "step-1/0/0", "receipts/plan.json", "times/map-0/1-0-0", "sample/result/p")
]


@pytest.fixture
def written(cloud: Cloud) -> Cloud:
    """A cloud in which a job has written all kinds of objects."""
    cloud.buckets = {"data": objects(1), "jobs": dict.fromkeys([*KEPT, *UNWANTED], 1)}
    return cloud


def test_intermediates_go_when_the_job_succeeds_if_they_are_not_to_be_kept(written: Cloud) -> None:
    outcome = written.run(keepIntermediates=False)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert sorted(written.buckets["jobs"]) == sorted(KEPT)
    assert outcome.output["warnings"] == []


@pytest.mark.parametrize("options", [{}, {"keepIntermediates": True}, {"keepIntermediates": None}])
def test_else_they_stay_until_they_expire(written: Cloud, options: dict[str, Any]) -> None:
    assert written.run(**options).status == "SUCCEEDED"
    assert written.deleted == []
    assert [request for request in written.listed if request["Bucket"] == "jobs"] == []


def test_a_job_that_fails_keeps_them_to_be_resumed(written: Cloud) -> None:
    def reducer(event: Event) -> None:
        raise WorkerError("JobFailed", "no")

    written.reducer = reducer
    assert written.run(keepIntermediates=False).status == "FAILED"
    assert written.deleted == []


def test_however_many_there_are(cloud: Cloud) -> None:
    keys = [f"{OWN}map/{number}" for number in range(1200)] + [
        f"{OWN}result/part-{n:05d}.csv" for n in range(600)
    ]
    cloud.buckets = {"data": objects(1), "jobs": dict.fromkeys(keys, 1)}
    outcome = cloud.run(keepIntermediates=False)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert len(cloud.deleted) == 1200
    assert cloud.largest_variable(outcome) < 256 * 1024
    assert len([request for request in cloud.listed if request["Bucket"] == "jobs"]) == 8


def test_what_cannot_be_deleted_is_a_warning_and_no_failure(written: Cloud) -> None:
    delete = written.delete_objects

    def refuse_one(Bucket: str, Delete: Event) -> dict[str, Any]:  # noqa: N803
        written.buckets[Bucket].pop(Delete["Objects"][0]["Key"])
        return delete(Bucket, Delete)

    written.delete_objects = refuse_one  # type: ignore[method-assign]
    outcome = written.run(keepIntermediates=False)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert outcome.output["warnings"] == [
        "1 intermediates could not be deleted, and expire by themselves: Access Denied"
    ]
    written.denied = {"jobs"}
    outcome = written.run(keepIntermediates=False)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert "intermediates could not be listed" in outcome.output["warnings"][0]


def test_a_wrong_wish_is_refused(cloud: Cloud) -> None:
    outcome = cloud.run(keepIntermediates="no")
    assert outcome.error == "InvalidInput"
    assert "keepIntermediates: got no; give true or false" in str(outcome.cause)

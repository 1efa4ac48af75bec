"""What becomes of a job when something fails: how soon it stops, what it says, what is tried again."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from marla.local import aborts, interpreter
from marla.local.interpreter import Outcome
from tests.statemachine.stub_cloud import Cloud, Event, Worker, WorkerError, objects, service_error

THRESHOLD = "States.ExceedToleratedFailureThreshold"


class Attempts:
    """A worker that fails the first times, and counts how often each task was tried."""

    def __init__(self, error: Callable[[], Exception], failures: int, task: int = 0) -> None:
        self._error, self._failures, self._task = error, failures, task
        self.of: Counter[int] = Counter()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        if "task" not in event:
            return
        with self._lock:
            self.of[event["task"]] += 1
            attempt = self.of[event["task"]]
        if event["task"] == self._task and attempt <= self._failures:
            raise self._error()


def failing_task(task: int, error: str, message: str, step: int | None = None) -> Worker:
    """A worker that fails for one task (of one step, if it is a reducer)."""

    def worker(event: Event) -> None:
        if event.get("task") == task and event.get("step") == step:
            raise WorkerError(error, message)

    return worker


def failed_children(outcome: Outcome) -> list[tuple[str | None, str | None]]:
    children = [child for run in outcome.map_runs for child in run.children]
    return [(child.error, child.cause) for child in children if child.status == "FAILED"]


def assert_published_nothing(cloud: Cloud) -> None:
    assert cloud.publishes == []


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make retries and Wait states take no time, and return how long they would have waited."""
    interpreter.install()  # which puts in place what is replaced here
    waited: list[float] = []
    monkeypatch.setattr(aborts, "wait", lambda state, env, wait_seconds: waited.append(wait_seconds))
    monkeypatch.setattr(WaitFunction, "_wait_interval", aborts.wait)
    return waited


def test_a_mapper_that_fails_fails_the_job(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(5, suffix=".gz")}
    cloud.mapper = failing_task(2, "BadRecord", "in/00002.gz, byte 12: not UTF-8")
    outcome = cloud.run(splitBytes=1000)
    assert (outcome.status, outcome.error) == ("FAILED", THRESHOLD)
    [(error, cause)] = failed_children(outcome)
    assert error == "BadRecord"
    assert "in/00002.gz, byte 12: not UTF-8" in str(cause)
    assert cloud.reduces == []
    assert_published_nothing(cloud)


@pytest.mark.parametrize("step", [1, 2])
def test_a_reducer_that_fails_fails_the_job(cloud: Cloud, step: int) -> None:
    cloud.buckets = {"data": objects(8, suffix=".gz")}
    cloud.reducer = failing_task(1, "JobError", "sum: unsupported operand", step)
    outcome = cloud.run(splitBytes=1000, fanIn=2)
    assert (outcome.status, outcome.error) == ("FAILED", THRESHOLD)
    [(error, cause)] = failed_children(outcome)
    assert error == "JobError"
    assert "sum: unsupported operand" in str(cause)
    assert max(event["step"] for event in cloud.reduces) == step
    assert_published_nothing(cloud)


def test_after_a_failure_no_other_task_is_started(cloud: Cloud) -> None:
    def worker(event: Event) -> None:
        if event.get("task") == 3:
            raise WorkerError("BadRecord", "first")
        time.sleep(0.01)  # a worker takes some time

    cloud.mapper = worker
    cloud.buckets = {"data": objects(100, suffix=".gz")}
    outcome = cloud.run(splitBytes=1000, concurrency=2)
    assert outcome.error == THRESHOLD
    assert len(cloud.maps) <= 8
    assert len(failed_children(outcome)) == 1


def test_a_failure_in_the_first_wave_plans_no_second(cloud: Cloud) -> None:
    cloud.buckets = {"data": {f"in/{'k' * 1000}{number:05d}": 10 for number in range(300)}}
    cloud.mapper = failing_task(0, "BadRecord", "no")
    outcome = cloud.run()
    assert outcome.error == THRESHOLD
    assert cloud.listed[-1].get("StartAfter", "") < f"in/{'k' * 1000}00180"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TooManyRequestsException", 429),
        ("ServiceException", 500),
        ("ClientExecutionTimeoutException", 408),
    ],
)
def test_transient_errors_of_lambda_are_tried_again_in_the_one_task(
    cloud: Cloud, waits: list[float], code: str, status: int
) -> None:
    attempts = Attempts(lambda: service_error(code, "try later", status), failures=2, task=1)
    cloud.mapper = attempts
    cloud.buckets = {"data": objects(4, suffix=".gz")}
    outcome = cloud.run(splitBytes=1000)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert attempts.of == {0: 1, 1: 3, 2: 1, 3: 1}
    assert len(outcome.map_runs[0].children) == 4
    assert len(waits) == 2


@pytest.mark.parametrize("phase", ["mapper", "reducer"])
def test_storage_that_is_unavailable_is_tried_again(cloud: Cloud, waits: list[float], phase: str) -> None:
    attempts = Attempts(lambda: WorkerError("StorageUnavailable", "503 Slow Down"), failures=6)
    setattr(cloud, phase, attempts)
    cloud.buckets = {"data": objects(2, suffix=".gz")}
    outcome = cloud.run(splitBytes=1000)
    assert outcome.status == "SUCCEEDED", outcome.cause
    assert attempts.of[0] == 7
    # Each wait is anything up to twice the one before: many tasks do not come back all at once.
    assert all(0 <= wait <= 2**number for number, wait in enumerate(waits))
    assert len(set(waits)) == 6


@pytest.mark.parametrize("phase", ["mapper", "reducer"])
def test_an_error_that_does_not_pass_ends_the_job_after_seven_attempts(
    cloud: Cloud, waits: list[float], phase: str
) -> None:
    attempts = Attempts(lambda: service_error("ServiceException", "try later", 500), failures=1000)
    setattr(cloud, phase, attempts)
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run()
    assert outcome.error == THRESHOLD
    assert [error for error, _ in failed_children(outcome)] == ["Lambda.ServiceException"]
    assert attempts.of[0] == 7
    assert_published_nothing(cloud)


def test_a_throttled_task_waits_long_for_a_place_but_never_long_at_once(
    cloud: Cloud, waits: list[float]
) -> None:
    attempts = Attempts(lambda: service_error("TooManyRequestsException", "try later", 429), failures=60)
    cloud.mapper = attempts
    cloud.buckets = {"data": objects(1)}
    assert cloud.run().status == "SUCCEEDED"
    assert attempts.of[0] == 61
    assert max(waits) <= 30
    assert sum(waits) > 300


def test_a_throttled_mapper_is_tried_again_after_a_real_wait(cloud: Cloud) -> None:
    # As it is, with no time taken out: up to a second.
    attempts = Attempts(lambda: service_error("TooManyRequestsException", "Rate exceeded", 429), failures=1)
    cloud.mapper = attempts
    cloud.buckets = {"data": objects(1)}
    assert cloud.run().status == "SUCCEEDED"
    assert attempts.of[0] == 2


@pytest.mark.parametrize(
    "error",
    [
        lambda: WorkerError("BadRecord", "no"),
        lambda: WorkerError("JobError", "no"),
        lambda: WorkerError("Sandbox.Timedout", "Task timed out after 900.00 seconds"),
        lambda: WorkerError("Runtime.OutOfMemory", "signal: killed"),
        lambda: service_error("ResourceNotFoundException", "Function not found", 404),
    ],
    ids=["bad-record", "job-error", "timeout", "out-of-memory", "no-function"],
)
@pytest.mark.parametrize("phase", ["mapper", "reducer"])
def test_errors_that_would_come_again_are_not_tried_again(
    cloud: Cloud, waits: list[float], phase: str, error: Callable[[], Exception]
) -> None:
    attempts = Attempts(error, failures=1000)
    setattr(cloud, phase, attempts)
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run()
    assert outcome.error == THRESHOLD
    assert attempts.of[0] == 1
    assert waits == []
    assert_published_nothing(cloud)


def test_a_publishing_that_is_throttled_is_tried_again(cloud: Cloud, waits: list[float]) -> None:
    def reducer(event: Event) -> None:
        if "publish" in event and len(cloud.publishes) == 1:
            raise WorkerError("StorageUnavailable", "503 Slow Down")

    cloud.reducer = reducer
    cloud.buckets = {"data": objects(1)}
    assert cloud.run().status == "SUCCEEDED"
    assert len(cloud.publishes) == 2
    assert len(waits) == 1


def test_a_publishing_that_fails_fails_the_job(cloud: Cloud) -> None:
    def reducer(event: Event) -> None:
        if "publish" in event:
            raise WorkerError("ResultError", "part 3 is missing")

    cloud.reducer = reducer
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run()
    assert (outcome.status, outcome.error) == ("FAILED", "ResultError")
    assert "part 3 is missing" in str(outcome.cause)
    assert [event for event in cloud.events if "withdraw" in event] == [
        {"withdraw": True, "execution": "job-1", "id": "job-1", "stage": 0, "partitions": 1, "sample": 0}
    ]


def test_parts_that_cannot_be_withdrawn_are_told(cloud: Cloud) -> None:
    def reducer(event: Event) -> None:
        if "publish" in event:
            raise WorkerError("ResultError", "part 3 is missing")
        if "withdraw" in event:
            raise WorkerError("StorageRefused", "access denied")

    cloud.reducer = reducer
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run()
    assert (outcome.status, outcome.error) == ("FAILED", "ResultError")
    for told in ("part 3 is missing", "parts of a result may be left", "stage-0/result/", "access denied"):
        assert told in str(outcome.cause)


def test_an_unknown_job_is_refused_before_anything_is_listed(cloud: Cloud, waits: list[float]) -> None:
    def mapper(event: Event) -> None:
        if "check" in event:
            raise WorkerError("UnknownJob", "job: got wordcont; the jobs are sessions, wordcount")

    cloud.mapper = mapper
    cloud.buckets = {"data": objects(1)}
    outcome = cloud.run(job="wordcont")
    assert (outcome.status, outcome.error) == ("FAILED", "UnknownJob")
    assert "job: got wordcont; the jobs are sessions, wordcount" in str(outcome.cause)
    assert len(cloud.events) == 1
    assert cloud.listed == []
    assert waits == []


def test_a_check_that_is_throttled_is_tried_again(cloud: Cloud, waits: list[float]) -> None:
    errors: list[ClientError] = [service_error("TooManyRequestsException", "later", 429)]

    def mapper(event: Event) -> None:
        if "check" in event and errors:
            raise errors.pop()

    cloud.mapper = mapper
    cloud.buckets = {"data": objects(1)}
    assert cloud.run().status == "SUCCEEDED"
    assert [event for event in cloud.events if "check" in event] == [
        {
            "check": True,
            "id": "job-1",
            "stage": 0,
            "sample": 0,
            "resume": False,
            "job": "wordcount",
            "params": {},
            "output": None,
            "inputs": [{"bucket": "data", "prefix": "in/", "open": True, "splittable": True}],
            "partitions": 1,
            "partitioning": "hash",
            "plan": {"splitBytes": 64 << 20, "boundaries": None},
            "pipeline": None,
            "later": [],
        }
    ] * 2


def test_a_bucket_that_does_not_exist_is_named(cloud: Cloud, waits: list[float]) -> None:
    outcome = cloud.run(input="s3://no-such-bucket/in/")
    assert (outcome.status, outcome.error) == ("FAILED", "InputNotReadable")
    cause = str(outcome.cause)
    assert "the bucket no-such-bucket could not be listed" in cause
    assert "The specified bucket does not exist" in cause
    assert "InputBuckets" in cause
    assert cloud.maps == []


def test_a_bucket_that_may_not_be_read_is_named(cloud: Cloud, waits: list[float]) -> None:
    cloud.buckets, cloud.denied = {"data": objects(1)}, {"secret"}
    outcome = cloud.run(input=["s3://data/in/", "s3://secret/in/"])
    assert (outcome.status, outcome.error) == ("FAILED", "InputNotReadable")
    cause = str(outcome.cause)
    assert "the bucket secret could not be listed" in cause
    assert "Access Denied" in cause
    assert "InputBuckets" in cause
    assert cloud.maps == []


def test_a_listing_that_fails_once_is_tried_again(cloud: Cloud, waits: list[float]) -> None:
    cloud.buckets = {"data": objects(1)}
    listing, errors = cloud.list_objects_v2, [service_error("SlowDown", "Reduce your request rate", 503)]

    def list_objects_v2(**request: Any) -> dict[str, Any]:
        if errors:
            raise errors.pop()
        return listing(**request)

    cloud.list_objects_v2 = list_objects_v2  # type: ignore[method-assign]
    assert cloud.run().status == "SUCCEEDED"
    assert len(waits) == 1


OUTAGES = {
    "a refusal to work": service_error("SlowDown", "Reduce your request rate", 503),
    "an internal error": service_error("InternalError", "We encountered an internal error", 500),
    "no connection": EndpointConnectionError(endpoint_url="s3"),
}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("lasts", [8, 1000])
def test_s3_is_given_a_minute_to_list_and_not_taken_for_the_users_mistake(
    cloud: Cloud, waits: list[float], outage: str, lasts: int
) -> None:
    cloud.buckets = {"data": objects(1)}
    listing, tried = cloud.list_objects_v2, []

    def list_objects_v2(**request: Any) -> dict[str, Any]:
        tried.append(request)
        if len(tried) <= lasts:
            raise OUTAGES[outage]
        return listing(**request)

    cloud.list_objects_v2 = list_objects_v2  # type: ignore[method-assign]
    outcome = cloud.run()
    if lasts < 1000:
        assert outcome.status == "SUCCEEDED", outcome.cause
        assert [seconds for seconds in waits if seconds in {2, 4}] == [2, 4]
        return
    assert (outcome.status, outcome.error) == ("FAILED", "StorageUnavailable")
    assert "the bucket data could not be listed, in spite of several attempts: " in str(outcome.cause)
    assert "InputBuckets" not in str(outcome.cause)
    assert 60 < sum(waits) < 120


def test_a_bucket_that_is_refused_is_told_at_once(cloud: Cloud, waits: list[float]) -> None:
    cloud.denied = {"data"}
    assert cloud.run().error == "InputNotReadable"
    assert sum(waits) < 4


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("s3://data/nothing/", "s3://data/nothing/*"),
        ("s3://data/a.csv", "s3://data/a.csv"),
        ("s3://data/no*", "s3://data/no*"),
        (["s3://data/x/", "s3://other"], "s3://data/x/*"),
    ],
)
def test_no_input_at_all_is_an_error_that_says_where_was_looked(cloud: Cloud, uri: Any, named: str) -> None:
    cloud.buckets = {"data": {"a.csv.bak": 5, "nothing/": 0, "nothing/empty": 0}, "other": {}}
    outcome = cloud.run(input=uri)
    assert (outcome.status, outcome.error) == ("FAILED", "NoInput")
    assert f"under {named}. " in str(outcome.cause)
    assert cloud.maps == []


def rejecting(each: int) -> Callable[[Cloud], Worker]:
    """Mappers that could not read some records each."""

    def of(cloud: Cloud) -> Worker:
        return lambda event: cloud.map(event) | {"rejects": each} if "pieces" in event else None

    return of


def test_bad_records_are_counted_over_all_mappers(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(4, suffix=".gz")}
    cloud.mapper = rejecting(3)(cloud)
    outcome = cloud.run(name="my-job", splitBytes=1000, maxBadRecords=11)
    assert (outcome.status, outcome.error) == ("FAILED", "TooManyBadRecords")
    cause = str(outcome.cause)
    assert "12 records could not be read, and maxBadRecords allows 11" in cause
    assert "s3://jobs/jobs/my-job/stage-0/rejects/" in cause
    assert cloud.reduces == []


def test_as_many_bad_records_as_allowed_are_set_aside_and_counted(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(4, suffix=".gz")}
    cloud.mapper = rejecting(3)(cloud)
    outcome = cloud.run(splitBytes=1000, maxBadRecords=12)
    assert outcome.status == "SUCCEEDED"
    assert outcome.output["counters"]["rejects"] == 12


def test_bad_records_are_counted_over_all_waves_and_stop_the_next(cloud: Cloud) -> None:
    cloud.buckets = {"data": {f"in/{'k' * 1000}{number:05d}": 10 for number in range(400)}}
    cloud.mapper = rejecting(1)(cloud)
    outcome = cloud.run(maxBadRecords=4)
    assert outcome.error == "TooManyBadRecords"
    assert "5 records" in str(outcome.cause) or "6 records" in str(outcome.cause)
    assert cloud.listed[-1]["StartAfter"] < f"in/{'k' * 1000}00350"


def test_each_stage_may_have_its_bad_records(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(1), "jobs": {"jobs/job-1/stage-0/result/part-00000.csv": 10}}
    cloud.mapper = rejecting(2)(cloud)
    stages = [{"job": "a", "input": "s3://data/in/"}, {"job": "b"}]
    outcome = cloud.execute({"stages": stages, "maxBadRecords": 2})
    assert outcome.status == "SUCCEEDED"
    assert outcome.output["counters"]["rejects"] == 4


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("difference", [-1, 1])
def test_records_that_do_not_add_up_are_an_error_and_nothing_is_published(
    cloud: Cloud, step: int, difference: int
) -> None:
    def reducer(event: Event) -> Any:
        if event.get("step") != step or event["task"] != 0:
            return None
        counts = cloud.reduce(event)
        return counts | {"recordsIn": counts["recordsIn"] + difference}

    cloud.reducer = reducer
    cloud.buckets = {"data": objects(4, suffix=".gz")}
    outcome = cloud.run(splitBytes=1000, fanIn=2)
    assert (outcome.status, outcome.error) == ("FAILED", "RecordsLost")
    assert f"stage 0, step {step} read {4000 + difference} records where 4000 were written" in str(
        outcome.cause
    )
    assert cloud.reduces[-1]["step"] == step
    assert_published_nothing(cloud)

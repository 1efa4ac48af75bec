"""The record that each attempt at a task leaves."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_s3.client import S3Client

import mapper
import reducer
from mapreduce import invocation, worker
from mapreduce.errors import BadRecord, InvalidTask, StorageUnavailable
from mapreduce.invocation import Invocation
from mapreduce.record import RANGES, ObjectRange, TaskRecord
from mapreduce.storage import ObjectStore
from tests.unit.pipeline import INPUT, JOBS, map_event, piece, read_all, reduce_event

Event = dict[str, Any]
CHILD = "arn:aws:states:us-east-1:000000000000:execution:machine/Map:1234"
RECORDS = "jobs/job-1/stage-0/records/"


@pytest.fixture(autouse=True)
def function_environment(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Lambda gives the functions, in a new process, and an object to map."""
    monkeypatch.setenv("JOB_BUCKET", JOBS)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
    monkeypatch.setattr(Invocation, "_first", True)
    worker.store.cache_clear()
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"a b\na\n")
    yield
    worker.store.cache_clear()


def lambda_context(request: str = "request-1") -> Any:
    return SimpleNamespace(
        aws_request_id=request,
        log_stream_name="2026/11/21/[$LATEST]abc",
        get_remaining_time_in_millis=lambda: 60_000,
    )


def words(**others: Any) -> Event:
    return map_event("wordcount", [piece("words.txt", 0, 6)], **others)


def records(s3: S3Client) -> list[TaskRecord]:
    found = s3.list_objects_v2(Bucket=JOBS, Prefix=RECORDS).get("Contents", [])
    return [TaskRecord.from_json(json.loads(read_all(s3, each["Key"]))) for each in found]


def record_of(s3: S3Client) -> TaskRecord:
    (record,) = records(s3)
    return record


# ---- what is in it ---------------------------------------------------------------------------------------


def test_a_map_task_says_what_it_was_and_did(s3: S3Client) -> None:
    attempt = {"child": CHILD, "number": 2, "queued": "2026-11-21T12:00:00.500Z", "backup": True}
    before = time.time()
    counters = mapper.handler(words(task=7, execution="my-job", attempt=attempt), lambda_context())
    record = record_of(s3)
    assert (record.kind, record.place) == ("map", (0, False, 0, 0, 7))
    assert (record.execution, record.child, record.attempt, record.backup) == ("my-job", CHILD, 2, True)
    assert (record.request, record.log_stream) == ("request-1", "2026/11/21/[$LATEST]abc")
    assert record.queued == 1795262400.5
    assert record.output == "jobs/job-1/stage-0/map/7"
    assert record.ranges == (ObjectRange(INPUT, "words.txt", 0, 6),)
    told = (record.records_in, record.records_out, record.bytes_in, record.bytes_out, record.objects)
    assert told == tuple(
        counters[each] for each in ("recordsIn", "recordsOut", "bytesIn", "bytesOut", "objects")
    )
    assert told[:3] == (2, 2, 6)
    assert record.memory_mib == 1769
    assert 10 < record.peak_memory_mib < 10_000
    assert record.succeeded
    assert before - 0.01 <= record.started <= record.ended <= time.time() + 0.01


def test_the_times_of_a_task_are_in_their_order(s3: S3Client) -> None:
    mapper.handler(words(), lambda_context())
    reducer.handler(reduce_event("wordcount"), lambda_context("request-2"))
    for record in records(s3):
        assert record.first_byte is not None
        assert record.computed is not None
        assert record.written is not None
        assert record.started <= record.first_byte <= record.computed <= record.written <= record.ended


def test_a_reduce_task_says_which_it_was(s3: S3Client) -> None:
    mapper.handler(words(), lambda_context())
    reducer.handler(reduce_event("wordcount", execution="my-job"), lambda_context("request-2"))
    record = next(one for one in records(s3) if one.kind == "reduce")
    assert (record.step, record.partition, record.task, record.execution) == (1, 0, 0, "my-job")
    assert (record.records_in, record.records_out, record.ranges) == (2, 2, ())
    assert record.output == "jobs/job-1/stage-0/step-1/0/0"


def test_the_first_invocation_of_an_environment_is_a_cold_start_and_no_other(s3: S3Client) -> None:
    for number in range(3):
        mapper.handler(words(task=number), lambda_context())
    assert [record.cold_start for record in records(s3)] == [True, False, False]
    warm = [record for record in records(s3) if not record.cold_start]
    assert [record.init_seconds for record in warm] == [0, 0]


def test_a_check_takes_the_cold_start_upon_itself(s3: S3Client) -> None:
    mapper.handler({"check": True, "job": "wordcount", "params": {}, "output": None}, lambda_context())
    mapper.handler(words(), lambda_context())
    assert not record_of(s3).cold_start


def test_what_lambda_bills_is_the_time_of_the_task_and_of_a_cold_start(s3: S3Client) -> None:
    mapper.handler(words(), lambda_context())
    record = record_of(s3)
    exact = (record.ended - record.started + record.init_seconds) * 1000
    assert exact - 3 <= record.billed_ms <= exact + 3  # times are told in milliseconds


def test_requests_are_counted_as_they_are_sent(s3: S3Client) -> None:
    sent: list[str] = []
    client = worker.store()._client
    client.meta.events.register("before-send.s3", lambda event_name, **_: sent.append(event_name))
    mapper.handler(words(), lambda_context())
    reads = sum(name.endswith("GetObject") for name in sent)
    record = record_of(s3)
    assert (record.reads, record.writes) == (reads, len(sent) - reads)
    sent.clear()
    mapper.handler(words(task=1), lambda_context("request-2"))
    assert sum(one.reads + one.writes for one in records(s3) if one.task == 1) == len(sent)


def test_a_task_of_many_objects_names_the_first_of_them(s3: S3Client) -> None:
    for number in range(30):
        s3.put_object(Bucket=INPUT, Key=f"{number}.txt", Body=b"a\n")
    pieces = [piece(f"{number}.txt", 0, 2) for number in range(30)]
    mapper.handler(map_event("wordcount", pieces), lambda_context())
    assert len(record_of(s3).ranges) == RANGES
    assert record_of(s3).objects == 30


def test_a_record_expires_after_those_of_step_functions(s3: S3Client) -> None:
    mapper.handler(words(), lambda_context())
    (key,) = [each["Key"] for each in s3.list_objects_v2(Bucket=JOBS, Prefix=RECORDS)["Contents"]]
    tags = s3.get_object_tagging(Bucket=JOBS, Key=key)["TagSet"]
    assert tags == [{"Key": "marla", "Value": "record"}]


# ---- attempts that fail, or have nothing to do -----------------------------------------------------------


def test_an_attempt_that_fails_says_why_and_quotes_no_data(s3: S3Client) -> None:
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"\xff secret\n")
    with pytest.raises(BadRecord):
        mapper.handler(words(), lambda_context())
    record = record_of(s3)
    assert (record.error, record.succeeded, record.records_in) == ("BadRecord", False, 0)
    assert f"s3://{INPUT}/words.txt at byte 0" in record.message
    assert "secret" not in json.dumps(record.to_json())
    assert record.computed is None
    assert record.ended >= record.started


def test_each_attempt_at_a_task_leaves_a_record_of_its_own(s3: S3Client) -> None:
    s3.delete_object(Bucket=INPUT, Key="words.txt")
    for number in range(2):
        with pytest.raises(Exception, match="no longer there"):
            mapper.handler(words(attempt={"number": number}), lambda_context(f"request-{number}"))
    s3.put_object(Bucket=INPUT, Key="words.txt", Body=b"a b\na\n")
    mapper.handler(words(attempt={"number": 2}), lambda_context("request-2"))
    found = [(record.attempt, record.error) for record in records(s3)]
    assert found == [(0, "InputNotReadable"), (1, "InputNotReadable"), (2, "")]


def test_a_task_that_was_done_before_says_so(s3: S3Client) -> None:
    mapper.handler(words(execution="first"), lambda_context())
    mapper.handler(words(execution="second", resume=True), lambda_context("request-2"))
    found = {record.execution: (record.reused, record.records_in) for record in records(s3)}
    assert found == {"first": (False, 2), "second": (True, 2)}
    assert [record.first_byte for record in records(s3) if record.reused] == [None]


def test_a_record_that_cannot_be_written_fails_no_task(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = ObjectStore.write

    def refuse(self: ObjectStore, bucket: str, key: str, **others: Any) -> Any:
        if "/records/" in key:
            raise StorageUnavailable("no answer")
        return write(self, bucket, key, **others)

    monkeypatch.setattr(ObjectStore, "write", refuse)
    assert mapper.handler(words(), lambda_context())["recordsIn"] == 2
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert logged[0] == {"output": "jobs/job-1/stage-0/map/0", "recordNotWritten": "StorageUnavailable"}


def test_a_record_that_cannot_be_made_fails_no_task(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much")
    assert mapper.handler(words(), lambda_context())["recordsIn"] == 2
    assert json.loads(capsys.readouterr().err.splitlines()[0])["recordNotWritten"] == "ValueError"
    assert records(s3) == []


@pytest.mark.parametrize("seconds_left", [1.2, 60])
def test_a_record_that_takes_its_time_is_not_waited_for(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seconds_left: float
) -> None:
    write, over = ObjectStore.write, threading.Event()

    def hang(self: ObjectStore, bucket: str, key: str, **others: Any) -> Any:
        if "/records/" in key:
            over.wait(60)
        return write(self, bucket, key, **others)

    monkeypatch.setattr(ObjectStore, "write", hang)
    monkeypatch.setattr(invocation, "PATIENCE", 0.3)
    context = lambda_context()
    context.get_remaining_time_in_millis = lambda: seconds_left * 1000
    began = time.monotonic()
    assert mapper.handler(words(), context)["recordsIn"] == 2
    over.set()
    assert time.monotonic() - began < 5
    assert json.loads(capsys.readouterr().err.splitlines()[0])["recordNotWritten"] == "TooLate"


def test_a_clock_that_is_set_back_makes_no_time_negative(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(2_000_000_000, 1_000_000_000, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(times)))
    mapper.handler(words(), lambda_context())
    record = record_of(s3)
    assert 0 <= record.seconds < 60
    assert record.first_byte is not None
    assert record.written is not None
    assert record.started <= record.first_byte <= record.written <= record.ended
    assert record.billed_ms >= 1


def test_an_invocation_by_hand_leaves_one_too(s3: S3Client) -> None:
    mapper.handler(words(), None)
    record = record_of(s3)
    assert (record.execution, record.child, record.attempt, record.queued) == ("", "", 0, None)
    assert len(record.request) == 36


@pytest.mark.parametrize(
    ("attempt", "field"),
    [
        ({"number": -1}, "number"),
        ({"backup": "no"}, "backup"),
        ({"queued": "noon"}, "queued"),
        ("x", "attempt"),
    ],
)
def test_an_attempt_that_makes_no_sense_is_refused(attempt: Any, field: str) -> None:
    with pytest.raises(InvalidTask, match=f"^{field}: got "):
        mapper.handler(words(attempt=attempt), lambda_context())


# ---- as JSON ---------------------------------------------------------------------------------------------

times = st.one_of(st.none(), st.floats(0, 2e9).map(lambda value: round(value, 3)))
of_types = {"str": st.text(max_size=9), "int": st.integers(0, 10**12), "bool": st.booleans()}
of_types |= {"float": st.floats(0, 2e9).map(lambda value: round(value, 3)), "float | None": times}
ranges = st.builds(ObjectRange, st.text(), st.text(), st.integers(0), st.integers(0))
of_types["tuple[ObjectRange, ...]"] = st.lists(ranges, max_size=3).map(tuple)
task_records = st.builds(
    TaskRecord, **{field.name: of_types[str(field.type)] for field in dataclasses.fields(TaskRecord)}
)


@given(task_records)
def test_what_is_written_is_what_is_read(record: TaskRecord) -> None:
    assert TaskRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_what_a_later_version_adds_is_passed_over(s3: S3Client) -> None:
    mapper.handler(words(), lambda_context())
    record = record_of(s3)
    later = record.to_json() | {"energy": 5}
    later["ranges"] = [one | {"version": 5} for one in later["ranges"]]
    assert TaskRecord.from_json(later) == record


@pytest.mark.parametrize("name", sorted(field.name for field in dataclasses.fields(TaskRecord)))
def test_a_field_of_another_type_makes_no_record(name: str) -> None:
    content = {
        "kind": "map",
        "stage": 0,
        "step": 0,
        "partition": 0,
        "task": 0,
        "started": 1,
        "ended": 2.5,
        "output": "o",
        "queued": None,
    }
    assert TaskRecord.from_json(content).seconds == 1.5
    first, *others = name.split("_")
    camel = first + "".join(other.title() for other in others)
    with pytest.raises(TypeError, match=f"^{camel}: is of the type dict$"):
        TaskRecord.from_json(content | {camel: {}})


@pytest.mark.parametrize(
    "one",
    [
        "bucket",
        {"bucket": "b", "key": "k", "start": 0},
        {"bucket": "b", "key": None, "start": 0, "end": 1},
        {"bucket": "b", "key": "k", "start": 0, "end": "1"},
        {"bucket": "b", "key": "k", "start": True, "end": 1},
    ],
    ids=["text", "incomplete", "no key", "text for a number", "truth for a number"],
)
def test_a_range_of_other_types_makes_no_record(s3: S3Client, one: Any) -> None:
    mapper.handler(words(), lambda_context())
    with pytest.raises((TypeError, KeyError)):
        TaskRecord.from_json(record_of(s3).to_json() | {"ranges": [one]})


def test_a_record_is_small(s3: S3Client) -> None:
    mapper.handler(words(execution="x" * 80, attempt={"child": CHILD}), lambda_context())
    (size,) = [each["Size"] for each in s3.list_objects_v2(Bucket=JOBS, Prefix=RECORDS)["Contents"]]
    assert size < 1200

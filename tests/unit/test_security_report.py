"""An error leaves a worker without the data that it quotes, which an object of the job's has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from mapreduce import errors
from mapreduce.errors import (
    BadKey,
    BadRecord,
    InputNotReadable,
    InternalError,
    JobFailed,
    MarlaError,
    StorageUnavailable,
    kind_of,
)
from mapreduce.events import MapTask, ReduceTask
from mapreduce.formats import Format, Text, format_from
from mapreduce.layout import error_key
from mapreduce.pieces import Block
from mapreduce.report import reported
from mapreduce.storage import ObjectStore
from marla import details
from marla.stack import Stack
from tests.unit.pipeline import JOBS, map_event, piece, reduce_event

MARK = "tell-nobody-7f3a"
MAP = MapTask.from_event(map_event("wordcount", [piece("x", 0, 1)], task=3))
REDUCE = ReduceTask.from_event(reduce_event("wordcount", step=2, partition=1, task=4))
KEY = "jobs/job-1/stage-0/errors/map/3.json"


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """The error as it is when it was raised, from a cause if there is one."""
    error.__cause__ = cause
    return error


def test_the_object_lies_where_the_tasks_output_would() -> None:
    assert error_key(MAP.prefix, MAP.output) == KEY
    assert error_key(REDUCE.prefix, REDUCE.output) == "jobs/job-1/stage-0/errors/step-2/1/4.json"


def test_what_an_error_quotes_is_in_the_object_and_not_in_what_is_raised(s3: Any) -> None:
    cause = raised(ValueError(f"invalid literal: {MARK!r}"))
    message = f"s3://b/x at byte 7: ValueError: {cause}; correct it"
    error = raised(BadRecord(message, without_data="s3://b/x at byte 7: ValueError; correct it"), cause)
    found = reported(error, MAP, ObjectStore(s3), JOBS)
    assert type(found) is BadRecord
    assert str(found) == (
        "s3://b/x at byte 7: ValueError; correct it. What it says of the data is in "
        f"s3://{JOBS}/{KEY}, which `marla` shows"
    )
    content = json.loads(s3.get_object(Bucket=JOBS, Key=KEY)["Body"].read())
    assert content["error"] == "BadRecord"
    assert content["message"] == message
    assert content["traceback"].count(MARK) == 2  # its own and what it comes from
    assert s3.get_object_tagging(Bucket=JOBS, Key=KEY)["TagSet"] == [
        {"Key": "marla", "Value": "intermediate"}
    ]


def test_an_error_that_quotes_nothing_is_raised_as_it_is(s3: Any) -> None:
    for error in (InputNotReadable("s3://b/x: access denied"), StorageUnavailable("s3://b/x: SlowDown")):
        assert reported(error, MAP, ObjectStore(s3), JOBS) is error
    message = f"map of X raised NameError: name {MARK!r} is not defined"
    assert str(reported(JobFailed(message, without_data=message), MAP, ObjectStore(s3), JOBS)) == message
    assert "Contents" not in s3.list_objects_v2(Bucket=JOBS)


def test_an_error_of_ours_that_nobody_thought_of_is_a_bug_and_says_where(s3: Any) -> None:
    try:
        MapTask.from_event({"id": "x", "pieces": None, "stage": {MARK: 1}.__getitem__("other")})
    except KeyError as error:
        found = reported(error, MAP, ObjectStore(s3), JOBS)
    assert type(found) is InternalError
    assert str(found).startswith(
        "MARLA itself failed, which is a bug: please report it: KeyError. What it says"
    )


def test_where_nothing_can_be_written_the_error_is_still_the_tasks_own(s3: Any) -> None:
    for code, status, named in (
        ("AccessDenied", 403, "StorageRefused"),
        ("SlowDown", 503, "StorageUnavailable"),
    ):
        with Stubber(s3) as stub:
            stub.add_client_error("put_object", code, "no", status)
            found = reported(BadKey(f"key {MARK!r}: is no key"), MAP, ObjectStore(s3), JOBS)
        assert type(found) is BadKey
        assert str(found) == (
            "A key that cannot be grouped, sorted and partitioned. What it says of the data could not be "
            f"written ({named})"
        )


CLASSES = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, MarlaError)]
SAFE = {
    # Of the job, its options, the names of objects, sizes and permissions.
    *("MarlaError", "InvalidTask", "UnknownJob", "InvalidParameter", "InvalidQuery", "InputNotReadable"),
    *("InputChanged", "ResumeRefused", "CodeChanged", "BadObject", "RecordTooLong", "CorruptSegment"),
    *("RecordsLost", "OutOfMemory", "OutOfTime", "DiskFull", "OutputGone", "StorageRefused"),
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind.__name__))
def test_each_error_is_either_known_to_quote_no_data_or_says_nothing_that_it_is_not_told_to(
    kind: type[MarlaError],
) -> None:
    error = kind(f"it is {MARK}")
    assert (MARK in error.without_data) == (kind.__name__ in SAFE)
    assert error.without_data
    assert kind(f"it is {MARK}", without_data="s3://b/x: no").without_data == "s3://b/x: no"
    assert str(error) == f"it is {MARK}"


def test_a_kind_of_error_is_its_class_and_its_line_in_a_jobs_file() -> None:
    assert kind_of(raised(ValueError(MARK))) == "ValueError"
    error = raised(JobFailed(MARK), raised(ValueError(MARK)))
    assert isinstance(error, JobFailed)
    assert error.without_data == "The job's combine or reduce raised, for ValueError"


UNREADABLE = [
    (format_from({"type": "csv", "columns": ["a", "b"]}, Text()), f"{MARK}\n"),
    (format_from({"type": "csv"}, Text()), f'"{MARK}\n'),
    (format_from({"type": "csv"}, Text()), f'"a"{MARK}\n'),
    (format_from("jsonl", Text()), f"{MARK}\n"),
    (format_from("jsonl", Text()), f'{{"a": "{MARK}"\n'),
    (format_from("jsonl", Text()), f'"{MARK}" {MARK}\n'),
    (format_from("jsonl", Text()), f'"\\q{MARK}"\n'),
    (format_from("jsonl", Text()), f"[{'7' * 5000}]\n"),
    (format_from("jsonl", Text()), "[7.7777777e400]\n"),
    (format_from({"type": "fixed", "length": 100}, Text()), MARK),
]


@pytest.mark.parametrize(("format", "text"), UNREADABLE, ids=repr)
def test_a_format_says_what_is_wrong_with_a_record_without_quoting_it(format: Format, text: str) -> None:
    [reject] = format.parse(Block(0, text.encode())).rejects
    assert reject.reason
    assert MARK not in reject.reason
    assert "777" not in reject.reason


# ---- on the command line ---------------------------------------------------------------------------------


def stack(s3: Any) -> Stack:
    return Stack("marla", "us-east-1", "arn:aws:states:us-east-1:0:stateMachine:m", JOBS, lambda service: s3)


def test_the_whole_message_is_shown_to_those_who_may_read_it(s3: Any) -> None:
    found = reported(BadKey(f"key {MARK!r}: is no key"), REDUCE, ObjectStore(s3), JOBS)
    assert details.of(stack(s3), str(found)).message == f"key {MARK!r}: is no key"


def test_a_message_stays_as_it_is_where_there_is_no_more_to_show(s3: Any) -> None:
    told = "BadKey. What it says of the data is in s3://{}/{}, which `marla` shows"
    s3.put_object(Bucket=JOBS, Key="jobs/x/stage-0/errors/map/0.json", Body=b"[]")
    s3.put_object(Bucket=JOBS, Key="jobs/x/stage-0/errors/map/1.json", Body=b"no JSON")
    for message in (
        "s3://b/x: access denied",
        told.format(JOBS, "jobs/x/stage-0/errors/map/0.json"),
        told.format(JOBS, "jobs/x/stage-0/errors/map/1.json"),
        told.format(JOBS, "jobs/x/stage-0/errors/map/2.json"),
        told.format("another-bucket", "jobs/x/stage-0/errors/map/0.json"),
    ):
        assert details.of(stack(s3), message).message == message


def test_those_who_may_not_read_it_see_what_is_logged(s3: Any) -> None:
    message = f"BadKey. What it says of the data is in s3://{JOBS}/{KEY}, which `marla` shows"
    with Stubber(s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", "not you", 403)
        assert details.of(stack(s3), message).message == message
    with pytest.raises(ClientError):
        s3.get_object(Bucket=JOBS, Key=KEY)

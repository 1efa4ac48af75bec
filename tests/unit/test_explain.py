"""The probable cause of a failure: the first task that failed of itself, with all that tells of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mapreduce.formats import Fixed
from mapreduce.layout import record_key
from mapreduce.record import TaskRecord
from marla import items
from marla.errors import CloudError
from marla.explain import excerpt, search
from marla.explain.explanation import Explanation, Rejected
from tests.unit.failed_cloud import (
    ARN,
    GROUP,
    RUN,
    Events,
    FakeCloud,
    at_fail_state,
    cause_of,
    epoch,
    in_map,
    refusal,
)
from tests.unit.memory_s3 import MemoryS3, Stored

INPUT = b"good\nbad\nlast\n"
CAUSE = cause_of("s3://in/x.csv at byte 5: LineError: no; correct it")
PIECES: dict[str, Any] = {"bucket": "in", "pieces": [{"key": "x.csv", "start": 0, "end": 14, "etag": "e"}]}


def storage(**objects: bytes) -> MemoryS3:
    """An S3 with an object of input, and some in the job bucket."""
    s3 = MemoryS3()
    s3.objects["in", "x.csv"] = Stored(INPUT, {}, "")
    for key, data in objects.items():
        s3.objects["job-bucket", key] = Stored(data, {}, "")
    return s3


def explained(cloud: FakeCloud, *, local: bool = False, **options: Any) -> Explanation:
    found = search.explain(cloud.stack(local=local), ARN, **options)
    assert found is not None
    return found


def record(task: int, attempt: int = 0, **others: Any) -> tuple[str, bytes]:
    """A record of a map task's attempt: its key, and its content."""
    defaults: dict[str, Any] = {"kind": "map", "stage": 0, "step": 0, "partition": 0, "attempt": attempt}
    defaults |= {"started": epoch(2), "ended": epoch(3), "execution": "job-1", "request": "r"}
    defaults |= {"output": f"jobs/job-1/stage-0/map/{task}"}
    given = TaskRecord(task=task, **defaults | others)
    request = f"{given.request}-{attempt}-{given.backup}-{given.ended}"
    key = record_key(
        "jobs/job-1/stage-0/", given.output, given.execution, request, failed=not given.succeeded
    )
    return key, json.dumps(given.to_json()).encode()


# ---- which failure ---------------------------------------------------------------------------------------


def test_the_cause_is_the_first_task_that_failed() -> None:
    cloud = FakeCloud(storage())
    cloud.fail("Runtime.ExitError", stopped=7, task=1)
    first = cloud.fail("BadRecord", CAUSE, stopped=4, task=9, **PIECES)
    cloud.fail("BadRecord", CAUSE, stopped=6, task=2)
    found = explained(cloud)
    assert (found.failure.name, found.failure.task, found.child) == ("BadRecord", 9, first)
    assert (found.failure.object, found.failure.offset) == ("s3://in/x.csv", 5)
    assert found.others == {"BadRecord": 1, "Runtime.ExitError": 1}
    assert found.reached == "Map: 3 of 12 tasks were done"
    assert found.seconds == 10


def test_the_first_task_is_found_on_whichever_page_it_is() -> None:
    cloud = FakeCloud(storage())
    cloud.page = 10
    for number in range(95):
        cloud.fail("BadRecord", CAUSE, stopped=50 + (number - 60) ** 2, task=number)
    found = explained(cloud)
    assert found.failure.task == 60
    assert found.others == {"BadRecord": search.LOOKED_AT, "": 94 - search.LOOKED_AT}
    assert cloud.requests["list_executions"] == 11  # pages of failed items, and one of those that timed out
    assert cloud.requests["describe_execution"] == 3 + search.LOOKED_AT  # one for whose job it is


@pytest.mark.parametrize("consequence", ["Race.Finished", "States.ExceedToleratedFailureThreshold"])
def test_what_ended_for_another_reason_is_not_the_cause(consequence: str) -> None:
    cloud = FakeCloud(storage())
    cloud.fail(consequence, "the other one has won", stopped=2, task=1)
    cloud.fail("BadRecord", CAUSE, stopped=4, task=9)
    found = explained(cloud)
    assert (found.failure.name, found.failure.task) == ("BadRecord", 9)
    assert found.others == {}


def test_an_item_that_timed_out_may_be_the_first() -> None:
    cloud = FakeCloud(storage())
    cloud.fail("", stopped=3, status="TIMED_OUT", task=4, events=[])
    cloud.fail("BadRecord", CAUSE, stopped=4, task=9)
    found = explained(cloud)
    assert (found.failure.name, found.failure.task) == ("TIMED_OUT", 4)


def test_items_that_are_not_listed_yet_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    cloud = FakeCloud(storage())
    cloud.late = 4  # twice, of two requests each
    cloud.fail("BadRecord", CAUSE)
    assert items.failed(
        cloud.stack(),
        RUN,
        is_certain=True,
        pause=waited.append,
    )
    assert waited == list(items.PAUSES[:2])


def test_only_as_many_pages_are_listed_as_are_wanted() -> None:
    cloud = FakeCloud(storage())
    cloud.page = 10
    arns = [cloud.fail("BadRecord", CAUSE, stopped=50 - number) for number in range(35)]
    found = items.listed(cloud.stack(), RUN, "FAILED", pages=2)
    assert [each.arn for each in found] == arns[:-21:-1]
    assert cloud.requests["list_executions"] == 2
    first = items.failed(cloud.stack(), RUN, is_certain=True, pages=2)
    assert [each.arn for each in first] == [each.arn for each in found]  # the last to start failed first


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_listing_that_is_refused_is_not_taken_for_express_items(code: str) -> None:
    cloud = FakeCloud(storage(**dict([record(3, error="BadRecord")])))
    cloud.fail("BadRecord", CAUSE)
    cloud.unlistable = code
    with pytest.raises(ClientError, match=code):
        explained(cloud)


def test_a_map_state_of_which_no_item_failed_has_the_error_of_its_own() -> None:
    cloud = FakeCloud(storage(), error="States.DataLimitExceeded", cause="too large")
    found = explained(cloud)
    assert (found.failure.name, found.failure.cause) == ("States.DataLimitExceeded", "too large")
    assert found.attempts == ()
    assert "256 KiB" in found.next[0]


def test_a_state_behind_the_maps_is_not_blamed_on_their_items() -> None:
    events = [*in_map(), {"id": 4, "type": "FailStateEntered", "timestamp": in_map()[0]["timestamp"]}]
    events[-1]["stateEnteredEventDetails"] = {"name": "Records lost"}
    cloud = FakeCloud(storage(), events, error="RecordsLost", cause="books do not balance")
    cloud.fail("BadRecord", CAUSE)
    found = explained(cloud)
    assert (found.failure.name, found.failure.state) == ("RecordsLost", "Records lost")
    assert cloud.requests["list_executions"] == 0


def test_what_the_coordinator_refuses_costs_two_requests() -> None:
    cloud = FakeCloud(
        storage(), at_fail_state("Invalid input"), error="InvalidInput", cause="job: got nothing"
    )
    found = explained(cloud)
    assert (found.failure.name, found.failure.state) == ("InvalidInput", "Invalid input")
    assert (found.attempts, found.log, found.excerpt, found.command) == ((), None, None, "")
    assert set(cloud.requests) == {"describe_execution"}


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_what_did_not_fail_has_no_explanation(status: str) -> None:
    assert search.explain(FakeCloud(status=status, output="{}").stack(), ARN) is None


def test_an_execution_that_is_not_known_is_an_error() -> None:
    with pytest.raises(CloudError, match="ExecutionDoesNotExist"):
        search.explain(FakeCloud().stack(), f"{ARN}-another")


def test_a_job_that_took_too_long_says_how_far_it_was() -> None:
    found = explained(FakeCloud(storage(), status="TIMED_OUT", error="", cause=""))
    assert (found.status, found.failure.name) == ("TIMED_OUT", "States.Timeout")
    assert "JobTimeout" in found.next[0]
    assert found.reached == "Map: 3 of 12 tasks were done"
    assert found.command == "marla run --resume job-1 --stack marla --region eu-west-1"


def test_a_stopped_job_says_who_stopped_it() -> None:
    cloud = FakeCloud(storage(), status="ABORTED", error="Interrupted", cause="Stopped from the command line")
    cloud.fail("BadRecord", CAUSE)
    found = explained(cloud)
    assert (found.failure.name, found.failure.cause) == ("Interrupted", "Stopped from the command line")


# ---- what the task left ----------------------------------------------------------------------------------


def test_attempts_are_told_by_their_records_or_else_by_the_history() -> None:
    events = Events()
    events.enter("Task", "Mapper", 1)
    events.attempt(1, 2, "Runtime.ExitError", cause_of("RequestId: 1 Error: killed"))
    events.attempt(3, 4, "BadRecord", CAUSE)
    cloud = FakeCloud()
    child = cloud.fail("BadRecord", CAUSE, task=3, events=events.events, **PIECES)
    left = record(3, 1, child=child, error="BadRecord", message="why", log_stream="s", started=epoch(3.1))
    others = record(3, 0, child="another's", error="BadRecord")
    cloud._s3 = storage(**dict([left, others, record(4, child=child)]))
    cloud.say("s", 3.5, "START RequestId: r Version: 1", "what it said")
    found = explained(cloud)
    assert [(each.number, each.error, each.recorded) for each in found.attempts] == [
        (1, "Runtime.ExitError", False),
        (2, "BadRecord", True),
    ]
    assert found.log is not None
    assert (found.log.group, found.log.stream, found.log.lines) == (GROUP, "s", ("what it said",))


def test_the_log_is_that_of_the_task_not_of_its_backup() -> None:
    events = Events()
    race = events.enter("Parallel", "Mapper race", 0)
    events.enter("Task", "First mapper", 1, previous=race)
    events.attempt(1, 4, "BadRecord", CAUSE)
    events.enter("Task", "Backup mapper", 2, previous=race)
    events.attempt(3, 5, "BadRecord", CAUSE)
    cloud = FakeCloud()
    child = cloud.fail("BadRecord", CAUSE, events=events.events)
    first = record(0, child=child, error="BadRecord", log_stream="first")
    backup = record(0, child=child, error="BadRecord", log_stream="backup", backup=True, ended=epoch(5))
    cloud._s3 = storage(**dict([first, backup]))
    cloud.say("first", 3, "of the first")
    cloud.say("backup", 4, "of the backup")
    found = explained(cloud)
    assert [each.backup for each in found.attempts] == [False, True]
    assert found.log is not None
    assert found.log.lines == ("of the first",)


def test_records_and_logs_that_cannot_be_read_hide_no_cause() -> None:
    class Refusing(MemoryS3):
        def get_object(self, **_: Any) -> Any:
            raise refusal("AccessDenied")

    s3 = Refusing()
    key, content = record(0, error="BadRecord")
    s3.objects["job-bucket", key] = Stored(content, {}, "")
    cloud = FakeCloud(s3)
    cloud.log_refusal = "AccessDeniedException"
    cloud.fail("BadRecord", CAUSE, **PIECES)
    found = explained(cloud)
    assert found.failure.name == "BadRecord"
    assert [each.recorded for each in found.attempts] == [False]
    assert found.log is not None
    assert "AccessDeniedException" in found.log.note
    assert found.excerpt is not None
    assert found.excerpt.note == "your credentials may not read the object"


def test_whatever_else_cannot_be_read_hides_no_cause_and_is_noted() -> None:
    cloud = FakeCloud(storage())
    cloud.fail("BadRecord", CAUSE, stopped=2, **PIECES)
    cloud.refused = cloud.fail("BadRecord", CAUSE, stopped=4, task=1)
    cloud.history_refusal = "ThrottlingException"
    found = explained(cloud)
    assert (found.failure.name, found.failure.offset) == ("BadRecord", 5)
    assert (found.attempts, found.others) == ((), {"": 1})
    assert found.excerpt is not None
    assert [line.text for line in found.excerpt.lines if line.bad] == ["bad"]
    assert [note.partition(" (")[0] for note in found.notes] == [
        "Not shown, for it could not be read: the history of its attempts",
        "Not shown, for it could not be read: the errors of other failed tasks",
    ]
    assert all("ThrottlingException" in note for note in found.notes)
    assert found.to_json()["notes"] == list(found.notes)


def test_the_lines_around_the_record_are_shown_and_that_the_object_has_changed() -> None:
    cloud = FakeCloud(storage())
    cloud.fail("BadRecord", CAUSE, **PIECES)
    found = explained(cloud).excerpt
    assert found is not None
    assert [(line.offset, line.text, line.bad) for line in found.lines] == [
        (0, "good", False),
        (5, "bad", True),
        (9, "last", False),
    ]
    assert found.note == excerpt.ANOTHER  # for the piece's ETag is another


@pytest.mark.parametrize(
    ("job", "format", "texts"),
    [
        ("terasort", None, ["12345", "67890"]),
        ("wordcount", {"type": "fixed", "length": 5}, ["12345", "67890"]),
        ("wordcount", None, ["1234567890"]),
        ("of-my-own", None, ["1234567890"]),
        ({"map": "SELECT 1"}, "csv", ["1234567890"]),
    ],
)
def test_records_of_a_fixed_length_are_shown_as_such(
    monkeypatch: pytest.MonkeyPatch, job: Any, format: Any, texts: list[str]
) -> None:
    monkeypatch.setattr("jobs.terasort.TeraSort.format", Fixed(5))
    s3 = storage()
    s3.objects["in", "x.csv"] = Stored(b"1234567890", {}, "")
    cloud = FakeCloud(s3)
    message = "s3://in/x.csv at byte 0: no"
    cloud.fail("BadRecord", cause_of(message), job=job, format=format, **PIECES)
    found = explained(cloud).excerpt
    assert found is not None
    assert [line.text for line in found.lines] == texts


def test_what_a_task_says_of_the_data_and_the_jobs_own_code_is_fetched() -> None:
    where = "s3://job-bucket/jobs/job-1/stage-0/errors/map/0.json"
    traceback = (
        "Traceback (most recent call last):\n"
        '  File "/var/task/mapreduce/map_task.py", line 9, in mapped\n    job.map(record)\n'
        '  File "/var/task/jobs/mine.py", line 3, in map\n    float(record)\n    ^^^^^^\n'
        "ValueError: could not convert 'x'\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/var/task/mapreduce/rejects.py", line 9, in add\n    raise BadRecord(x)\n'
        "mapreduce.errors.BadRecord: s3://in/x.csv at byte 5: ValueError\n"
    )
    kept = {"error": "BadRecord", "message": "s3://in/x.csv at byte 5: of x", "traceback": traceback}
    cloud = FakeCloud(storage(**{where.removeprefix("s3://job-bucket/"): json.dumps(kept).encode()}))
    message = (
        f"s3://in/x.csv at byte 5: ValueError. What it says of the data is in {where}, which `marla` shows"
    )
    cloud.fail("BadRecord", cause_of(message), **PIECES)
    found = explained(cloud)
    assert found.failure.cause == "s3://in/x.csv at byte 5: of x"
    assert found.traceback == (
        '  File "jobs/mine.py", line 3, in map',
        "    float(record)",
        "ValueError: could not convert 'x'",
    )


def test_records_that_were_set_aside_are_shown_where_they_are_too_many() -> None:
    lines = [
        {"object": "s3://in/x.csv", "offset": 5, "reason": f"reason {number}", "record": "bad"}
        for number in range(9)
    ]
    told = [f"{json.dumps(line)}\n".encode() for line in lines]
    folder = "jobs/job-1/stage-0/rejects/"
    s3 = storage(**{f"{folder}10.jsonl": b"".join(told), f"{folder}9.jsonl": b"".join(told[:2])})
    events = at_fail_state("Too many bad records")
    cloud = FakeCloud(s3, events, error="TooManyBadRecords", cause="11 records")
    found = explained(cloud)
    assert found.rejects[0] == Rejected("s3://in/x.csv", 5, "reason 0", "bad")
    assert [each.reason for each in found.rejects] == ["reason 0", "reason 1", "reason 0"]
    assert found.excerpt is not None
    assert [line.text for line in found.excerpt.lines if line.bad] == ["bad"]


def rejected(s3: MemoryS3, uri: str, offset: int, stage: int = 0) -> None:
    line = {"object": uri, "offset": offset, "reason": "why", "record": "bad"}
    key = f"jobs/job-1/stage-{stage}/rejects/0.jsonl"
    s3.objects["job-bucket", key] = Stored(f"{json.dumps(line)}\n".encode(), {}, "")


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ({"job": "terasort", "input": "s3://in/x.csv"}, ["12345", "67890"]),
        ({"stages": [{"job": "terasort"}, {"job": "top"}], "input": "s3://in/*"}, ["12345", "67890"]),
        (
            {
                "job": "wordcount",
                "input": ["s3://in/", {"uri": "s3://in/x", "format": {"type": "fixed", "length": 5}}],
            },
            ["12345", "67890"],
        ),
        ({"job": "terasort", "input": {"uri": "s3://in/x.csv", "format": "text"}}, ["1234567890"]),
        ({"job": "url-frequency", "input": "s3://in/"}, ["1234567890"]),
        ({"job": "of-my-own", "input": "s3://in/"}, ["1234567890"]),
        ({"sql": "SELECT 1", "input": "s3://in/"}, ["1234567890"]),
        ("nothing", ["1234567890"]),
    ],
)
def test_records_of_a_fixed_length_that_were_set_aside_are_shown_as_such(
    monkeypatch: pytest.MonkeyPatch, asked: Any, texts: list[str]
) -> None:
    monkeypatch.setattr("jobs.terasort.TeraSort.format", Fixed(5))
    s3 = storage()
    s3.objects["in", "x.csv"] = Stored(b"1234567890", {}, "")
    rejected(s3, "s3://in/x.csv", 0)
    events = at_fail_state("Too many bad records")
    found = explained(FakeCloud(s3, events, error="TooManyBadRecords", input=json.dumps(asked)))
    assert found.excerpt is not None
    assert [line.text for line in found.excerpt.lines] == texts


def test_where_what_was_set_aside_cannot_be_read_the_failure_is_told_all_the_same() -> None:
    class Refusing(MemoryS3):
        def get_object(self, **_: Any) -> Any:
            raise refusal("SlowDown")

    s3 = Refusing()
    rejected(s3, "s3://in/x.csv", 0)
    found = explained(FakeCloud(s3, at_fail_state("Too many bad records"), error="TooManyBadRecords"))
    assert (found.failure.name, found.rejects, found.excerpt) == ("TooManyBadRecords", (), None)
    assert [note for note in found.notes if "the records that were set aside" in note]


def test_a_worker_outside_a_map_run_has_attempts_too() -> None:
    events = Events()
    events.enter("Task", "Publish result", 1)
    for number in range(3):
        events.attempt(number, number + 0.5, "Runtime.ExitError", cause_of("RequestId: 1 Error: killed"))
    events.enter("Fail", "Result not published", 4)
    cause = cause_of("RequestId: 1 Error: killed")
    cloud = FakeCloud(storage(), events.events, error="Runtime.ExitError", cause=cause)
    cloud.say("s", 2.2, "START RequestId: 2", "killed")
    found = explained(cloud)
    assert [each.error for each in found.attempts] == ["Runtime.ExitError"] * 3
    assert found.log is not None
    assert (found.log.group, found.log.lines) == ("/aws/cloudformation/marla/ReducerLogs", ("killed",))
    assert "fewer --partitions" in found.next[0]


def test_only_the_last_visit_of_a_state_counts() -> None:
    events = Events()
    for begin in (1, 5):
        events.enter("Task", "Check wave", begin)
        events.attempt(begin, begin + 1, "" if begin == 1 else "CodeChanged", cause_of("deployed"))
    cloud = FakeCloud(storage(), events.events, error="CodeChanged", cause=cause_of("deployed"))
    found = explained(cloud)
    assert [(each.number, each.error) for each in found.attempts] == [(1, "CodeChanged")]
    assert found.log is None  # which adds nothing to what the worker said


# ---- EXPRESS items, of which Step Functions remembers nothing ---------------------------------------------


@pytest.mark.parametrize("code", ["StateMachineTypeNotSupported", "ValidationException"])
def test_express_items_cannot_be_listed(code: str) -> None:
    cloud = FakeCloud(storage())
    cloud.unlistable = code
    with pytest.raises(items.UnlistedError):
        items.listed(cloud.stack(), RUN, "RUNNING")


def express(*left: tuple[str, bytes]) -> FakeCloud:
    cloud = FakeCloud(storage(**dict(left)))
    cloud.unlistable = "StateMachineTypeNotSupported"
    return cloud


def test_express_items_are_known_by_the_records_that_they_left() -> None:
    why = "s3://in/x.csv at byte 5: no"
    cloud = express(
        record(1),
        record(2, error="StorageUnavailable", ended=epoch(1)),  # and was aborted as it waited to try again
        record(3, error="StorageUnavailable", ended=epoch(1.5), started=epoch(1)),
        record(3, 1, error="BadRecord", message=why, ended=epoch(5), started=epoch(4), child="arn:child"),
        record(4, error="BadRecord", message="later", ended=epoch(6)),
        record(5, error="BadRecord", message="of the execution before", ended=epoch(2), execution="job-0"),
        record(6, error="BadRecord", message="of a backup", ended=epoch(2), backup=True),
    )
    found = explained(cloud)
    assert (found.failure.name, found.failure.task, found.failure.cause) == ("BadRecord", 3, why)
    assert [each.error for each in found.attempts] == ["StorageUnavailable", "BadRecord"]
    assert found.child == "arn:child"
    assert found.excerpt is not None
    assert [line.text for line in found.excerpt.lines if line.bad] == ["bad"]


def test_of_tasks_that_were_done_no_record_is_read() -> None:
    done = [record(task) for task in range(50)]
    cloud = express(*done, record(50, error="BadRecord", message="no"), record(1, 1, error="BadRecord"))
    assert explained(cloud).failure.task == 50
    assert cloud.requests["get_object"] == 1


def test_of_an_express_item_that_left_no_record_the_log_group_is_named() -> None:
    found = explained(express(record(1)))
    assert found.failure.name == "TaskFailed"
    assert "EXPRESS" in found.failure.cause
    assert "log group of its function" in found.failure.cause


# ---- as a document ---------------------------------------------------------------------------------------


def test_the_document_has_what_is_known_and_nothing_else() -> None:
    cloud = FakeCloud(storage())
    cloud.fail("BadRecord", CAUSE, **PIECES)
    cloud.say("s", 2, "START RequestId: r", "why")
    found = explained(cloud, where=" --stack mine")
    document = json.loads(json.dumps(found.to_json()))
    assert document["error"] == found.failure.to_json()
    assert document["excerpt"]["lines"][1] == {"offset": 5, "text": "bad", "bad": True}
    assert document["attempts"] == [
        {
            "number": 1,
            "started": epoch(1),
            "seconds": 4.0,
            "error": "BadRecord",
            "message": found.failure.cause,
        }
    ]
    assert document["command"] == "marla run --resume job-1 --max-bad-records N --stack mine"
    assert not {"rejects", "traceback", "others", "next"} & set(document)


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_console_shows_the_failed_items_own_execution(partition: str, host: str) -> None:
    execution = f"arn:{partition}:states:eu-west-1:1:execution:machine"
    expected = f"https://eu-west-1.{host}/states/home?region=eu-west-1#/v2/executions/details/{execution}"
    assert search.console_url(f"{execution}/Map:item", "eu-west-1") == f"{expected}%2FMap:item"


def test_on_the_local_cloud_there_is_no_console_of_aws() -> None:
    cloud = FakeCloud(storage())
    child = cloud.fail("BadRecord", CAUSE)
    assert explained(cloud, local=True).url == ""
    assert explained(cloud).url.endswith(child.replace("/", "%2F"))

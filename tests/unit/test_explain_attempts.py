"""The attempts at a task: those that left a record, and those of which only the history tells."""

from __future__ import annotations

from mapreduce.record import TaskRecord
from marla.explain import attempts
from marla.explain.attempts import Task
from marla.records import RecordKey
from tests.unit.failed_cloud import Events, cause_of, epoch

KILLED = "RequestId: 1 Error: Runtime exited with error: signal: killed"


def record(attempt: int, *, error: str = "", backup: bool = False, started: float = 1.0) -> TaskRecord:
    return TaskRecord(
        kind="map",
        stage=0,
        step=0,
        partition=0,
        task=3,
        started=epoch(started),
        ended=epoch(started + 0.5),
        output="jobs/job-1/stage-0/map/3",
        attempt=attempt,
        backup=backup,
        error=error,
        message="of the record" if error else "",
        request=f"request-{attempt}",
        log_stream="stream",
    )


def retried() -> Events:
    """A task that fails three times."""
    events = Events()
    events.enter("Task", "Mapper", 0)
    events.attempt(1, 2, "Runtime.ExitError", cause_of(KILLED))
    events.attempt(3, 4, "StorageUnavailable", cause_of("S3 did not answer"))
    events.attempt(6, 6.5, "States.Timeout")
    return events


def test_a_history_tells_of_each_attempt_with_its_error() -> None:
    found = attempts.told(retried().events)
    assert [(each.number, each.error, each.message) for each in found] == [
        (1, "Runtime.ExitError", KILLED),
        (2, "StorageUnavailable", "S3 did not answer"),
        (3, "States.Timeout", ""),
    ]
    assert [each.seconds for each in found] == [1, 1, 0.5]
    assert found[0].started == epoch(1)


def test_an_attempt_that_has_not_ended_has_no_seconds_and_no_error() -> None:
    events = Events()
    events.enter("Task", "Mapper", 0)
    events.add("TaskScheduled", 1)
    events.add("TaskStarted", 1)
    [found] = attempts.told(events.events)
    assert (found.number, found.seconds, found.error) == (1, None, "")


def test_the_attempts_of_a_backup_copy_are_counted_for_themselves() -> None:
    events = Events()
    race = events.enter("Parallel", "Mapper race", 0)
    first = events.enter("Task", "First mapper", 0, previous=race)
    watch = events.enter("Pass", "Watch mapper", 0, previous=race)
    began = events.add("TaskScheduled", 1, previous=first)
    backup = events.enter("Task", "Backup mapper", 2, previous=watch)
    began_backup = events.add("TaskScheduled", 2, previous=backup)
    details = {"error": "CorruptSegment", "cause": ""}
    failed_backup = events.add("TaskFailed", 3, previous=began_backup, taskFailedEventDetails=details)
    failed = events.add("TaskFailed", 4, previous=began, taskFailedEventDetails=details)
    events.add("TaskScheduled", 5, previous=failed_backup)
    events.add("TaskScheduled", 6, previous=failed)
    found = attempts.told(events.events)
    assert [(each.backup, each.number, each.seconds) for each in found] == [
        (False, 1, 3),
        (True, 1, 1),
        (True, 2, None),
        (False, 2, None),
    ]


def test_of_a_whole_execution_only_one_states_attempts_are_told() -> None:
    events = Events()
    events.enter("Task", "Check job", 0)
    events.attempt(0, 1)
    events.enter("Task", "Check wave", 1)
    events.attempt(1, 2, "CodeChanged", cause_of("it was deployed again"))
    assert [each.error for each in attempts.told(events.events, "Check wave")] == ["CodeChanged"]


def test_what_an_attempts_record_tells_is_told_instead_of_the_history() -> None:
    left = [record(1, error="StorageUnavailable", started=3.2)]
    first, second, third = attempts.all_of(attempts.told(retried().events), left)
    assert [each.recorded for each in (first, second, third)] == [False, True, False]
    assert (second.message, second.request, second.log_stream) == ("of the record", "request-1", "stream")
    assert (second.started, second.seconds) == (epoch(3.2), 0.5)


def test_an_attempt_whose_answer_was_lost_failed_all_the_same() -> None:
    events = Events()
    events.enter("Task", "Mapper", 0)
    events.attempt(1, 2, "Lambda.SdkClientException", "broken pipe")
    [found] = attempts.all_of(attempts.told(events.events), [record(0)])
    assert (found.error, found.recorded) == ("Lambda.SdkClientException", False)


def test_records_alone_tell_of_attempts_too() -> None:
    left = [record(1, error="BadRecord", started=5), record(0, error="StorageUnavailable", started=2)]
    assert [each.error for each in attempts.all_of((), left)] == ["StorageUnavailable", "BadRecord"]


def test_a_task_owns_the_records_under_its_own_key() -> None:
    task = Task.of({"stage": 1, "sample": 4, "step": 2, "partition": 7, "task": 5, "job": "x"})
    assert task == Task(stage=1, sample=True, step=2, partition=7, task=5)
    ours = RecordKey(
        stage=1, main=False, step=2, partition=7, task=5, execution="job-1", failed=True, key="k"
    )
    assert task.owns(ours)
    others = [
        ours._replace(stage=0),
        ours._replace(step=0),
        ours._replace(partition=0),
        ours._replace(task=0),
    ]
    assert not any(map(task.owns, [*others, ours._replace(main=True)]))


def test_what_is_asked_of_a_worker_besides_tasks_is_none() -> None:
    assert Task.of({"publish": True, "stage": 0}) is None
    assert Task.of({"stage": 0, "task": 3}) == Task(0, False, 0, 0, 3)

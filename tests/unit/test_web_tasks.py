"""The tasks of an execution as the console's API tells of them: few requests, however many there are."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from marla.web import rows, tasks
from tests.unit.console_cloud import CHILD, START, Console, FakeExecution, FakeRun, record
from tests.unit.fake_executions import EXECUTION

RUN = "arn:aws:states:us-east-1:000000000000:mapRun:machine/Map:1"
SECOND = "arn:aws:states:us-east-1:000000000000:mapRun:machine/Map:2"


@pytest.fixture
def console() -> Console:
    return Console()


def mapping(console: Console, state: str = "Map") -> tuple[FakeExecution, FakeRun]:
    """An execution whose mappers run."""
    execution = console.states.add("job")
    execution.pass_by("Configure stage", config={"sample": 0}, stage=0)
    execution.enter_map(RUN, state=state)
    run = console.states.runs[RUN] = FakeRun()
    console.wait(2)
    return execution, run


def done(console: Console, run: FakeRun, task: int, **fields: Any) -> str:
    """Have a task done; return its record's key."""
    child = run.add(task, "SUCCEEDED")
    return console.s3.put(record(task, child=child, **fields), "job", f"request-{task}")


def numbers(page: Any) -> list[Any]:
    return [row["task"] for row in page["tasks"]]


def test_a_page_of_ten_thousand_tasks_takes_few_requests(console: Console) -> None:
    _, run = mapping(console)
    for task in range(10_000):
        done(console, run, task)
    for task in range(10_000, 10_300):
        run.add(task)
    page = console.json("executions/job/tasks?phase=0&page=3")
    assert numbers(page) == list(range(150, 200))
    assert (page["page"], page["pages"], page["total"]) == (3, 206, 10_300)
    assert page["counts"] == {"done": 10_000, "failed": 0, "running": 300}
    assert console.s3.calls["GetObject"] == 50
    assert console.s3.calls["ListObjectsV2"] < 20
    assert console.states.calls.total() < 8
    assert console.states.calls["DescribeExecution"] < 3


def test_the_same_page_again_reads_no_record_again(console: Console) -> None:
    _, run = mapping(console)
    for task in range(100):
        done(console, run, task)
    console.json("executions/job/tasks")
    before = console.s3.calls.copy()
    console.wait(1)
    console.json("executions/job/tasks")
    assert console.s3.calls == before
    console.wait(5)
    console.json("executions/job/tasks")
    assert console.s3.calls["GetObject"] == before["GetObject"]
    assert console.s3.calls["ListObjectsV2"] > before["ListObjectsV2"]


def test_when_the_execution_is_long_over_tasks_are_listed_once_a_minute(console: Console) -> None:
    execution, run = mapping(console, state="Map with backups")
    done(console, run, 0)
    assert console.json("executions/job/tasks")["total"] == 1
    done(console, run, 1)
    left = {"name": "Map with backups", "assignedVariables": {}}
    execution.add("MapStateExited", 3, stateExitedEventDetails=left)
    execution.end("SUCCEEDED", 4, output={"steps": []})
    console.wait(1)
    assert console.json("executions/job/tasks")["total"] == 2
    # A worker that was at work at the end, as the loser of a race is, may leave its record later.
    done(console, run, 2)
    console.wait(3600)
    assert console.json("executions/job/tasks")["total"] == 3
    before = console.s3.calls.copy()
    console.wait(50)
    assert console.json("executions/job/tasks")["total"] == 3
    assert console.s3.calls == before
    console.wait(3600)
    for _ in range(5):
        console.wait(5)
        assert console.json("executions/job/tasks")["total"] == 3
    assert console.s3.calls == before + Counter(ListObjectsV2=3)


def test_an_attempt_shows_what_its_record_has(console: Console) -> None:
    _, run = mapping(console)
    done(console, run, 0, cold_start=True, rejects=2, billed_ms=1600)
    (row,) = console.json("executions/job/tasks")["tasks"]
    assert row | {"id": ""} == {
        "id": "",
        "task": 0,
        "partition": 0,
        "step": 0,
        "stage": 0,
        "sample": False,
        "attempt": 1,
        "attempts": 1,
        "backup": False,
        "cold": True,
        "reused": False,
        "status": "done",
        "started": START.replace(second=2).isoformat(),
        "seconds": 1.5,
        "queuedSeconds": 0.25,
        "recordsIn": 100,
        "recordsOut": 10,
        "bytesIn": 1000,
        "bytesOut": 200,
        "rejects": 2,
        "peakMemoryMib": 100,
        "memoryMib": 2048,
        "billedMs": 1600,
        "object": None,
        "objects": None,
        "more": None,
        "error": "",
        "execution": "job",
    }


def test_attempts_that_failed_are_found_among_all(console: Console) -> None:
    execution, run = mapping(console)
    for task in range(200):
        done(console, run, task)
    # One was tried again and did it; one failed for good; one was killed, and left no record.
    console.s3.put(record(7, error="StorageUnavailable", attempt=0), "job", "before-7")
    child = run.add(200, "FAILED", error="BadRecord")
    console.s3.put(record(200, error="BadRecord", child=child), "job", "request-200")
    killed = run.add(201, "FAILED")
    execution.end("FAILED", 5, error="BadRecord")
    page = console.json("executions/job/tasks?status=failed")
    assert [(row["task"], row["error"], row["attempts"]) for row in page["tasks"]] == [
        (7, "StorageUnavailable", 2),
        (200, "BadRecord", 1),
        (201, "Lambda.Unknown", None),
    ]
    assert page["counts"] == {"done": 200, "failed": 3, "running": 0}
    assert page["tasks"][2]["id"] == rows.identifier("c", killed)
    # Those that are shown: the listing tells which they are.
    assert console.s3.calls["GetObject"] == 2
    page = console.json("executions/job/tasks?status=done&size=500")
    assert numbers(page) == list(range(200))
    assert console.json("executions/job/tasks?status=all")["total"] == 203


def test_attempts_that_failed_after_the_first_to_fail_count_as_failed(console: Console) -> None:
    execution, run = mapping(console)
    first = run.add(0, "FAILED", error="BadRecord")
    console.s3.put(record(0, error="BadRecord", child=first), "job", "first")
    # It was aborted, as another had failed; but its worker went on.
    console.s3.put(record(1, error="BadRecord", child=run.add(1, "ABORTED")), "job", "second")
    execution.end("FAILED", 5, error="BadRecord")
    page = console.json("executions/job/tasks")
    assert page["counts"] == {"done": 0, "failed": 2, "running": 0}
    assert console.json("executions/job/tasks?status=done")["tasks"] == []


def test_a_last_attempt_that_was_killed_is_shown_beside_one_before_that_left_a_record(
    console: Console,
) -> None:
    execution, run = mapping(console)
    child = run.add(3, "FAILED", error="Lambda.Unknown")
    console.s3.put(record(3, error="StorageUnavailable", child=child), "job", "first")
    # A backup's last error is not the item's.
    other = run.add(4, "FAILED", error="BadRecord")
    console.s3.put(record(4, error="BadRecord", child=other), "job", "own")
    late = {"backup": True, "started": START.timestamp() + 9, "ended": START.timestamp() + 10}
    console.s3.put(record(4, error="StorageUnavailable", child=other, **late), "job", "backup")
    execution.end("FAILED", 5, error="Lambda.Unknown")
    page = console.json("executions/job/tasks?status=failed")
    assert sorted((row["task"], row["error"]) for row in page["tasks"]) == [
        (3, "Lambda.Unknown"),
        (3, "StorageUnavailable"),
        (4, "BadRecord"),
        (4, "StorageUnavailable"),
    ]


def test_of_many_tasks_that_were_killed_all_are_shown_in_the_end(console: Console) -> None:
    execution, run = mapping(console)
    for task in range(50):
        run.add(task, "FAILED")
    execution.end("FAILED", 5, error="Lambda.Unknown")
    shown = []
    for _ in range(3):
        page = console.json("executions/job/tasks?status=failed&size=100")
        assert page["counts"]["failed"] == 50
        shown.append((len(page["tasks"]), page["more"]))
        console.wait(1)
    assert shown == [(20, True), (40, True), (50, False)]
    assert numbers(page) == list(range(50))


def test_a_job_that_was_resumed_shows_each_execution_its_own_attempts(console: Console) -> None:
    _, run = mapping(console)
    done(console, run, 0, reused=True)
    run.add(1)
    before = record(1, error="BadRecord", execution="before")
    console.s3.put(before, "job", "earlier")
    page = console.json("executions/job/tasks")
    assert [(row["task"], row["status"], row["attempts"]) for row in page["tasks"]] == [
        (0, "done", 1),
        (1, "running", None),
    ]
    assert page["counts"] == {"done": 1, "failed": 0, "running": 1}
    detail = console.json(f"executions/job/tasks/{page['tasks'][1]['id']}")
    assert detail["records"] == [before.to_json()]


def test_more_records_than_are_remembered_are_all_read(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "REMEMBERED", 20)
    _, run = mapping(console)
    for task in range(30):
        done(console, run, task)
    assert [console.json("executions/job/totals")["attempts"] for _ in range(3)] == [30, 30, 30]


def test_thousands_that_run_are_listed_as_far_as_somebody_looks_and_once_for_all(console: Console) -> None:
    _, run = mapping(console)
    for task in range(2500):
        run.add(task)
    for _ in range(3):
        page = console.json("executions/job/tasks?status=running")
        assert (len(page["tasks"]), page["total"]) == (50, 2500)
    assert console.states.calls["ListExecutions"] == 1
    page = console.json("executions/job/tasks?status=running&page=49")
    assert len(page["tasks"]) == 50
    assert console.states.calls["ListExecutions"] == 4
    console.json("executions/job/tasks?status=done")
    assert console.states.calls["ListExecutions"] == 4


def test_what_failed_is_listed_no_more_when_no_worker_can_be_at_work(console: Console) -> None:
    execution, run = mapping(console)
    run.add(0, "FAILED")
    execution.end("FAILED", 5, error="Lambda.Unknown")
    console.wait(3600)
    console.json("executions/job/tasks")
    listed = console.states.calls["ListExecutions"]
    for _ in range(5):
        console.wait(10)
        console.json("executions/job/tasks")
    assert console.states.calls["ListExecutions"] == listed == 2


def test_tasks_that_run_are_named_as_far_as_there_is_time_to_ask(console: Console) -> None:
    _, run = mapping(console)
    for task in range(45):
        run.add(task)
    seen = []
    for _ in range(3):
        page = console.json("executions/job/tasks?status=running&size=50")
        assert {row["status"] for row in page["tasks"]} == {"running"}
        seen.append(sum(row["task"] is not None for row in page["tasks"]))
        console.wait(1)
    assert seen == [20, 40, 45]
    assert page["tasks"][0]["seconds"] == 4.0
    # Each was described once, and the execution itself once a second.
    assert console.states.calls["DescribeExecution"] == 45 + 1 + 3


def test_items_that_cannot_be_listed_are_counted_all_the_same(console: Console) -> None:
    _, run = mapping(console)
    done(console, run, 0)
    run.add(1)
    run.express = True
    page = console.json("executions/job/tasks")
    assert numbers(page) == [0]
    assert page["counts"] == {"done": 1, "failed": 0, "running": 1}


def test_of_items_that_cannot_be_listed_those_that_failed_are_found_by_their_records(
    console: Console,
) -> None:
    execution, run = mapping(console)
    for task in range(30):
        done(console, run, task)
    run.express = True
    console.s3.put(record(30, error="BadRecord", child=run.add(30, "FAILED")), "job", "request-30")
    execution.end("FAILED", 5, error="BadRecord")
    page = console.json("executions/job/tasks?status=failed")
    assert [(row["task"], row["error"]) for row in page["tasks"]] == [(30, "BadRecord")]
    assert page["counts"] == {"done": 30, "failed": 1, "running": 0}


def test_a_phase_has_its_own_tasks(console: Console) -> None:
    execution, run = mapping(console)
    for task in range(3):
        done(console, run, task)
    execution.add("MapStateExited", 3, stateExitedEventDetails={"name": "Map", "assignedVariables": {}})
    execution.enter_map(SECOND, 4)
    second = console.states.runs[SECOND] = FakeRun()
    for task in (3, 4):
        done(console, second, task)
    console.s3.put(record(0, step=1), "job", "reduced")
    console.s3.put(record(0, sample=True), "job", "sampled")
    console.s3.put(record(0, stage=1), "job", "later")
    assert numbers(console.json("executions/job/tasks?phase=0")) == [0, 1, 2]
    assert numbers(console.json("executions/job/tasks?phase=1")) == [3, 4]
    assert len(numbers(console.json("executions/job/tasks"))) == 8
    assert console.get("/api/executions/job/tasks?phase=2").status_code == 404


def test_a_page_behind_the_last_one_is_the_last_one(console: Console) -> None:
    _, run = mapping(console)
    for task in range(12):
        done(console, run, task)
    page = console.json("executions/job/tasks?page=9&size=5")
    assert (page["page"], page["pages"], numbers(page)) == (2, 3, [10, 11])
    page = console.json("executions/job/tasks?status=failed&page=4")
    assert (page["page"], page["pages"], page["tasks"]) == (0, 1, [])


@pytest.mark.parametrize("query", ["status=odd", "page=-1", "size=0", "size=501", "phase=x"])
def test_what_is_no_page_is_refused(console: Console, query: str) -> None:
    mapping(console)
    assert console.get(f"/api/executions/job/tasks?{query}").status_code == 400


# ---- one attempt ------------------------------------------------------------------------------------------


def test_an_attempt_comes_with_the_others_at_its_task_its_item_and_its_log(console: Console) -> None:
    _, run = mapping(console)
    child = run.add(7, "FAILED")
    first = record(7, error="StorageUnavailable", message="S3 is busy", child=child, log_stream="stream")
    console.s3.put(first, "job", "first")
    console.s3.put(record(7, attempt=1, child=child, started=START.timestamp() + 9), "job", "second")
    console.s3.put(record(8), "job", "other")
    console.logs.lines = ["START RequestId: 1", "S3 did not answer"]
    failed = console.json("executions/job/tasks?status=failed")["tasks"][0]
    detail = console.json(f"executions/job/tasks/{failed['id']}")
    assert detail["record"] == first.to_json()
    assert [one.get("attempt", 0) for one in detail["records"]] == [0, 1]
    assert (detail["status"], detail["error"], detail["cause"]) == (
        "failed",
        "StorageUnavailable",
        "S3 is busy",
    )
    assert detail["input"] == {"stage": 0, "step": 0, "partition": 0, "task": 7}
    assert detail["child"] == child
    assert detail["log"] == ["S3 did not answer"]
    assert "awsUrl" not in detail


def test_an_item_that_runs_shows_what_it_was_given(console: Console) -> None:
    _, run = mapping(console)
    run.add(3)
    (row,) = console.json("executions/job/tasks")["tasks"]
    detail = console.json(f"executions/job/tasks/{row['id']}")
    assert (detail["status"], detail["input"]["task"], detail["records"]) == ("running", 3, [])
    assert (detail["log"], detail["logNote"]) == ([], "The log is shown when the task has ended.")
    assert "record" not in detail


def test_an_item_that_step_functions_has_forgotten_is_shown_by_its_record(console: Console) -> None:
    _, _ = mapping(console)
    console.s3.put(record(0, child=f"{CHILD}gone"), "job", "request")
    (row,) = console.json("executions/job/tasks")["tasks"]
    detail = console.json(f"executions/job/tasks/{row['id']}")
    assert (detail["status"], detail["child"], detail["record"]["task"]) == ("done", f"{CHILD}gone", 0)
    assert "input" not in detail


@pytest.mark.parametrize(
    "identifier",
    [
        "x",
        "r.",
        "r.!!!",
        "r.%ff",
        rows.identifier("r", "jobs/other/stage-0/records/map/0/request.json"),
        rows.identifier("r", "input/secret.csv"),
        rows.identifier("r", "jobs/job/stage-0/records/map/0/../../../secret"),
        rows.identifier("c", f"{EXECUTION}other"),
        rows.identifier("c", "arn:aws:states:us-east-1:000000000000:execution:another-machine/Map:1"),
        rows.identifier("q", "x"),
    ],
)
def test_an_identifier_reaches_nothing_but_tasks_of_the_execution(console: Console, identifier: str) -> None:
    _, run = mapping(console)
    done(console, run, 0)
    console.states.add("other")
    console.s3.objects["input/secret.csv"] = b"secret"
    console.s3.objects["jobs/other/stage-0/records/map/0/request.json"] = json.dumps(
        record(0).to_json()
    ).encode()
    answer = console.get(f"/api/executions/job/tasks/{identifier}")
    assert answer.status_code == 404
    assert console.s3.calls["GetObject"] == 0


def test_a_task_whose_record_was_deleted_meanwhile_is_there_no_more(console: Console) -> None:
    _, run = mapping(console)
    key = done(console, run, 0)
    identifier = rows.identifier("r", key)
    console.json("executions/job/tasks?status=failed")
    console.s3.objects.clear()
    assert console.get(f"/api/executions/job/tasks/{identifier}").status_code == 404


# ---- totals -----------------------------------------------------------------------------------------------


def test_totals_have_the_input_once_and_the_work_of_all_attempts_of_this_execution(console: Console) -> None:
    _, run = mapping(console)
    for task in range(3):
        done(console, run, task, cold_start=task == 0)
    console.s3.put(record(1, error="StorageUnavailable", attempt=0), "job", "before")
    console.s3.put(record(2, backup=True), "job", "backup")
    console.s3.put(record(9, execution="an-earlier-one"), "job", "earlier")
    console.s3.put(record(0, step=1), "job", "reduced")
    console.s3.put(record(0, sample=True), "job", "sampled")
    console.s3.put(record(0, stage=1), "job", "later")
    assert console.json("executions/job/totals") == {
        "tasks": 6,
        "attempts": 8,
        "failed": 1,
        "coldStarts": 1,
        "backups": 1,
        "reused": 0,
        "inputRecords": 300,
        "inputBytes": 3000,
        "rejects": 0,
        "reads": 0,
        "writes": 0,
        "billedMs": 12000,
        "gbSeconds": 24.0,
        "peakMemoryMib": 100,
    }


def test_of_an_execution_that_is_over_the_cost_is_told_and_worked_out_once(console: Console) -> None:
    execution, run = mapping(console)
    for task in range(3):
        done(console, run, task, architecture="x86_64")
    execution.add("MapStateExited", 3, stateExitedEventDetails={"name": "Map", "assignedVariables": {}})
    execution.end("SUCCEEDED", 4, output={"steps": []})
    totals = console.json("executions/job/totals")
    bill = totals["dollars"]
    assert bill["total"] == pytest.approx(sum(line["dollars"] for line in bill["lines"]))
    # 3 tasks of 1.5 s with 2 GiB, at the price of x86_64 in us-east-1.
    mappers = next(line for line in bill["lines"] if line["what"].startswith("mappers"))
    assert mappers["dollars"] == pytest.approx(9 * 0.0000166667)
    before = (console.s3.calls.total(), console.states.calls.total())
    assert console.json("executions/job/totals") == totals
    assert (console.s3.calls.total(), console.states.calls.total()) == before


def test_what_comes_a_little_later_than_the_end_is_in_the_totals_later(console: Console) -> None:
    execution, run = mapping(console)
    done(console, run, 0)
    execution.end("ABORTED", 4, error="Interrupted")
    assert console.json("executions/job/totals")["attempts"] == 1
    console.s3.put(record(1), "job", "late")
    console.wait(30)
    assert console.json("executions/job/totals")["attempts"] == 1
    console.wait(60)
    assert console.json("executions/job/totals")["attempts"] == 2


def test_without_backups_the_totals_of_success_are_final_at_once(console: Console) -> None:
    execution, run = mapping(console)
    done(console, run, 0)
    execution.add("MapStateExited", 3, stateExitedEventDetails={"name": "Map", "assignedVariables": {}})
    execution.end("SUCCEEDED", 4, output={"steps": []})
    console.wait(10)
    totals = console.json("executions/job/totals")
    before = (console.s3.calls.total(), console.states.calls.total())
    console.wait(300)
    assert console.json("executions/job/totals") == totals
    # Whether the records are there still.
    assert (console.s3.calls.total() - 3, console.states.calls.total()) == before


def test_the_loser_of_a_race_is_in_the_totals_when_its_time_is_up(console: Console) -> None:
    execution, run = mapping(console, state="Map with backups")
    done(console, run, 0, backup=True)
    left = {"name": "Map with backups", "assignedVariables": {}}
    execution.add("MapStateExited", 3, stateExitedEventDetails=left)
    execution.end("SUCCEEDED", 4, output={"steps": []})
    console.wait(120)
    assert console.json("executions/job/totals")["attempts"] == 1
    console.s3.put(record(0), "job", "loser")
    console.wait(800)
    assert console.json("executions/job/totals")["attempts"] == 2


def test_of_what_was_redriven_the_totals_are_worked_out_again(console: Console) -> None:
    execution, run = mapping(console)
    done(console, run, 0)
    execution.end("FAILED", 4, error="BadRecord")
    console.wait(3600)
    assert console.json("executions/job/totals")["attempts"] == 1
    execution.add("ExecutionRedriven", 5000)
    done(console, run, 1)
    execution.end("FAILED", 5010, error="BadRecord")
    console.wait(3600)
    assert console.json("executions/job/totals")["attempts"] == 2


def test_what_was_deleted_counts_no_more(console: Console) -> None:
    execution, run = mapping(console)
    done(console, run, 0)
    execution.end("ABORTED", 4, error="Interrupted")
    assert console.json("executions/job/tasks")["total"] == 1
    assert console.send("executions/job", method="DELETE").status_code == 200
    tasks = console.json("executions/job/tasks")
    assert (tasks["total"], tasks["gone"]) == (0, True)
    assert console.json("executions/job/totals") == {"gone": True}


def test_of_tasks_that_succeeded_and_whose_records_are_gone_no_sums_are_told(console: Console) -> None:
    execution, run = mapping(console)
    run.add(0, "SUCCEEDED")
    assert console.json("executions/job/tasks")["gone"] is False  # its record may be on its way
    execution.add("MapStateExited", 3, stateExitedEventDetails={"name": "Map", "assignedVariables": {}})
    execution.end("SUCCEEDED", 4, output={"steps": []})
    console.s3.put(record(0, execution="another"), "job", "request")
    console.wait(90)
    assert console.json("executions/job/totals") == {"gone": True}
    assert console.json("executions/job/tasks")["gone"] is True


def test_where_no_task_succeeded_there_is_nothing_that_could_be_gone(console: Console) -> None:
    console.states.add("job").end("ABORTED", 4, error="Interrupted")
    assert console.json("executions/job/totals")["attempts"] == 0
    assert console.json("executions/job/tasks")["gone"] is False


# ---- why it failed ----------------------------------------------------------------------------------------


def test_why_it_failed_is_told_by_its_first_failing_task(console: Console) -> None:
    execution, run = mapping(console)
    child = run.add(5, "FAILED")
    failed = record(5, error="BadRecord", message="s3://data/x at byte 7: bad", child=child)
    console.s3.put(failed, "job", "request")
    execution.add("MapRunFailed", 4, mapRunFailedEventDetails={"error": "x", "cause": "y"})
    execution.end("FAILED", 5, error="States.ExceedToleratedFailureThreshold")
    found = console.json("executions/job/explanation")
    assert found["status"] == "FAILED"
    assert found["error"]["task"] == 5
    assert found["child"] == child
    assert found["canResume"] is True


def test_that_resuming_does_not_help_is_told_by_the_cause_that_is_found(console: Console) -> None:
    execution, run = mapping(console)
    child = run.add(5, "FAILED", error="JobFailed")
    failed = record(5, error="JobFailed", message="map: no such column", child=child)
    console.s3.put(failed, "job", "request")
    execution.add("MapRunFailed", 4, mapRunFailedEventDetails={"error": "x", "cause": "y"})
    execution.end("FAILED", 5, error="States.ExceedToleratedFailureThreshold")
    assert console.json("executions/job")["canResume"] is True  # as far as the execution itself tells
    found = console.json("executions/job/explanation")
    assert (found["error"]["name"], found["canResume"]) == ("JobFailed", False)


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_what_did_not_fail_has_no_explanation(console: Console, status: str) -> None:
    execution, _ = mapping(console)
    if status != "RUNNING":
        execution.end(status, 5, output={"steps": []})
    assert console.json("executions/job/explanation") == {}

"""What the console keeps about executions that are over: nothing that lacks a part, or that was deleted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from marla.web.executions import Executions
from tests.unit.console_cloud import (
    BASE,
    CHILD,
    SECRET,
    Console,
    FakeExecution,
    FakeRun,
    missing,
    record,
)

RUN = "arn:aws:states:us-east-1:000000000000:mapRun:machine/Map:1"
HOUR = 3600.0


@pytest.fixture
def console() -> Console:
    return Console(local=False)


def mapped(console: Console, name: str = "job", **fields: Any) -> FakeExecution:
    """An execution whose only task is done, and has left a record."""
    execution = console.states.add(name, **fields)
    run = console.states.runs.setdefault(RUN + name, FakeRun())
    child = run.add(0, "SUCCEEDED")
    execution.enter_map(RUN + name)
    execution.add("MapStateExited", 3, stateExitedEventDetails={"name": "Map", "assignedVariables": {}})
    console.s3.put(record(0, child=child, execution=name), "job", f"request-{name}")
    return execution


def succeeded(console: Console, name: str = "job", **fields: Any) -> FakeExecution:
    """The same, which succeeded an hour ago."""
    execution = mapped(console, name, **fields)
    execution.end("SUCCEEDED", 4, output={"steps": []})
    console.wait(HOUR)
    return execution


def failed(console: Console) -> None:
    """An execution whose only task failed, an hour ago."""
    execution = console.states.add("job")
    run = console.states.runs[RUN] = FakeRun()
    child = run.add(0, "FAILED", error="BadRecord")
    run.children[child][1]["id"] = "job"  # as the items of real jobs have it: by that records are found
    execution.enter_map(RUN)
    execution.end("FAILED", 3, error="States.ExceedToleratedFailureThreshold")
    failure = {"error": "BadRecord", "message": "no record", "log_stream": "stream"}
    console.s3.put(record(0, child=child, **failure), "job", "request")
    console.wait(HOUR)


def refuse(monkeypatch: pytest.MonkeyPatch, cloud: Any, operation: str) -> Callable[[], None]:
    """Have a cloud take no requests of a kind; return what has it take them again."""

    def throttled(**_: Any) -> None:
        raise missing("ThrottlingException", operation)

    taken = getattr(cloud, operation)
    monkeypatch.setattr(cloud, operation, throttled)
    return lambda: monkeypatch.setattr(cloud, operation, taken)


# ---- what could not be read -------------------------------------------------------------------------------


def test_a_bill_is_not_kept_of_which_the_cloud_did_not_tell_a_part(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeded(console)
    console.json("executions/job")
    restore = refuse(monkeypatch, console.states, "get_execution_history")
    lacking = console.json("executions/job/totals")
    assert any("did not tell the history" in note for note in lacking["dollars"]["notes"])
    restore()
    console.wait(30)
    assert console.json("executions/job/totals") == lacking
    console.wait(30)
    whole = console.json("executions/job/totals")
    assert not any("did not tell the history" in note for note in whole["dollars"]["notes"])
    assert whole["dollars"]["total"] > lacking["dollars"]["total"]


def test_an_explanation_is_not_kept_of_which_a_part_could_not_be_read(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(console)
    console.json("executions/job")
    monkeypatch.setattr(console.states, "_is_item", lambda arn: arn.startswith(CHILD))
    restore = refuse(monkeypatch, console.states, "get_execution_history")
    lacking = console.json("executions/job/explanation")
    assert len(lacking["notes"]) == 1
    restore()
    console.wait(30)
    assert console.json("executions/job/explanation") == lacking
    console.wait(30)
    assert "notes" not in console.json("executions/job/explanation")


def test_nor_is_one_whose_log_could_not_be_read(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(console)
    restore = refuse(monkeypatch, console.logs, "get_log_events")
    assert "note" in console.json("executions/job/explanation")["log"]
    restore()
    console.logs.lines = ["the line that says it"]
    console.wait(60)
    assert console.json("executions/job/explanation")["log"]["lines"] == ["the line that says it"]


def test_what_lacks_nothing_is_kept_for_good(console: Console) -> None:
    failed(console)
    console.logs.lines = ["the line that says it"]
    found = console.json("executions/job/explanation")
    assert found["log"]["lines"] == ["the line that says it"]
    console.logs.lines = ["another"]
    console.wait(HOUR)
    assert console.json("executions/job/explanation") == found


# ---- what was deleted -------------------------------------------------------------------------------------


def test_totals_that_were_under_way_as_the_job_was_deleted_are_not_kept(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeeded(console)
    reads, go_on = threading.Event(), threading.Event()
    read = console.s3.get_object

    def slow(**given: Any) -> Any:
        answer = read(**given)
        reads.set()
        assert go_on.wait(10)
        return answer

    monkeypatch.setattr(console.s3, "get_object", slow)
    other = console.stranger()
    other.get(f"/?token={SECRET}", base_url=BASE)
    thread = threading.Thread(
        target=other.get, args=("/api/executions/job/totals",), kwargs={"base_url": BASE}
    )
    thread.start()
    assert reads.wait(10)
    assert console.send("executions/job", method="DELETE").status_code == 200
    go_on.set()
    thread.join(10)
    assert console.json("executions/job/totals") == {"gone": True}


def test_what_was_deleted_is_gone_for_all_executions_of_the_job(console: Console) -> None:
    mapped(console).end("FAILED", 4, error="BadRecord")
    succeeded(console, "again", asked={"job": "wordcount", "input": "s3://data/", "resume": "job"})
    assert console.json("executions/again/totals")["attempts"] == 1
    assert console.json("executions/again/tasks")["total"] == 1
    assert console.send("executions/job", method="DELETE").status_code == 200
    tasks = console.json("executions/again/tasks")
    assert (tasks["total"], tasks["gone"]) == (0, True)
    assert console.json("executions/again/totals") == {"gone": True}


def test_what_was_deleted_before_an_error_is_gone(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    succeeded(console)
    assert console.json("executions/job/tasks")["total"] == 1

    def delete_some(**given: Any) -> Any:
        for one in given["Delete"]["Objects"]:
            del console.s3.objects[one["Key"]]
        raise missing("SlowDown", "DeleteObjects")

    monkeypatch.setattr(console.s3, "delete_objects", delete_some)
    assert console.send("executions/job", method="DELETE").status_code == 503
    assert console.json("executions/job/tasks")["gone"]


@pytest.mark.parametrize("first", ["tasks", "totals"])
def test_what_was_deleted_in_a_terminal_is_gone_after_a_minute(console: Console, first: str) -> None:
    succeeded(console)
    assert console.json("executions/job/tasks")["total"] == 1
    assert console.json("executions/job/totals")["attempts"] == 1
    console.s3.objects.clear()
    console.wait(30)
    assert "gone" not in console.json("executions/job/totals")
    console.wait(30)
    assert console.json(f"executions/job/{first}")["gone"]
    assert console.json("executions/job/tasks")["gone"]
    assert console.json("executions/job/totals") == {"gone": True}


def test_a_record_that_is_there_no_more_has_all_listed_again(console: Console) -> None:
    succeeded(console)
    assert console.json("executions/job/tasks?status=failed")["counts"]["done"] == 1
    console.s3.objects.clear()
    assert console.json("executions/job/tasks")["tasks"] == []
    assert console.json("executions/job/tasks")["gone"]


def test_what_is_forgotten_while_it_is_asked_for_is_worked_out(console: Console) -> None:
    console.states.add("job")
    watched = Executions(console.stack, lambda: console.now).find("job")

    class Forgotten(dict[str, Any]):
        """Whoever has looked into it finds nothing any more."""

        def __contains__(self, name: object) -> bool:
            found = super().__contains__(name)
            watched.forget()
            return found

    watched.known = Forgotten(tasks="old")
    assert watched.once("tasks", lambda: "new") in {"old", "new"}


def test_what_was_begun_before_it_was_forgotten_is_not_kept(console: Console) -> None:
    console.states.add("job").end("ABORTED", 1)
    watched = Executions(console.stack, lambda: console.now).find("job")

    def work_out() -> dict[str, Any]:
        watched.forget()
        return {"gone": False}

    for remember in (watched.once, watched.in_the_end):
        assert remember("totals", work_out) == {"gone": False}
        assert remember("totals", lambda: {"gone": True}) == {"gone": True}
        watched.forget()

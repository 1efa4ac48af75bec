"""An execution as the console's API tells of it: asked for seldom, and never wrong about what is over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from marla import execution
from marla.web import answers, executions
from marla.web.app import create_app
from tests.unit.console_cloud import BASE, BUCKET, SECRET, START, Console, FakeExecution, FakeRun, missing

RUN = "arn:aws:states:us-east-1:000000000000:mapRun:machine/Map:1"


@pytest.fixture
def console() -> Console:
    return Console()


def mapping(console: Console, tasks: int = 3) -> tuple[FakeExecution, FakeRun]:
    """An execution whose mappers run."""
    execution = console.states.add("job")
    execution.pass_by("Configure job", stages=[{}], stage=0)
    execution.enter_map(RUN)
    run = console.states.runs[RUN] = FakeRun()
    for task in range(tasks):
        run.add(task)
    console.wait(2)
    return execution, run


def asked(console: Console) -> int:
    return console.states.calls.total()


def test_a_running_execution_tells_what_runs_and_what_may_be_done(console: Console) -> None:
    _, run = mapping(console)
    run.add(3, "SUCCEEDED")
    seen = console.json("executions/job")
    assert (seen["name"], seen["status"], seen["job"], seen["jobId"]) == (
        "job",
        "RUNNING",
        "wordcount",
        "job",
    )
    assert seen["input"] == {"job": "wordcount", "input": "s3://data/"}
    assert (seen["state"], seen["seconds"], seen["events"]) == ("Map", 2.0, 5)
    assert (seen["canStop"], seen["canResume"], seen["canDelete"], seen["failed"]) == (
        True,
        False,
        False,
        False,
    )
    (phase,) = seen["phases"]
    assert (phase["total"], phase["succeeded"], phase["running"]) == (4, 1, 3)
    assert seen["states"]["Configure job"]["status"] == "succeeded"
    assert (seen["states"]["Map"]["status"], seen["states"]["Map"]["done"]) == ("running", 1)
    assert seen["states"]["Done"]["status"] == "idle"
    assert "output" not in seen


def test_what_may_be_done_follows_from_how_it_ended(console: Console) -> None:
    allowed = {}
    for status, error in [
        ("SUCCEEDED", ""),
        ("FAILED", "BadRecord"),
        ("FAILED", "InvalidInput"),
        ("FAILED", "CodeChanged"),
        ("ABORTED", ""),
    ]:
        console.states.add(f"{status}{error}").end(status, 5, error=error)
        seen = console.json(f"executions/{status}{error}")
        allowed[status + error] = (seen["canStop"], seen["canResume"], seen["canDelete"], seen["failed"])
    assert allowed == {
        "SUCCEEDED": (False, False, True, False),
        "FAILEDBadRecord": (False, True, True, True),
        "FAILEDInvalidInput": (False, False, True, True),
        "FAILEDCodeChanged": (False, False, True, True),
        "ABORTED": (False, True, True, True),
    }


def test_one_that_was_refused_has_no_part_in_the_job_that_it_names(console: Console) -> None:
    stranger = console.states.add("stranger", asked={"job": "wordcount", "resume": "job"})
    stranger.end("FAILED", 5, error="ResumeRefused")
    seen = console.json("executions/stranger")
    assert (seen["resumes"], seen["canResume"], seen["canDelete"]) == ("job", False, False)


@pytest.mark.parametrize(
    ("document", "job"),
    [
        ({"job": "sort"}, "sort"),
        ({"sql": "SELECT 1"}, "query"),
        ({"stages": [{"job": "sort"}]}, "stages"),
        ([1], ""),
        ("x", ""),
    ],
)
def test_an_input_may_be_any_json(console: Console, document: Any, job: str) -> None:
    console.states.add("job", asked=document).end("FAILED", 1, error="InvalidInput")
    seen = console.json("executions/job")
    assert (seen["job"], seen["input"], seen["canResume"]) == (job, document, False)


def test_however_many_look_on_the_cloud_is_asked_once_a_second(console: Console) -> None:
    mapping(console)
    console.json("executions/job")
    before = asked(console)
    for _ in range(20):
        console.json("executions/job")
        console.get("/api/executions/job/graph.svg")
        console.json("executions/job/events")
    assert asked(console) == before
    console.wait(1)
    console.json("executions/job")
    # The execution, what is new of its history, and the counts of the map run that runs.
    assert asked(console) == before + 3


def test_an_execution_that_is_over_is_asked_for_no_more(console: Console) -> None:
    execution, run = mapping(console)
    run.children = {arn: ("SUCCEEDED", task) for arn, (_, task) in run.children.items()}
    execution.add("MapStateExited", 4, stateExitedEventDetails={"name": "Map", "assignedVariables": {}})
    execution.end("SUCCEEDED", 5, output={"result": [], "counters": {"resultRecords": 0}, "steps": []})
    console.json("executions/job")
    before = asked(console)
    console.wait(3600)
    assert console.json("executions/job")["seconds"] == 5.0
    assert asked(console) == before


def test_one_that_was_redriven_runs_on(console: Console) -> None:
    execution, _ = mapping(console)
    execution.end("FAILED", 5, error="BadRecord")
    console.wait(5)
    assert console.json("executions/job")["status"] == "FAILED"
    execution.add("ExecutionRedriven", 20)
    execution.status, execution.stopped, execution.error = "RUNNING", None, ""
    before = asked(console)
    console.wait(30)
    assert console.json("executions/job")["status"] == "FAILED"
    assert asked(console) == before
    console.wait(30)
    seen = console.json("executions/job")
    assert (seen["status"], seen["canStop"], seen["canResume"]) == ("RUNNING", True, False)


def test_who_has_the_same_already_gets_an_empty_answer(console: Console) -> None:
    console.states.add("job").end("ABORTED", 5)
    tag = console.get("/api/executions/job").headers["ETag"]
    again = console.get("/api/executions/job", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert console.get("/api/executions/job", headers={"If-None-Match": '"other"'}).status_code == 200
    assert console.get("/api/executions/job/graph.svg").headers["ETag"] != tag


def test_only_what_is_new_of_a_history_is_read(console: Console) -> None:
    execution, _ = mapping(console)
    for _ in range(2000):
        execution.pass_by("Configure job")
    console.json("executions/job")
    before = console.states.calls["GetExecutionHistory"]
    execution.pass_by("Configure job")
    console.wait(1)
    assert console.json("executions/job")["events"] == 4007
    assert console.states.calls["GetExecutionHistory"] == before + 1


@contextmanager
def another_asking(console: Console, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another asks for the execution; the cloud keeps that waiting as long as the context lasts."""
    asks, go_on = threading.Event(), threading.Event()
    update = execution.update

    def slow(*arguments: Any) -> None:
        asks.set()
        assert go_on.wait(10)
        update(*arguments)

    monkeypatch.setattr(execution, "update", slow)
    other = threading.Thread(target=console.json, args=("executions/job",))
    other.start()
    assert asks.wait(10)
    yield
    go_on.set()
    other.join(10)


def test_one_who_comes_while_another_asks_gets_what_was_known(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping(console)
    console.json("executions/job")
    console.wait(1)
    with another_asking(console, monkeypatch):
        assert console.json("executions/job")["seconds"] == 2.0
    assert console.json("executions/job")["seconds"] == 3.0


def test_events_are_shown_while_another_asks_for_more(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping(console)
    console.json("executions/job")
    console.wait(1)
    monkeypatch.setattr(answers, "LONGEST_WAIT", 0.01)
    with another_asking(console, monkeypatch):
        page = console.get("/api/executions/job/events")
    assert page.status_code == 200
    assert ids(page.json) == [1, 2, 3, 4, 5]


def test_one_who_waits_too_long_for_another_is_told_to_try_again(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping(console)
    asks, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> None:
        asks.set()
        assert go_on.wait(10)

    monkeypatch.setattr(answers, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(execution, "update", slow)
    other = threading.Thread(target=console.get, args=("/api/executions/job",))
    other.start()
    assert asks.wait(10)
    answer = console.get("/api/executions/job")
    go_on.set()
    other.join(10)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "takes long" in (answer.json or {})["error"]


def test_of_many_executions_those_looked_at_last_are_kept(console: Console) -> None:
    for number in range(executions.KEPT + 1):
        console.states.add(f"job-{number}").end("ABORTED", 1)
        console.json(f"executions/job-{number}")
    before = asked(console)
    console.json(f"executions/job-{executions.KEPT}")
    console.json("executions/job-1")
    assert asked(console) == before
    console.json("executions/job-0")
    assert asked(console) > before


@pytest.mark.parametrize(
    "path",
    ["", "/graph.svg", "/events", "/tasks", "/tasks/r.eA", "/explanation", "/result", "/totals"],
)
def test_an_execution_that_there_is_not_is_said_to_be_none(console: Console, path: str) -> None:
    answer = console.get(f"/api/executions/no{path}")
    assert answer.status_code == 404
    assert "There is no execution no" in (answer.json or {})["error"]


def test_the_graph_is_drawn_with_the_states_as_they_are(console: Console) -> None:
    mapping(console)
    answer = console.get("/api/executions/job/graph.svg")
    assert answer.mimetype == "image/svg+xml"
    assert 'data-state="Map"' in answer.text
    assert "is-running" in answer.text
    assert 'role="button"' in answer.text


def refuse(console: Console, monkeypatch: pytest.MonkeyPatch, *operations: str) -> None:
    def denied(**_: Any) -> None:
        raise missing("AccessDeniedException")

    for operation in operations:
        monkeypatch.setattr(console.states, operation, denied)


def test_who_may_not_read_what_was_executed_sees_what_the_stack_has_now(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping(console)
    refuse(console, monkeypatch, "describe_state_machine_for_execution")
    assert console.json("executions/job")["states"]["Map"]["status"] == "running"
    drawn = console.get("/api/executions/job/graph.svg").text
    assert "<title>State machine as it is now</title>" in drawn
    assert 'data-state="Map"' in drawn


def test_who_may_read_no_definition_sees_all_but_the_graph(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping(console)
    refuse(console, monkeypatch, "describe_state_machine_for_execution", "describe_state_machine")
    seen = console.json("executions/job")
    assert (seen["state"], seen["phases"][0]["total"], seen["states"]) == ("Map", 3, {})
    assert len(console.json("executions/job/events")["events"]) == 5
    assert console.json("executions/job/tasks")["total"] == 3
    answer = console.get("/api/executions/job/graph.svg")
    assert answer.status_code == 404
    assert "takes states:DescribeStateMachineForExecution" in (answer.json or {})["error"]


def test_a_definition_that_cannot_be_read_now_is_no_missing_right(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapping(console)

    def busy(**_: Any) -> None:
        raise throttled()

    with monkeypatch.context() as patched:
        patched.setattr(console.states, "describe_state_machine_for_execution", busy)
        assert console.get("/api/executions/job").status_code == 503
    assert "State machine of job" in console.get("/api/executions/job/graph.svg").text


# ---- events -----------------------------------------------------------------------------------------------


def ids(page: Any) -> list[int]:
    return [event["id"] for event in page["events"]]


def test_events_are_read_from_either_end_page_by_page(console: Console) -> None:
    execution = console.states.add("job")
    for _ in range(6):
        execution.pass_by("Configure job")
    page = console.json("executions/job/events?limit=5")
    assert (ids(page), page["more"]) == ([1, 2, 3, 4, 5], True)
    page = console.json("executions/job/events?limit=8&after=5")
    assert (ids(page), page["more"]) == ([6, 7, 8, 9, 10, 11, 12, 13], False)
    page = console.json("executions/job/events?limit=3&order=desc")
    assert (ids(page), page["more"]) == ([13, 12, 11], True)
    page = console.json("executions/job/events?limit=50&order=desc&after=4")
    assert (ids(page), page["more"]) == ([3, 2, 1], False)


def test_an_event_says_when_and_in_which_state_it_was(console: Console) -> None:
    execution = console.states.add("job")
    execution.enter_map(RUN, 1.5)
    execution.add("MapRunFailed", 2.0, mapRunFailedEventDetails={"error": "x", "cause": '{"a": 1}'})
    console.states.runs[RUN] = FakeRun()
    found = console.json("executions/job/events")["events"]
    assert [(event["type"], event.get("state"), event["seconds"]) for event in found] == [
        ("ExecutionStarted", None, 0.0),
        ("MapStateEntered", "Map", 1.5),
        ("MapRunStarted", "Map", 1.5),
        ("MapRunFailed", "Map", 2.0),
    ]
    assert found[3]["details"] == {"error": "x", "cause": {"a": 1}}
    assert found[3]["previous"] == 3


def test_a_text_that_is_too_long_to_show_is_cut_and_says_so(console: Console) -> None:
    console.states.add("job").pass_by("Configure job", wave=["x" * 50_000], small=[1])
    details = console.json("executions/job/events")["events"][2]["details"]
    assert details["assignedVariables"]["small"] == [1]
    wave = details["assignedVariables"]["wave"]
    assert len(wave) < 21_000
    assert wave.endswith("… (50,004 characters)")


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '{"a": NaN}'])
def test_a_text_that_browsers_do_not_take_for_json_is_shown_as_it_is(console: Console, text: str) -> None:
    console.states.add("job").add("TaskFailed", taskFailedEventDetails={"cause": text})
    found = console.json("executions/job/events")["events"]
    assert found[1]["details"] == {"cause": text}


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=-1", "order=up", "limit=1e9"])
def test_a_page_that_there_is_not_is_refused(console: Console, query: str) -> None:
    console.states.add("job")
    answer = console.get(f"/api/executions/job/events?{query}")
    assert answer.status_code == 400
    assert (answer.json or {})["field"] == query.partition("=")[0]


# ---- the result -------------------------------------------------------------------------------------------


def succeeded(console: Console, suffix: str, data: bytes) -> None:
    key = f"jobs/job/stage-0/result/part-00000.{suffix}"
    console.s3.objects[key] = data
    output = {
        "result": [f"s3://{BUCKET}/{key}"],
        "counters": {"resultRecords": 3},
        "steps": [],
        "columns": ["word", "count"],
    }
    console.states.add("job").end("SUCCEEDED", 5, output=output)


def test_the_first_rows_of_a_result_are_shown(console: Console) -> None:
    succeeded(console, "csv", b"a,1\n<b>,2\nc,3\n")
    assert console.json("executions/job/result?rows=2") == {
        "columns": ["word", "count"],
        "rows": [["a", "1"], ["<b>", "2"]],
        "total": 3,
        "uris": [f"s3://{BUCKET}/jobs/job/stage-0/result/part-00000.csv"],
    }


def test_a_result_of_lines_is_told_to_be_text(console: Console) -> None:
    succeeded(console, "txt", b"one\ntwo\n")
    assert console.json("executions/job/result")["text"] is True


@pytest.mark.parametrize(
    ("rejects", "text"),
    [
        (0, ""),
        (1, f"1 record could not be read; it is set aside in s3://{BUCKET}/jobs/job/stage-0/rejects/"),
        (2, f"2 records could not be read; they are set aside in s3://{BUCKET}/jobs/job/stage-0/rejects/"),
    ],
)
def test_records_that_were_set_aside_are_told_of(console: Console, rejects: int, text: str) -> None:
    output = {
        "result": [f"s3://{BUCKET}/jobs/job/stage-0/result/part-00000.csv"],
        "counters": {"resultRecords": 3, "rejects": rejects},
        "steps": [{"stage": 0, "step": 0, "rejects": rejects}, {"stage": 0, "step": 1, "rejects": 0}],
    }
    console.states.add("job").end("SUCCEEDED", 5, output=output)
    assert console.json("executions/job")["setAside"] == text


def test_while_there_is_no_result_there_are_no_rows(console: Console) -> None:
    console.states.add("job")
    assert console.json("executions/job/result") == {"columns": [], "rows": [], "total": 0, "uris": []}


def test_a_result_that_has_no_rows_says_so(console: Console) -> None:
    succeeded(console, "bin", b"x")
    answer = console.get("/api/executions/job/result")
    assert answer.status_code == 409
    assert "raw bytes have no rows to show" in (answer.json or {})["error"]


def test_a_result_that_is_gone_says_so(console: Console) -> None:
    succeeded(console, "csv", b"x")
    console.s3.objects.clear()
    answer = console.get("/api/executions/job/result")
    assert answer.status_code == 404
    assert "run the job again" in (answer.json or {})["error"]


# ---- what goes wrong --------------------------------------------------------------------------------------


def denied() -> ClientError:
    return missing("AccessDeniedException")


def throttled() -> ClientError:
    return missing("ThrottlingException")


def silent() -> EndpointConnectionError:
    return EndpointConnectionError(endpoint_url="https://states")


@pytest.mark.parametrize(
    ("failure", "status", "text"),
    [
        (denied, 502, "AccessDeniedException: no such thing"),
        (throttled, 503, "more requests than the account may make"),
        (silent, 504, "did not answer as it should"),
        (lambda: ZeroDivisionError("secret details"), 500, "The console itself failed (ZeroDivisionError)"),
    ],
    ids=["denied", "throttled", "silent", "bug"],
)
def test_an_error_of_the_cloud_is_told_and_no_traceback_shown(
    failure: Callable[[], Exception], status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(local=False)
    mapping(console)
    console.states.failure = failure()
    for path in ("/api/executions", "/api/executions/job", "/api/executions/job/tasks"):
        answer = console.get(path)
        assert answer.status_code == status
        assert text in (answer.json or {})["error"]
        assert "Traceback" not in answer.text
        assert "secret details" not in answer.text
        assert answer.headers.get("Retry-After") == ("2" if status == 503 else None)
    assert type(console.states.failure).__name__ in capsys.readouterr().err or status != 500


def test_a_local_cloud_that_is_there_no_more_is_told_with_what_to_do(console: Console) -> None:
    mapping(console)
    console.states.failure = silent()
    answer = console.get("/api/executions/job")
    assert (answer.status_code, (answer.json or {})["error"]) == (
        504,
        "The local cloud was stopped, or started anew, and what was in it is gone: end this console (Ctrl-C) "
        "and start `marla console` again.",
    )


def test_what_was_seen_before_an_error_is_seen_again_after_it(console: Console) -> None:
    mapping(console)
    before = console.json("executions/job")
    console.wait(1)
    console.states.failure = silent()
    assert console.get("/api/executions/job").status_code == 504
    console.states.failure = None
    assert console.json("executions/job")["events"] == before["events"]


def test_pages_are_shells_that_name_the_execution(console: Console) -> None:
    console.states.add("job")
    assert "job" in console.get("/executions/job").text
    assert console.get("/").status_code == 200
    assert console.get("/new").status_code == 200
    assert console.get("/executions/job/report").text == "<h1>job</h1>"
    assert START.isoformat() not in console.get("/executions/job").text
    assert console.states.calls.total() == 0


def test_an_execution_that_there_is_not_has_no_report() -> None:
    console = Console()
    app = create_app(console.stack, SECRET)
    browser = app.test_client()
    browser.get(f"/?token={SECRET}", base_url=BASE)
    answer = browser.get("/executions/no/report", base_url=BASE)
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is no execution no" in answer.text


def test_a_page_that_there_is_not_is_said_to_be_none(console: Console) -> None:
    answer = console.get("/nowhere")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Not found" in answer.text
    assert console.get("/api/nowhere").json is not None

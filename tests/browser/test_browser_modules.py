"""What the console's scripts compute, by themselves: the form's document, and numbers as people read them."""

from __future__ import annotations

import mimetypes
from typing import Any, Protocol

import pytest
from playwright.sync_api import Page, Route

from marla.generate import parse_size
from marla.local.cloud import ROOT
from marla.phase import step_name
from marla.tree import rate_text
from marla.view import count_text, size_text

STATIC = ROOT / "marla" / "web" / "static"
ADDRESS = "http://localhost/"  # of nobody: the test itself answers


class Call(Protocol):
    def __call__(self, module: str, function: str, *arguments: Any) -> Any: ...


@pytest.fixture
def call(page: Page) -> Call:
    """Call a function of a module with JSON, and return what it returns."""

    def answer(route: Route) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        if not name:
            route.fulfill(content_type="text/html", body="<title>modules</title>")
        else:
            kind, _ = mimetypes.guess_type(name)
            route.fulfill(content_type=kind or "text/plain", body=(STATIC / name).read_text())

    page.route(f"{ADDRESS}**", answer)
    page.goto(ADDRESS)

    def call(module: str, function: str, *arguments: Any) -> Any:
        return page.evaluate(
            "async ([module, name, given]) => (await import(`/${module}.js`))[name](...given)",
            [module, function, list(arguments)],
        )

    return call


@pytest.mark.parametrize(
    "size", [0, 1, 999, 1000, 1049, 1050, 1150, 1250, 1350, 1750, 2250, 999_949, 999_950, 10**9, 5 * 10**12]
)
def test_bytes_are_written_as_on_the_command_line(call: Call, size: int) -> None:
    assert call("format", "size", size) == size_text(size)


@pytest.mark.parametrize("number", [0, 12, 1234, 1_234_567])
def test_numbers_are_written_as_on_the_command_line(call: Call, number: int) -> None:
    assert call("format", "count", number) == count_text(number)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.0004, "1 ms"),
        (0.042, "42 ms"),
        (1.23, "1.2 s"),
        (99.94, "99.9 s"),
        (125, "2 min 5 s"),
        (3599.7, "1 h 0 min"),
        (None, "—"),
    ],
)
def test_a_time_is_as_fine_as_it_is_short(call: Call, seconds: float | None, text: str) -> None:
    assert call("format", "duration", seconds) == text


@pytest.mark.parametrize("per_second", [0.0007, 0.0357, 0.0999, 0.1, 0.25, 3.21, 99.5, 1250.4])
def test_a_rate_is_written_as_in_the_terminal(call: Call, per_second: float) -> None:
    number, _, unit = rate_text(per_second).partition("/")
    assert call("format", "rate", per_second) == f"{number} tasks/{unit}"


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize("sample", [False, True])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_a_step_is_called_as_its_phases_are(call: Call, step: int, sample: bool, stages: int) -> None:
    name = step_name(step, sample=sample, stage=1 if stages > 1 else None)
    assert call("format", "stepName", {"step": step, "sample": sample, "stage": 1}, stages) == name


@pytest.mark.parametrize(
    ("status", "total", "text"),
    [
        ("all", 604, "604 attempts: 603 done, 0 running, 1 failed"),
        ("failed", 1, "1 failed attempt; in all: 603 done, 0 running, 1 failed"),
        ("running", 0, "0 running attempts; in all: 603 done, 0 running, 1 failed"),
        ("done", 603, "603 successful attempts; in all: 603 done, 0 running, 1 failed"),
    ],
)
def test_a_count_of_attempts_says_what_it_counts(call: Call, status: str, total: int, text: str) -> None:
    counts = {"done": 603, "running": 0, "failed": 1}
    assert call("task", "countsText", status, {"total": total, "counts": counts}) == text


@pytest.mark.parametrize(
    ("named", "more", "text"),
    [
        ([], None, ""),
        (["s3://b/a"], 0, "s3://b/a"),
        (["s3://b/a", "s3://b/c"], 1, "s3://b/a\ns3://b/c"),
        (["s3://b/a", "s3://b/c"], 1200, "s3://b/a\ns3://b/c\nand 1,199 more"),
    ],
    ids=["none", "one", "all", "more"],
)
def test_all_objects_of_an_attempt_that_are_known_are_named(
    call: Call, named: list[str], more: int | None, text: str
) -> None:
    task = {"object": named[0] if named else None, "objects": named or None, "more": more}
    assert call("task", "objectsText", task) == text


def test_the_cell_of_an_attempt_says_how_many_objects_it_does_not_name(call: Call, page: Page) -> None:
    assert call("task", "objectName", "s3://b/x/a.csv") == "a.csv"
    told = page.evaluate(
        """async (tasks) => {
            const { objectCell } = await import("/task.js");
            return tasks.map((task) => objectCell(task).textContent);
        }""",
        [{"object": "s3://b/x/a.csv", "objects": ["s3://b/x/a.csv"], "more": more} for more in (0, 4)],
    )
    assert told == ["a.csv", "a.csv and 4 more"]


@pytest.mark.parametrize(
    ("status", "tasks", "text"),
    [
        ("ABORTED", 9, "1 task was finished after the end, beside the 8 that the phases count."),
        ("FAILED", 10, "2 tasks were finished after the end, beside the 8 that the phases count."),
        ("FAILED", 8, ""),
        ("FAILED", 5, ""),
        ("SUCCEEDED", 9, ""),
    ],
)
def test_tasks_that_were_finished_after_the_end_are_told(
    call: Call, status: str, tasks: int, text: str
) -> None:
    assert call("result", "lateText", {"tasks": tasks}, {"status": status, "succeeded": 8}) == text


def test_a_job_that_was_resumed_by_now_says_so_in_place_of_the_button(call: Call, page: Page) -> None:
    assert call("format", "count", 1) == "1"
    told = page.evaluate(
        """async (found) => {
            const { explained } = await import("/explanation.js");
            const { el } = await import("/dom.js");
            const box = el("div", {}, explained(found, null));
            return [box.textContent, box.querySelectorAll("button").length];
        }""",
        {"error": {"name": "BadRecord"}, "unresumable": "The job has its result by now: again published it"},
    )
    assert told == ["✕ BadRecord What to doThe job has its result by now: again published it", 0]


def test_a_row_that_changes_keeps_what_is_the_same_in_it(call: Call, page: Page) -> None:
    assert call("format", "count", 1) == "1"
    told = page.evaluate(
        """async () => {
            const { Rows } = await import("/table.js");
            const { el } = await import("/dom.js");
            const body = el("tbody");
            document.body.append(el("table", {}, body));
            const link = (one) => el("a", { href: "/" + one.name }, one.name);
            const columns = [{ head: true, cell: link }, { cell: (one) => one.seconds }];
            const rows = new Rows(body, columns, (one) => one.name, "none");
            rows.show([{ name: "a", seconds: 1 }]);
            const before = body.querySelector("a");
            before.focus();
            rows.show([{ name: "b", seconds: 0 }, { name: "a", seconds: 2 }]);
            const kept = before.isConnected && document.activeElement === before;
            return [kept, body.textContent, rows.latest({ name: "a" }).seconds];
        }"""
    )
    assert told == [True, "b0a2", 2]


@pytest.mark.parametrize("text", ["64MB", "64mib", "200 KB", "4096", "1GB"])
def test_a_size_means_what_it_means_on_the_command_line(call: Call, text: str) -> None:
    assert call("document", "sizeFrom", text) == parse_size(text)


def test_what_is_no_number_is_left_for_the_check_to_refuse(call: Call) -> None:
    assert call("document", "numberFrom", "ten") == "ten"
    assert call("document", "sizeFrom", "12 parsecs") == "12 parsecs"
    assert call("document", "numberFrom", " ") is None


@pytest.mark.parametrize(
    "given",
    [
        "s3://b/a/",
        ["s3://b/a/", "s3://b/c/"],
        [{"name": "rankings", "uri": "s3://b/r/"}, {"name": "uservisits", "uri": "s3://b/v/"}],
        [{"uri": "s3://b/a/", "format": {"type": "csv", "header": True}, "splittable": False}],
        ["s3://b/a/", {"from": "stages.0.result"}],
    ],
    ids=["one", "several", "named", "of a format", "reference"],
)
def test_inputs_come_out_of_the_form_as_they_went_in(call: Call, given: Any) -> None:
    assert call("document", "inputFrom", call("document", "inputsOf", given)) == given


def test_a_query_of_one_statement_is_a_text_and_of_more_an_object(call: Call) -> None:
    document = call("document", "withStatement", {"input": "s3://b/"}, "map", "SELECT 1")
    assert document == {"sql": "SELECT 1", "input": "s3://b/"}
    document = call("document", "withStatement", document, "key", ["a"])
    assert document["sql"] == {"map": "SELECT 1", "key": ["a"]}


def test_a_query_asks_for_its_placeholders_but_not_for_those_in_texts_and_comments(call: Call) -> None:
    query = "SELECT '$no', a FROM input -- $neither\nWHERE a > $least AND b < $most AND c > $least"
    assert call("document", "placeholders", query) == ["least", "most"]


def test_another_job_keeps_the_parameters_that_it_takes_and_no_query(call: Call) -> None:
    before = {"sql": "SELECT 1", "params": {"k": 3, "field": 2}, "input": "s3://b/", "partitions": 2}
    after = {"job": "top", "params": {"k": 3}, "input": "s3://b/", "partitions": 2}
    assert call("document", "withJob", before, "top", ["k", "delimiter"]) == after


def test_another_execution_of_the_same_is_a_job_of_its_own(call: Call) -> None:
    asked = {"job": "sort", "input": "s3://b/", "resume": "first"}
    assert call("document", "anew", asked) == {"job": "sort", "input": "s3://b/"}

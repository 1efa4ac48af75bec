"""An execution's page: what it shows is what the records and the history of the execution say."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Position, Route, expect

from marla import results
from marla.stack import Stack
from marla.view import size_text
from tests.browser.conftest import Accessible, Open, Visit
from tests.browser.reading import facts, number, state, table, the_table
from tests.browser.scenes import Scene

BORDER: Position = {"x": 10, "y": 10}  # of a Map: within it are other states


@pytest.fixture
def shown(visit: Visit, succeeded: Scene) -> Page:
    """The page of an execution that has succeeded."""
    page = visit(f"/executions/{succeeded.name}")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Succeeded$"))
    return page


def test_what_was_just_started_is_asked_for_again_until_it_is_known(
    watched: Open, visit: Visit, succeeded: Scene
) -> None:
    """Step Functions says of an execution that there is none, in its first moments."""
    page, problems = watched
    answers = iter([404, 404])

    def answer(route: Route) -> None:
        if status := next(answers, None):
            route.fulfill(status=status, json={"error": "There is no such execution"})
        else:
            route.continue_()

    page.route(f"**/api/executions/{succeeded.name}", answer)
    visit(f"/executions/{succeeded.name}")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Succeeded$"))
    expect(page.get_by_role("region", name="Phases")).to_be_visible()
    assert all("404" in problem for problem in problems)
    problems.clear()


def test_the_graph_tells_which_states_the_execution_went_through(shown: Page, succeeded: Scene) -> None:
    tasks = len(succeeded.step_records[0])
    for name in ("Configure job", "List input", "Report", "Done"):
        expect(state(shown, name)).to_have_accessible_name(re.compile(f"^{name}: succeeded"))
    expect(state(shown, "Map")).to_have_accessible_name(
        re.compile(f"^Map: succeeded, {tasks} of {tasks} tasks")
    )
    expect(state(shown, "Map")).to_contain_text(f"{tasks} of {tasks}")
    expect(state(shown, "Invalid input")).to_have_accessible_name("Invalid input: not reached")


def test_a_state_that_is_chosen_says_more_of_itself(shown: Page, succeeded: Scene) -> None:
    state(shown, "Map").click(position=BORDER)
    panel = shown.get_by_role("region", name="The chosen state")
    tasks = len(succeeded.step_records[0])
    expect(panel.get_by_role("heading", name="Map")).to_be_visible()
    expect(panel).to_contain_text(f"{tasks} of {tasks}")
    panel.get_by_role("button", name="Show its tasks").click()
    expect(the_table(shown, "Tasks").locator("tbody tr")).to_have_count(tasks)
    panel.get_by_role("button", name="Close").click()
    expect(panel.get_by_role("heading", name="Map")).to_be_hidden()


def test_numbers_of_phases_and_steps_are_the_sums_of_the_task_records(shown: Page, succeeded: Scene) -> None:
    expect(the_table(shown, "Steps").locator("tbody tr")).not_to_have_count(0)
    phases, steps = table(shown, "Phases"), table(shown, "Steps")
    of_steps = succeeded.step_records
    assert len(phases) == len(steps) == len(of_steps) >= 2
    for number_of_step, (phase, row) in enumerate(zip(phases, steps, strict=True)):
        done = of_steps[number_of_step]
        assert number(phase["Tasks done"]) == number(row["Tasks"]) == len(done)
        assert number(phase["Failed"]) == 0
        records_in = sum(record.records_in for record in done)
        assert number(phase["Records"]) == number(row["Records in"]) == records_in
        assert number(row["Records out"]) == sum(record.records_out for record in done)
        assert row["Bytes in"] == size_text(sum(record.bytes_in for record in done))
        assert row["Bytes out"] == size_text(sum(record.bytes_out for record in done))


def test_each_row_of_the_tasks_is_what_its_record_says(shown: Page, succeeded: Scene) -> None:
    shown.get_by_label("Phase", exact=True).select_option(index=0)
    mappers = succeeded.step_records[0]
    expect(the_table(shown, "Tasks").locator("tbody tr")).to_have_count(len(mappers))
    rows = {number(row["Task"]): row for row in table(shown, "Tasks")}
    assert set(rows) == {record.task for record in mappers}
    for record in mappers:
        row = rows[record.task]
        assert row["Status"].endswith("Done")
        assert number(row["Records in"]) == record.records_in
        assert number(row["Records out"]) == record.records_out
        assert row["Bytes in"] == size_text(record.bytes_in)
        assert row["Bytes out"] == size_text(record.bytes_out)
        assert ("cold start" in row["Marks"]) == record.cold_start
        assert row["Object or error"] == record.ranges[0].key.rpartition("/")[2]


def test_the_totals_are_those_of_all_task_records(shown: Page, succeeded: Scene) -> None:
    expect(shown.get_by_role("heading", name="Totals of all tasks")).to_be_visible()
    totals = facts(shown, "Totals of all tasks")
    records = succeeded.records
    assert number(totals["Attempts"]) == len(records)
    assert number(totals["Tasks"]) == sum(map(len, succeeded.step_records.values()))
    assert number(totals["Cold starts"]) == sum(record.cold_start for record in records)
    mapped = succeeded.step_records[0]
    assert number(totals["Input records"]) == sum(record.records_in for record in mapped)
    assert totals["Input bytes"] == size_text(sum(record.bytes_in for record in mapped))
    gb_seconds = sum(record.billed_ms / 1000 * record.memory_mib / 1024 for record in records)
    assert totals["Lambda"] == f"{gb_seconds:.2f} GB-s"


def test_a_task_shows_its_input_its_output_and_its_log(
    shown: Page, succeeded: Scene, accessible: Accessible
) -> None:
    shown.get_by_label("Phase", exact=True).select_option(index=0)
    record = succeeded.step_records[0][3]
    shown.get_by_role("button", name=f"Task {record.task}, attempt 1", exact=True).click()
    dialog = shown.get_by_role("dialog", name=f"Task {record.task}")
    expect(dialog.get_by_role("heading", name="Log")).to_be_visible()
    given = json.loads(dialog.get_by_label("Input", exact=True).inner_text())
    assert given["task"] == record.task
    made = json.loads(dialog.get_by_label("Output", exact=True).inner_text())
    assert made["recordsIn"] == record.records_in
    expect(dialog.get_by_label("Log", exact=True)).to_contain_text(record.request)
    accessible(shown)
    shown.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_first_rows_of_the_result_are_shown(shown: Page, succeeded: Scene, stack: Stack) -> None:
    assert succeeded.progress.output is not None
    head = results.head(stack, succeeded.progress.output["result"], 20)
    shown.get_by_role("tab", name="Result").click()
    rows = shown.get_by_role("table", name="First rows of the result")
    expect(rows.locator("tbody tr")).to_have_count(20)
    cells = rows.locator("tbody tr").first.locator("td").all_inner_texts()
    assert cells == [str(value) for value in head.rows[0]]
    for uri in succeeded.progress.output["result"]:
        expect(shown.get_by_role("tabpanel", name="Result")).to_contain_text(uri)


def test_the_history_is_shown_event_by_event(shown: Page, succeeded: Scene, accessible: Accessible) -> None:
    shown.get_by_role("tab", name="Events").click()
    events = the_table(shown, "Events")
    expect(events.locator("tbody tr").first).to_contain_text("ExecutionStarted")
    shown.get_by_label("Order").select_option("Latest first")
    expect(events.locator("tbody tr").first).to_contain_text("ExecutionSucceeded")
    [latest, *_] = table(shown, "Events")
    assert number(latest["Event"]) == succeeded.progress.last_event
    events.locator("summary").first.click()
    accessible(shown)


def test_the_page_bars_nobody(shown: Page, accessible: Accessible) -> None:
    expect(shown.get_by_role("heading", name="Totals of all tasks")).to_be_visible()
    accessible(shown)


def test_the_list_leads_to_the_page(visit: Visit, succeeded: Scene, accessible: Accessible) -> None:
    page = visit("/")
    page.get_by_label("Status").select_option("Succeeded")
    link = page.get_by_role("link", name=succeeded.name, exact=True)
    expect(link).to_be_visible()
    statuses = {row["Status"] for row in table(page, "Executions")}
    assert {text.lstrip("✓") for text in statuses} == {"Succeeded"}
    accessible(page)
    link.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(succeeded.name)

"""The form that starts an execution: what it says is wrong, and what becomes of it when it is sent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from marla import records
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.browser import hands, scenes
from tests.browser.conftest import Accessible, Open, Visit
from tests.browser.reading import number, state, table
from tests.local_cloud import READABLE

JOB_MILLISECONDS = 60_000


def document(page: Page) -> dict[str, Any]:
    """The execution's input as the form shows it."""
    content: dict[str, Any] = json.loads(page.get_by_label("JSON").input_value())
    return content


def ask_for(page: Page, job: str, uri: str) -> None:
    """Fill in what a job needs, and wait until it may be sent."""
    page.get_by_label("Job", exact=True).select_option(job)
    hands.first_input(page).fill(uri)
    expect(hands.start_button(page)).to_be_enabled()


@pytest.fixture
def form(visit: Visit) -> Page:
    """The empty form."""
    page = visit("/new")
    expect(page.get_by_role("alert")).to_contain_text("What is missing")
    return page


def test_a_job_is_started_from_the_form_and_its_graph_watched_to_the_end(
    form: Page, cloud: LocalCloud, stack: Stack, accessible: Accessible
) -> None:
    name = "browser-form"
    uri = scenes.put_visits(stack, READABLE, f"browser/{name}")
    accessible(form)
    hands.fill_in(form, name, uri, split_bytes=scenes.SPLIT_BYTES, prefix=4)
    request = scenes.request(uri, params={"prefix": 4})
    assert document(form) == request
    expect(form.get_by_text("Sum adRevenue").locator("code")).to_have_text("uservisits")
    accessible(form)

    with scenes.held_up(cloud, name, seconds=2):
        hands.start_button(form).click()
        form.wait_for_url(f"**/executions/{name}")
        title = form.get_by_role("heading", level=1)
        expect(title).to_have_text(re.compile("Running$"))
        # Some mappers are done while others are held up: the graph and the table of phases show how many.
        some_done = re.compile(f"^Map: running, {scenes.BEFORE_SLOW} of")
        expect(state(form, "Map")).to_have_accessible_name(some_done, timeout=JOB_MILLISECONDS)
        expect(form.get_by_role("progressbar", name="Tasks of Map done")).to_be_visible()
        expect(state(form, "Done")).to_have_accessible_name("Done: not reached")
        accessible(form)
        expect(state(form, "Done")).to_have_accessible_name(
            re.compile("^Done: succeeded"), timeout=JOB_MILLISECONDS
        )
    expect(title).to_have_text(re.compile("Succeeded$"))
    expect(state(form, "Map")).to_have_accessible_name(re.compile(r"^Map: succeeded, (\d+) of \1 tasks"))

    done = [record for record in records.of_execution(stack, name) if record.succeeded]
    assert form.get_by_role("progressbar", name="How much of the job is done").get_attribute("value") == "1"
    [mapped, *_] = table(form, "Steps")
    mappers = [record for record in done if record.step == 0]
    assert number(mapped["Tasks"]) == len(mappers)
    assert number(mapped["Records in"]) == sum(record.records_in for record in mappers)
    assert number(mapped["Records in"]) == sum(body.count(b"\n") for body in scenes.visits().values())


def test_a_wrong_value_is_told_at_its_field_and_in_the_summary_until_it_is_mended(form: Page) -> None:
    ask_for(form, "uservisits", f"s3://{READABLE}/browser/")
    prefix = form.get_by_label("prefix")
    prefix.fill("0")
    prefix.blur()
    expect(prefix).to_have_attribute("aria-invalid", "true")
    expect(prefix).to_have_accessible_description(re.compile("at least 1"))
    summary = form.get_by_role("alert").filter(has_text="problem")
    expect(summary).to_contain_text("prefix")
    expect(hands.start_button(form)).to_be_disabled()
    summary.get_by_role("link").click()
    expect(prefix).to_be_focused()
    prefix.fill("2")
    expect(hands.start_button(form)).to_be_enabled()
    expect(prefix).not_to_have_attribute("aria-invalid", "true")
    expect(summary).to_be_hidden()


def test_what_is_pressed_does_not_move_away_when_something_is_found_wrong(form: Page) -> None:
    ask_for(form, "uservisits", f"s3://{READABLE}/browser/")
    prefix = form.get_by_label("prefix")
    prefix.fill("0")
    form.get_by_role("button", name="Browse for input 1").hover()
    with form.expect_response("**/api/check"):
        form.mouse.down()
    expect(form.get_by_text("Checking…")).to_be_hidden()
    expect(prefix).not_to_have_attribute("aria-invalid", "true")
    form.mouse.up()
    expect(form.get_by_role("dialog", name="Choose input")).to_be_visible()
    expect(prefix).to_have_attribute("aria-invalid", "true")


def test_what_was_wrong_before_is_not_told_while_a_change_is_checked(form: Page) -> None:
    job = form.get_by_label("Job", exact=True)
    held: list[Route] = []

    def hold(check: Route) -> None:
        held.append(check)

    form.route("**/api/check", hold, times=1)
    job.focus()
    with form.expect_request("**/api/check"):
        job.select_option("uservisits")
        form.get_by_label("prefix").focus()
    assert job.get_attribute("aria-invalid") is None
    [check] = held
    check.continue_()
    expect(form.get_by_role("alert").filter(has_text="1 problem to mend")).to_be_visible()


def test_an_execution_that_could_not_be_started_may_be_started_once_more(form: Page, watched: Open) -> None:
    ask_for(form, "wordcount", f"s3://{READABLE}/browser/none-such/")
    form.route("**/api/executions", lambda route: route.abort(), times=1)
    hands.start_button(form).click()
    expect(form.get_by_role("alert").filter(has_text="1 problem to mend")).to_be_focused()
    assert all("ERR_FAILED" in problem for problem in watched.problems)
    watched.problems.clear()
    hands.start_button(form).focus()
    form.keyboard.press("Enter")
    form.wait_for_url("**/executions/*")


def test_a_name_that_no_execution_can_have_is_told_at_its_field(form: Page, accessible: Accessible) -> None:
    form.get_by_label("Job", exact=True).select_option("wordcount")
    hands.first_input(form).fill(f"s3://{READABLE}/browser/")
    name = form.get_by_label("Name", exact=True)
    name.fill("no spaces")
    name.blur()
    expect(name).to_have_accessible_description(re.compile("give up to 80 characters"))
    expect(hands.start_button(form)).to_be_disabled()
    accessible(form)
    name.fill("no-spaces")
    expect(hands.start_button(form)).to_be_enabled()


def test_an_empty_query_is_told_with_what_else_is_missing(form: Page) -> None:
    form.get_by_label("Job", exact=True).select_option("query (SQL)")
    summary = form.get_by_role("alert").filter(has_text="2 problems to mend")
    expect(summary).to_contain_text("Query: got nothing")
    expect(summary).to_contain_text("Input 1")


def test_the_json_says_what_the_fields_say_and_the_fields_what_it_says(form: Page) -> None:
    json_field = form.get_by_label("JSON")
    asked = {"job": "grep", "input": "s3://data/books/", "params": {"pattern": "whale"}}
    json_field.fill(json.dumps(asked | {"partitions": 3}))
    expect(form.get_by_label("pattern")).to_have_value("whale")
    expect(form.get_by_label("Partitions", exact=True)).to_have_value("3")
    form.get_by_label("pattern").fill("white whale")
    form.get_by_label("Partitions", exact=True).fill("")
    assert document(form) == asked | {"params": {"pattern": "white whale"}}
    json_field.fill("{")
    expect(form.get_by_text("Checking…")).to_be_hidden()
    expect(json_field).to_have_accessible_description(re.compile("no JSON"))
    expect(hands.start_button(form)).to_be_disabled()


def test_a_query_is_asked_for_the_values_of_its_placeholders(form: Page, accessible: Accessible) -> None:
    form.get_by_label("Job", exact=True).select_option("query (SQL)")
    form.get_by_label("Query").fill(
        "SELECT ip, sum(revenue) AS revenue FROM input WHERE day >= $since GROUP BY ALL"
    )
    form.get_by_label("Columns").fill("ip VARCHAR, day DATE, revenue DOUBLE")
    form.get_by_label("$since").fill("2000-01-01")
    hands.first_input(form).fill(f"s3://{READABLE}/browser/")
    expect(hands.start_button(form)).to_be_enabled()
    assert document(form)["params"] == {"since": "2000-01-01"}
    accessible(form)


def test_the_names_of_objects_to_choose_from_are_but_text(
    form: Page, stack: Stack, accessible: Accessible
) -> None:
    evil = "<img src=x onerror=alert(1)>.csv"
    stack.s3.put_object(Bucket=READABLE, Key=f"browser/evil/{evil}", Body=b"x")
    form.get_by_role("button", name="Browse for input 1").click()
    dialog = form.get_by_role("dialog", name="Choose input")
    for place in (READABLE, "browser/", "evil/"):
        dialog.get_by_role("button", name=f"▸ {place}", exact=True).click()
    expect(dialog.get_by_role("cell", name=evil, exact=True)).to_be_visible()
    accessible(form)
    dialog.get_by_role("checkbox", name=f"Choose {evil}").check()
    dialog.get_by_role("button", name="Use what is chosen").click()
    assert document(form)["input"] == f"s3://{READABLE}/browser/evil/{evil}"

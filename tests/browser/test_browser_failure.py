"""An execution that failed: its page says first of all why, and what to do. Data on it is but text."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from marla.stack import Stack
from tests.browser import scenes
from tests.browser.conftest import Accessible, Visit
from tests.browser.reading import state, table, the_table
from tests.browser.scenes import TORN, TORN_FILE, Scene
from tests.local_cloud import READABLE


@pytest.fixture
def shown(visit: Visit, failed: Scene) -> Page:
    """The page of an execution that has failed."""
    page = visit(f"/executions/{failed.name}")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Failed$"))
    return page


def failing(failed: Scene) -> int:
    """The number of the mapper that failed."""
    [task] = {record.task for record in failed.records if not record.succeeded}
    return task


def test_the_cause_comes_first_with_object_offset_and_the_lines_around_it(
    shown: Page, failed: Scene, accessible: Accessible
) -> None:
    why = shown.get_by_role("region", name="Why it failed")
    expect(why.get_by_text("BadRecord").first).to_be_visible()
    expect(why).to_contain_text(f"task {failing(failed)}")
    expect(why).to_contain_text(f"{TORN_FILE} at byte {scenes.torn_offset():,}")
    bad = why.get_by_label("Lines of the object").get_by_role("row", name=re.compile("^the bad one"))
    expect(bad).to_contain_text(TORN.decode().strip()[:60])
    expect(why.get_by_role("heading", name="What to do")).to_be_visible()
    expect(why).to_contain_text(f"marla run --resume {failed.name}")
    accessible(shown)


def test_the_graph_shows_where_it_failed(shown: Page) -> None:
    expect(state(shown, "Map")).to_have_accessible_name(re.compile("^Map: failed"))
    expect(state(shown, "Plan reduce step")).to_have_accessible_name("Plan reduce step: not reached")


def test_the_failed_mapper_shows_its_error_and_its_log(
    shown: Page, failed: Scene, accessible: Accessible
) -> None:
    shown.get_by_label("Status", exact=True).select_option("Failed")
    task = failing(failed)
    button = shown.get_by_role("button", name=re.compile(f"^Task {task}, attempt 1"))
    expect(the_table(shown, "Tasks").locator("tbody tr")).to_have_count(1)
    [row] = table(shown, "Tasks")
    assert "BadRecord" in row["Object or error"]
    button.click()
    dialog = shown.get_by_role("dialog", name=f"Task {task}")
    expect(dialog.get_by_role("heading", name="Error")).to_be_visible()
    expect(dialog).to_contain_text("BadRecord")
    expect(dialog).to_contain_text(str(scenes.torn_offset()))
    [record] = [one for one in failed.records if not one.succeeded]
    expect(dialog.get_by_label("Log", exact=True)).to_contain_text(record.request)
    accessible(shown)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_markup_in_the_data_is_text(shown: Page) -> None:
    why = shown.get_by_role("region", name="Why it failed")
    expect(why.get_by_text("<b>sale</b>").first).to_be_visible()
    assert shown.locator("b", has_text="sale").count() == 0


def test_a_job_that_met_a_bad_record_is_resumed_with_how_many_may_be_set_aside(
    shown: Page, failed: Scene, stack: Stack, accessible: Accessible
) -> None:
    why = shown.get_by_role("region", name="Why it failed")
    why.get_by_role("button", name="Resume the job…").click()
    question = shown.get_by_role("dialog", name="Resume this job?")
    bad = question.get_by_label("Bad records")
    expect(bad).to_have_attribute("aria-required", "true")
    expect(bad).to_have_accessible_description(re.compile("this execution had maxBadRecords 0"))
    question.get_by_role("button", name="Resume it").click()
    expect(question.get_by_role("alert")).to_contain_text("say how many")
    expect(bad).to_be_focused()
    accessible(shown)

    bad.fill("1")
    question.get_by_role("button", name="Resume it").click()
    shown.wait_for_url(lambda url: not url.endswith(failed.name))
    title = shown.get_by_role("heading", level=1)
    expect(title).to_have_text(re.compile("Succeeded$"), timeout=60_000)
    told = f"1 record could not be read; it is set aside in s3://{stack.job_bucket}/jobs/{failed.name}/"
    expect(shown.get_by_role("list", name="Warnings")).to_contain_text(told)
    shown.get_by_role("tab", name="Result").click()
    expect(shown.get_by_role("tabpanel", name="Result")).to_contain_text(told)
    expect(shown.get_by_role("table", name="First rows of the result")).to_be_visible()
    accessible(shown)


def test_what_would_fail_again_is_not_offered_to_be_resumed(visit: Visit, stack: Stack) -> None:
    empty = scenes.request(f"s3://{READABLE}/browser/nothing-is-here/")
    assert scenes.played(stack, "browser-empty", empty).progress.error == "NoInput"
    page = visit("/executions/browser-empty")
    why = page.get_by_role("region", name="Why it failed")
    expect(why).to_contain_text("NoInput")
    expect(why.get_by_role("button", name="Resume the job…")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete…")).to_be_enabled()
    expect(page.get_by_role("button", name="Resume…", exact=True)).to_be_disabled()
    expect(page.get_by_label("Phase", exact=True)).to_be_hidden()  # there was none to choose

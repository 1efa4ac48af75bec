"""An execution that failed: its page says first of all why, and what to do. Data on it is but text."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import scenes
from tests.browser.conftest import Accessible, Visit
from tests.browser.reading import state, table, the_table
from tests.browser.scenes import TORN, TORN_FILE, Scene


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

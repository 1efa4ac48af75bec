"""The report of a real execution, opened from its page: its numbers are those of the task records."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Accessible, Visit
from tests.browser.reading import cells, number, size_text
from tests.browser.scenes import TORN_FILE, Scene, torn_offset

DRAWN = "html[data-drawn]"  # when all charts are there


@pytest.fixture
def opened(visit: Visit, succeeded: Scene) -> Page:
    """The report of the execution that succeeded."""
    return open_report(visit, succeeded)


def open_report(visit: Visit, scene: Scene) -> Page:
    """Follow the link to an execution's report, which opens a tab of its own."""
    page = visit(f"/executions/{scene.name}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(scene.name)
    with page.context.expect_page() as tab:
        page.get_by_role("link", name="Report").click()
    tab.value.wait_for_selector(DRAWN)
    return tab.value


def test_the_numbers_of_the_report_are_those_of_the_task_records(opened: Page, succeeded: Scene) -> None:
    expect(opened.get_by_role("heading", level=1)).to_have_text(succeeded.name)
    of_steps = succeeded.step_records
    rows = cells(opened, "What each step did")
    assert len(rows) == len(of_steps)
    for step, (_, tasks, read, written, bytes_read, bytes_written, *_) in enumerate(rows):
        done = of_steps[step]
        assert number(tasks) == len(done)
        assert number(read) == sum(record.records_in for record in done)
        assert number(written) == sum(record.records_out for record in done)
        assert bytes_read == size_text(sum(record.bytes_in for record in done))
        assert bytes_written == size_text(sum(record.bytes_out for record in done))


def test_the_report_bars_nobody(opened: Page, accessible: Accessible) -> None:
    accessible(opened)


def test_the_report_of_a_failed_execution_says_where_it_failed(visit: Visit, failed: Scene) -> None:
    report = open_report(visit, failed)
    failure = report.get_by_role("region", name="Failure")
    expect(failure).to_contain_text("BadRecord")
    expect(failure).to_contain_text(TORN_FILE)
    expect(failure).to_contain_text(f"{torn_offset():,}")

"""What can be done with an execution on its page: it is stopped, its job resumed, and its objects deleted."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from marla import execution
from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.browser import scenes
from tests.browser.conftest import Accessible, Visit
from tests.browser.reading import number, state, table
from tests.local_cloud import READABLE

HELD_UP_SECONDS = 10.0  # longer than it takes to stop the execution


def title(page: Page, ends: str) -> None:
    """Wait until the page's title ends so: with a status."""
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(f"{ends}$"), timeout=30_000)


def test_a_job_is_stopped_resumed_and_deleted(
    visit: Visit, cloud: LocalCloud, stack: Stack, accessible: Accessible
) -> None:
    name = "browser-stopped"
    uri = scenes.put_visits(stack, READABLE, f"browser/{name}")
    with scenes.held_up(cloud, name, HELD_UP_SECONDS):
        execution.start(stack, scenes.request(uri), name)
        page = visit(f"/executions/{name}")
        title(page, "Running")
        expect(state(page, "Map")).to_have_accessible_name(
            re.compile(f"^Map: running, {scenes.BEFORE_SLOW} of")
        )

        page.get_by_role("button", name="Stop…").click()
        question = page.get_by_role("dialog", name="Stop this execution?")
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()
        accessible(page)
        question.get_by_role("button", name="Stop it").click()
        title(page, "Stopped")
    expect(state(page, "Map")).to_have_accessible_name(re.compile("^Map: stopped"))

    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("dialog", name="Resume this job?").get_by_role("button", name="Resume it").click()
    page.wait_for_url(lambda url: urlsplit(url).path.startswith("/executions/") and not url.endswith(name))
    title(page, "Succeeded")
    [mapped, *_] = table(page, "Steps")
    assert 0 < number(mapped["Reused"]) < number(mapped["Tasks"])

    resumed = urlsplit(page.url).path.rpartition("/")[2]
    page = visit(f"/executions/{name}")
    why = page.get_by_role("region", name="Why it ended")
    expect(why).to_contain_text(f"{resumed} published it")
    expect(why.get_by_role("button", name="Resume the job…")).to_have_count(0)
    expect(page.get_by_role("button", name="Resume…", exact=True)).to_be_disabled()

    page.get_by_role("button", name="Delete…").click()
    question = page.get_by_role("dialog", name="Delete the objects of this job?")
    expect(question).to_contain_text(f"s3://{stack.job_bucket}/jobs/{name}/")
    question.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text(re.compile(r"^[1-9]\d* objects deleted")).first).to_be_visible()
    totals = page.get_by_role("region", name="Totals of all tasks")
    expect(totals).to_contain_text("The records of this job's tasks were deleted")
    expect(page.get_by_role("tabpanel", name="Tasks")).to_contain_text("there is nothing to add up")
    expect(why).to_contain_text("Nothing of the job is left that could be resumed")
    expect(page.get_by_role("button", name="Resume…", exact=True)).to_be_disabled()
    accessible(page)
    left = stack.s3.list_objects_v2(Bucket=stack.job_bucket, Prefix=f"jobs/{name}/").get("Contents", [])
    assert [item["Key"] for item in left if "/result/" in item["Key"]] == []

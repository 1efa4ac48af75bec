"""The whole way by keyboard alone: from the list to the form, an execution, a task of it, and its result."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from marla.stack import Stack
from tests.browser import hands, scenes
from tests.browser.conftest import Visit
from tests.browser.hands import tab_to
from tests.browser.reading import state
from tests.local_cloud import READABLE


def test_a_job_is_started_and_looked_into_without_a_mouse(visit: Visit, stack: Stack) -> None:
    scenes.put_visits(stack, READABLE, "browser/keys")
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("main").get_by_role("link", name="New execution"))
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("What is missing")
    fill_in(page, "browser-keys")
    page.wait_for_url("**/executions/browser-keys")
    title = page.get_by_role("heading", level=1)
    expect(title).to_have_text(re.compile("Succeeded$"), timeout=60_000)

    look_into_a_state(page)
    look_into_a_task(page)
    tab_to(page, page.get_by_role("tab", name="Tasks"), back=True)
    for name in ("Events", "Input and output", "Result"):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name=name)).to_be_focused()
        expect(page.get_by_role("tabpanel", name=name)).to_be_visible()
    expect(page.get_by_role("table", name="First rows of the result")).to_be_visible()


def fill_in(page: Page, name: str) -> None:
    """Fill in the form, and send it."""
    press, write = page.keyboard.press, page.keyboard.type
    tab_to(page, page.get_by_label("Job", exact=True))
    write("uservisits")
    tab_to(page, page.get_by_label("prefix"))
    write("5")

    tab_to(page, page.get_by_role("button", name="Browse for input 1"))
    press("Enter")
    dialog = page.get_by_role("dialog", name="Choose input")
    for place in (READABLE, "browser/"):
        tab_to(page, dialog.get_by_role("button", name=f"▸ {place}", exact=True))
        press("Enter")
    tab_to(page, dialog.get_by_role("checkbox", name="Choose keys/"))
    press("Space")
    tab_to(page, dialog.get_by_role("button", name="Use what is chosen"))
    press("Enter")
    expect(hands.first_input(page)).to_be_focused()

    tab_to(page, page.get_by_label("Name", exact=True))
    write(name)
    expect(hands.start_button(page)).to_be_enabled()
    tab_to(page, hands.start_button(page))
    press("Enter")


def look_into_a_state(page: Page) -> None:
    """Go through the graph, one stop of Tab with arrow keys from state to state, and ask for tasks."""
    tab_to(page, page.locator("g.state[tabindex='0']"))
    page.keyboard.press("Home")
    wanted = state(page, "Map")
    for _ in range(hands.MOST_KEYS):
        if wanted.evaluate("node => node === document.activeElement"):
            break
        page.keyboard.press("ArrowDown")
    expect(wanted).to_be_focused()
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name="The chosen state")
    tab_to(page, panel.get_by_role("button", name="Show its tasks"))
    page.keyboard.press("Enter")


def look_into_a_task(page: Page) -> None:
    """Open a task, and close it: the focus is back where it was."""
    task = page.get_by_role("button", name="Task 0, attempt 1", exact=True)
    tab_to(page, task)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Task 0")
    expect(dialog.get_by_role("heading", name="Log")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(task).to_be_focused()

"""What people do on the console's pages, with a mouse or with keys alone."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

MOST_KEYS = 200  # from one control to another, before it is said that Tab does not lead there


def fill_in(page: Page, name: str, uri: str, *, split_bytes: int, prefix: int | None = None) -> None:
    """Fill in the form for `uservisits`, its input chosen from the buckets, and wait until it may be sent.

    Args:
        name: of the execution.
        uri: of a folder, which is gone to from folder to folder.
    """
    page.get_by_label("Job", exact=True).select_option("uservisits")
    if prefix is not None:
        page.get_by_label("prefix").fill(str(prefix))
    page.get_by_role("button", name="Browse for input 1").click()
    choose_folder(page, uri)
    expect(first_input(page)).to_have_value(uri)
    page.get_by_label("Input of a mapper").fill(str(split_bytes))
    page.get_by_label("Name", exact=True).fill(name)
    expect(start_button(page)).to_be_enabled()


def choose_folder(page: Page, uri: str) -> None:
    """Go from bucket to folder in the dialog that shows them, and choose the last."""
    dialog = page.get_by_role("dialog", name="Choose input")
    parts = urlsplit(uri)
    for place in (parts.netloc, *(f"{folder}/" for folder in parts.path.strip("/").split("/"))):
        dialog.get_by_role("button", name=f"▸ {place}", exact=True).click()
    dialog.get_by_role("button", name="Use this folder").click()
    expect(dialog).to_be_hidden()


def first_input(page: Page) -> Locator:
    """Return the field for the first URI that a job is to read."""
    return page.get_by_role("textbox", name=re.compile("^Input 1"))


def start_button(page: Page) -> Locator:
    """Return the button that starts an execution."""
    return page.get_by_role("button", name="Start", exact=True)


def tab_to(page: Page, control: Locator, *, back: bool = False) -> None:
    """Press Tab until a control has the focus; each time, what has the focus must be seen to have it."""
    expect(control).to_be_visible()
    wanted = control.element_handle()
    for _ in range(MOST_KEYS):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("wanted => wanted === document.activeElement", wanted):
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"Tab does not lead to {control}")

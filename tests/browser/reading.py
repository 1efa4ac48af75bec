"""What a page shows, read as people read it: tables by their captions, numbers as they are written."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page

from marla.view import size_text

_CELLS = """
table => [...table.tBodies[0].rows].map(row => {
  const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent.trim());
  return Object.fromEntries([...row.cells].map((cell, at) => [heads[at], cell.textContent.trim()]));
})
"""


def table(page: Page, caption: str) -> list[dict[str, str]]:
    """Return the rows of the table whose caption begins so, each as texts by the heads of its columns."""
    found: list[dict[str, str]] = the_table(page, caption).evaluate(_CELLS)
    return found


def cells(page: Page, caption: str) -> list[list[str]]:
    """Return the rows of the table whose caption begins so, each as the texts of its cells."""
    found: list[list[str]] = the_table(page, caption).evaluate(
        "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    return found


def the_table(page: Page, caption: str) -> Locator:
    """Return the table whose caption begins so."""
    return page.get_by_role("table", name=re.compile(f"^{re.escape(caption)}"))


def number(text: str) -> int:
    """Return the first whole number in a text, such as 1,234 in "1,234 of 2,000"."""
    found = re.search(r"\d[\d,]*", text)
    assert found, f"no number in {text!r}"
    return int(found[0].replace(",", ""))


def facts(page: Page, name: str) -> dict[str, str]:
    """Return a list of terms and what is said of them, in the region of a name."""
    terms = page.get_by_role("region", name=name).locator("dl").first
    pairs: dict[str, str] = terms.evaluate(
        """list => Object.fromEntries([...list.querySelectorAll("dt")].map(
             term => [term.textContent.trim(), term.nextElementSibling.textContent.trim()]))"""
    )
    return pairs


def state(page: Page, name: str) -> Locator:
    """Return a state of the graph, the button that shows its details."""
    return page.get_by_role("button", name=re.compile(f"^{re.escape(name)}: "))


__all__ = ["cells", "facts", "number", "size_text", "state", "table", "the_table"]

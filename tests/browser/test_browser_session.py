"""Who may see the console: a browser that was given the printed URL, and no other."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Accessible, Open


def test_the_printed_url_leads_to_the_list_and_its_secret_is_not_left_in_the_address(
    watched: Open, console_url: str
) -> None:
    page, problems = watched
    page.goto(console_url)
    expect(page.get_by_role("heading", name="Executions")).to_be_visible()
    assert page.url == console_url.partition("?")[0]
    assert problems == []


def test_who_does_not_have_the_secret_is_told_how_to_get_in(
    watched: Open, console_url: str, accessible: Accessible
) -> None:
    page, problems = watched
    answer = page.goto(console_url.partition("?")[0])
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("main")).to_contain_text("URL")
    expect(page.get_by_role("navigation")).to_have_count(0)
    accessible(page)
    [refusal] = problems
    assert "403" in refusal
    problems.clear()

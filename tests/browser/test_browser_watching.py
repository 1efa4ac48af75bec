"""What the browser tests rest on: a page cannot go wrong unnoticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.browser import chromium
from tests.browser.conftest import Open

HOME = "http://127.0.0.1:9/"  # where nothing listens: the pages are made up here
STRICT = {"Content-Security-Policy": "default-src 'self'"}  # as the console has it
PAGE = "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1>"

Show = Callable[[str], Open]


@pytest.fixture
def show(watched: Open) -> Show:
    """Show a page of a body of HTML; whatever it asks for is not there."""

    def show(body: str) -> Open:
        def answer(route: Route) -> None:
            if route.request.url == HOME:
                route.fulfill(body=f"{PAGE}{body}</main>", content_type="text/html", headers=STRICT)
            else:
                route.fulfill(status=404)

        watched.page.route("**/*", answer)
        watched.page.goto(HOME)
        return watched

    return show


def test_a_page_in_which_nothing_goes_wrong_has_no_problems_and_no_barriers(show: Show) -> None:
    page, problems = show("<p>All is well.</p>")
    assert chromium.barriers(page) == []
    assert chromium.overflow(page) == 0
    assert problems == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("<script>document.title = 'evil'</script>", "Content Security Policy"),
        ("<img src=missing.png alt=missing>", "404"),
        ("<img src=https://example.com/x.png alt=x>", "asked another machine: https://example.com/x.png"),
    ],
)
def test_what_goes_wrong_in_a_page_is_noticed(show: Show, body: str, told: str) -> None:
    problems = show(body).problems
    assert told in "".join(problems)
    problems.clear()


def test_an_error_that_nobody_caught_is_noticed(show: Show) -> None:
    page, problems = show("")
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('lost') })")
    assert problems == ["uncaught: lost"]
    problems.clear()


def test_a_field_without_a_label_is_a_barrier(show: Show) -> None:
    [barrier] = chromium.barriers(show("<input>").page)
    assert barrier.startswith("label (critical): ")


def test_a_page_that_is_wider_than_its_window_is_so(show: Show) -> None:
    page = show("<table width=2000><tr><td>wide</table>").page
    assert chromium.overflow(page) > 0

"""A browser, the console of the tests' local cloud, and pages that may do nothing wrong."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from marla.local.cloud import LocalCloud
from marla.stack import Stack
from tests.browser import chromium, console, scenes
from tests.browser.scenes import Scene
from tests.local_cloud import READABLE

# Rules of axe that come out otherwise in other colours, or in a window of another width.
OF_COLOURS, OF_SIZES = ["color-contrast"], ["scrollable-region-focusable", "target-size"]

Visit = Callable[[str], Page]
Accessible = Callable[[Page], None]


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a page know that its test failed, for it to say what it showed then."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


class Open(NamedTuple):
    """A page, and what went wrong so far in it and in those that it opened."""

    page: Page
    problems: list[str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium.launched() as browser:
        yield browser


@pytest.fixture
def watched(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """A page of 1,280 pixels. The test fails for what went wrong, if that is still on the list."""
    context = chromium.context(browser)
    problems = chromium.watch(context)
    page = context.new_page()
    yield Open(page, problems)
    if request.node.stash.get(FAILED, False):
        print(f"What the page showed, {page.url}:\n{page.locator('body').aria_snapshot()}")
    context.close()
    assert problems == []


@pytest.fixture
def page(watched: Open) -> Page:
    """A page in which nothing may go wrong."""
    return watched.page


@pytest.fixture(scope="session")
def console_url(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL, with its secret, of a console of the tests' local cloud."""
    with console.served(tmp_path_factory.mktemp("console")) as url:
        yield url


@pytest.fixture
def visit(page: Page, console_url: str) -> Visit:
    """Open a path of the console, as who has its secret."""
    base = console_url.partition("/?")[0]
    opening = page.context.new_page()
    opening.goto(console_url)  # which leaves the cookie with the page, too
    opening.close()

    def visit(path: str) -> Page:
        page.goto(base + path)
        return page

    return visit


@pytest.fixture
def accessible() -> Accessible:
    """Assert that nothing serious bars people from a page: light and dark, on a laptop and a telephone."""

    def accessible(page: Page) -> None:
        assert chromium.barriers(page) == [], "light"
        page.emulate_media(color_scheme="dark")
        assert chromium.barriers(page, OF_COLOURS) == [], "dark"
        page.emulate_media(color_scheme="light")
        for width in (chromium.NARROW, chromium.WIDE):
            page.set_viewport_size({"width": width, "height": chromium.HEIGHTS[width]})
            assert chromium.overflow(page) <= 0, f"wider than {width} pixels"
            assert chromium.barriers(page, OF_SIZES) == [], f"{width} pixels"

    return accessible


@pytest.fixture(scope="session")
def succeeded(stack: Stack) -> Scene:
    """An execution of `uservisits` that has succeeded."""
    uri = scenes.put_visits(stack, READABLE, "browser/good")
    scene = scenes.played(stack, "browser-succeeded", scenes.request(uri, partitions=2))
    assert scene.progress.status == "SUCCEEDED", scene.progress.cause
    return scene


@pytest.fixture(scope="session")
def failed(stack: Stack) -> Scene:
    """One that has failed, for a row of its input is torn."""
    uri = scenes.put_visits(stack, READABLE, "browser/torn", torn=True)
    scene = scenes.played(stack, "browser-failed", scenes.request(uri))
    assert scene.progress.status == "FAILED"
    return scene

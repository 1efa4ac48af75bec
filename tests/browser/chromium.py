"""Real Chromium, headless, and what a page in it did wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from marla.local.cloud import ROOT

# It asks nobody for anything but what a test asks it for; as root it has no sandbox.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = 1280, 390  # CSS pixels: a laptop, and a telephone
HEIGHTS = {WIDE: 800, NARROW: 844}
STEADY_SECONDS = 30.0  # until a page shows what it is asked for, on a busy machine
REMOTE, LOOPBACK = {"http", "https", "ws", "wss"}, ("127.0.0.1", "localhost")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def executable() -> str:
    """Return the path of this machine's Chromium. The error says how to get one."""
    found = subprocess.run(
        [ROOT / "scripts" / "chromium.sh", "--find"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, f"{found.stderr.strip()} `make chromium` does it"
    return found.stdout.strip()


@contextmanager
def launched() -> Iterator[Browser]:
    """A Chromium, for as long as the context lasts."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def context(browser: Browser, width: int = WIDE, *, touch: bool = False) -> BrowserContext:
    """Return a fresh context, with nothing of other tests in it: English, UTC, and no animations."""
    fresh = browser.new_context(
        viewport={"width": width, "height": HEIGHTS.get(width, 800)},
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
        has_touch=touch,
    )
    fresh.set_default_timeout(STEADY_SECONDS * 1000)
    expect.set_options(timeout=STEADY_SECONDS * 1000)
    return fresh


def watch(pages: BrowserContext) -> list[str]:
    """Return a list to which all is added that goes wrong in the pages of a context from now on.

    That is: errors and warnings on their consoles, those of content security policies too; errors that nobody
    caught; requests that failed, but for those that were given up; requests to other machines.
    """
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def on_failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":
            problems.append(f"failed: {request.method} {request.url}: {request.failure}")

    def on_request(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in REMOTE and not str(address.hostname).endswith(LOOPBACK):
            problems.append(f"asked another machine: {request.url}")

    pages.on("console", on_console)
    pages.on("weberror", lambda error: problems.append(f"uncaught: {error.error}"))
    pages.on("requestfailed", on_failed)
    pages.on("request", on_request)
    return problems


def barriers(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what seriously bars people from a page, as axe finds it: each with some of its elements.

    Args:
        rules: of axe, instead of all that tell of accessibility.
    """
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    found = Axe().run(page, options={"resultTypes": ["violations"], "runOnly": only})
    return [
        f"{violation['id']} ({violation['impact']}): {violation['help']}\n    "
        + "\n    ".join(f"{node['html'][:200]}: {node['failureSummary']}" for node in violation["nodes"][:5])
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


def overflow(page: Page) -> int:
    """Return by how many pixels a page is wider than its window, but for what scrolls in a box of its own."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width

"""Makes the pictures of docs/: a job from form to report, and a failed one, on a local cloud of their own.

`make pictures` runs it. Each picture is made twice: as a laptop shows the page, and as a telephone does.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, expect

from marla.local.cloud import ROOT, LocalCloud
from marla.stack import Stack
from tests.browser import chromium, console, hands, scenes
from tests.browser.png import with_palette
from tests.browser.reading import state

FOLDER = ROOT / "docs" / "pictures"
BUCKET = "visits"
GOOD, TORN, TROUBLED = "visits-2026", "visits-torn", "visits-2025"  # executions
WORKERS = 4  # at once: as many as are held up
HELD_UP_SECONDS = 30.0  # time for both pictures of what is running
TALLEST = 1500  # pixels of a picture, for it to be taken in at one look
MOST_BYTES = 200_000  # of a picture


def main() -> int:
    """Make all pictures; return the exit status."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as home,
        local_cloud(Path(home)) as cloud,
        chromium.launched() as browser,
    ):
        stack = cloud.stack()
        stack.s3.create_bucket(Bucket=BUCKET)
        good = scenes.put_visits(stack, BUCKET, GOOD)
        torn = scenes.put_visits(stack, BUCKET, TORN, torn=True)
        troubled = scenes.put_visits(stack, BUCKET, TROUBLED)
        with console.served(Path(home)) as url:
            Photographer(browser, url).portray(stack, cloud, good, torn, troubled)
    return 0


@contextmanager
def local_cloud(home: Path) -> Iterator[LocalCloud]:
    """A local cloud of its own, that this process and those that it starts find."""
    os.environ["MARLA_HOME"] = str(home)
    cloud = LocalCloud(home)
    cloud.start({"InputBuckets": BUCKET, "DefaultConcurrency": str(WORKERS)})
    try:
        yield cloud
    finally:
        cloud.stop()


class Photographer:
    """Two windows in which the console is open: of a laptop, and of a telephone."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._base = url.partition("/?")[0]
        self._pages = {}
        self._problems = {}
        for width in (chromium.WIDE, chromium.NARROW):
            context = chromium.context(browser, width)
            self._problems[width] = chromium.watch(context)
            self._pages[width] = context.new_page()
            self._pages[width].goto(url)
        self._table = browser.new_page()  # where pictures are packed

    def portray(self, stack: Stack, cloud: LocalCloud, good: str, torn: str, troubled: str) -> None:
        """Go through three jobs, and take pictures at each station.

        Args:
            good: the URI of input without a fault; `torn` of one that has a row that is no good;
                `troubled` of one that S3 has trouble with.
        """
        wide = self._pages[chromium.WIDE]
        with scenes.held_up(cloud, GOOD, HELD_UP_SECONDS):
            self._go("/new", lambda page: hands.fill_in(page, GOOD, good, split_bytes=scenes.SPLIT_BYTES))
            self._take("console-form")
            hands.start_button(wide).click()
            wide.wait_for_url(f"**/executions/{GOOD}")
            expect(wide.get_by_role("heading", level=1)).to_contain_text("Running")
            self._go(f"/executions/{GOOD}", _is_held_up)
            self._take("console-running")
            scenes.ended(stack, GOOD)
        self._go(f"/executions/{GOOD}", _is_over)
        self._take("console-succeeded")
        with scenes.troubled(cloud, TROUBLED):
            request = scenes.request(troubled, splitBytes=8000, partitions=4, speculate=1)
            scenes.played(stack, TROUBLED, request)
        self._go(f"/executions/{TROUBLED}/report", _is_drawn)
        self._take("report")
        self._take("report-timeline", "Timeline")

        scenes.played(stack, TORN, scenes.request(torn))
        self._go(f"/executions/{TORN}", _is_over)
        self._take("console-failed")
        self._take("console-failed-graph", "State machine")
        if any(self._problems.values()):
            raise SystemExit(f"Something went wrong in the pages: {self._problems}")

    def _go(self, path: str, until: Callable[[Page], object]) -> None:
        for page in self._pages.values():
            page.goto(self._base + path)
            until(page)

    def _take(self, name: str, region: str = "") -> None:
        """Take a picture of the pages, or of a region of them, in both windows."""
        for width, page in self._pages.items():
            page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
            if region:
                picture = page.get_by_role("region", name=region).screenshot()
            else:
                height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
                clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
                picture = page.screenshot(full_page=True, clip=clip)
            small = with_palette(self._table, picture)
            if len(small) > MOST_BYTES:
                raise SystemExit(f"{name}: {len(small):,} bytes at {width} pixels; lower TALLEST")
            path = FOLDER / f"{name}-{width}.png"
            path.write_bytes(small)
            print(f"{path.relative_to(ROOT)}: {len(small):,} bytes")


def _is_held_up(page: Page) -> None:
    expect(state(page, "Map")).to_have_accessible_name(re.compile(f"^Map: running, {scenes.BEFORE_SLOW} of"))
    expect(page.get_by_role("progressbar", name="Tasks of Map done")).to_have_attribute(
        "value", str(scenes.BEFORE_SLOW)
    )
    expect(page.get_by_role("button", name=re.compile("^Task 7,"))).to_be_visible()


def _is_over(page: Page) -> None:
    expect(page.get_by_role("heading", name="Totals of all tasks")).to_be_visible()
    expect(page.get_by_text("Looking for the cause…")).to_be_hidden()


def _is_drawn(page: Page) -> None:
    page.wait_for_selector("html[data-drawn]")


if __name__ == "__main__":
    sys.exit(main())

"""The items of a map run that run, or that failed: each is an execution of its own, with its task as input.

They are listed once for all who look on, and only as far as somebody looks; each is described once, some at a
time, for a task never changes.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from .. import items
from ..explain.attempts import Task
from ..items import Item, Listed
from ..stack import Stack
from .answers import waiting

PAGES = 10  # of a listing: a map run has so many thousands of items at work at most
DESCRIBED_AT_ONCE = 20  # a request
# On AWS, all of an account may make 10 or 15 DescribeExecution a second, by Region
# (docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html): a page that is open has a part of them.
DESCRIBED_PER_SECOND = 3
REMEMBERED = 20_000

IsOld = Callable[[datetime], bool]
One = TypeVar("One")


@dataclass(frozen=True)
class _Listing:
    """Items as they were listed; None if they are EXPRESS, and cannot be listed for that."""

    at: datetime
    pages: int
    items: list[Listed] | None


class Children:
    """The items of map runs of one execution.

    Args:
        clock: the time, with a time zone.
    """

    def __init__(self, stack: Stack, clock: Callable[[], datetime]) -> None:
        self._stack = stack
        self._clock = clock
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._listings: dict[tuple[str, str], _Listing] = {}
        self._tasks: OrderedDict[str, Task | None] = OrderedDict()
        self._failed: dict[Listed, Item] = {}
        self._allowed = float(DESCRIBED_AT_ONCE)
        self._allowed_at = clock()

    def running(self, run: str, wanted: int, is_old: IsOld) -> list[Listed] | None:
        """Return the items of a map run that run; None if they cannot be listed.

        Each thousand as it was listed has the oldest first.

        Args:
            wanted: how many will do; there may be more.
            is_old: says of a time whether what was listed then has to be listed again.
        """
        pages = min(PAGES, max(1, -(-wanted // items.PAGE)))

        def ask() -> list[Listed]:
            found = items.listed(self._stack, run, "RUNNING", pages=pages)
            order = {one: index // items.PAGE for index, one in enumerate(found)}
            return sorted(found, key=lambda one: (order[one], one.started, one.arn))

        return self._listed("running", run, pages, is_old, ask)

    def failed(self, run: str, is_old: IsOld) -> list[Listed] | None:
        """Return the items of a map run that failed, the first to fail first; None if they cannot be listed.

        Of a great many, the last to start.
        """
        return self._listed(
            "failed", run, 1, is_old, lambda: items.failed(self._stack, run, is_certain=False, pages=1)
        )

    def described(self, listed: Sequence[Listed]) -> list[Item]:
        """Return what is known of items that failed; those that there was no time to ask for are left out."""
        for one in self._next([one for one in listed if one not in self._failed]):
            self._failed[one] = items.described(self._stack, one)
        return [self._failed[one] for one in listed if one in self._failed]

    def tasks(self, children: Sequence[Listed]) -> dict[str, Task | None]:
        """Return the tasks of some items, by ARN; those that there was no time to ask for are left out."""
        with self._lock:
            found = {one.arn: self._tasks[one.arn] for one in children if one.arn in self._tasks}
        for arn in self._next([one.arn for one in children if one.arn not in found]):
            asked = json.loads(self._stack.sfn.describe_execution(executionArn=arn).get("input") or "{}")
            found[arn] = Task.of(asked) if isinstance(asked, dict) else None
            with self._lock:
                self._tasks[arn] = found[arn]
                while len(self._tasks) > REMEMBERED:
                    self._tasks.popitem(last=False)
        return found

    def _next(self, wanted: Sequence[One]) -> Iterator[One]:
        """Yield as many of those that are to be described as there may be requests now."""
        for one in islice(wanted, DESCRIBED_AT_ONCE):
            if not self._may_ask():
                return
            yield one

    def _may_ask(self) -> bool:
        """Return whether one more may be described now; if so, it counts."""
        if self._stack.local:
            return True
        with self._lock:
            now = self._clock()
            passed = max(0.0, (now - self._allowed_at).total_seconds())
            self._allowed = min(DESCRIBED_AT_ONCE, self._allowed + passed * DESCRIBED_PER_SECOND)
            self._allowed_at = now
            if self._allowed < 1:
                return False
            self._allowed -= 1
            return True

    def _listed(
        self, kind: str, run: str, pages: int, is_old: IsOld, ask: Callable[[], list[Listed]]
    ) -> list[Listed] | None:
        with waiting(self._asking):
            kept = self._listings.get((kind, run))
            if kept is None or (kept.items is not None and (kept.pages < pages or is_old(kept.at))):
                try:
                    kept = _Listing(self._clock(), pages, ask())
                except items.UnlistedError:
                    kept = _Listing(self._clock(), pages, None)
                self._listings[kind, run] = kept
            return kept.items

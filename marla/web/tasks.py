"""The tasks of an execution, a page at a time: of ten thousand only those that are shown are read."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from mapreduce.record import Place, TaskRecord

from .. import records
from ..execution import Phase
from ..explain.attempts import Task
from ..items import Item, Listed
from ..records import RecordKey
from . import detail, rows
from .answers import Refused, waiting
from .children import Children, IsOld
from .executions import AGAIN, Seen, Watched

FRESH = timedelta(seconds=2)  # a listing, while the execution runs
FRESH_AFTERWARDS = timedelta(seconds=10)
REMEMBERED = 20_000  # records


class Tasks:
    """The tasks of an execution that somebody looks at."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._stack = watched.stack
        self._children = Children(watched.stack, watched.clock)
        self._asking = threading.Lock()
        self._keys: list[RecordKey] = []
        self._listed_at: datetime | None = None
        self._lock = threading.Lock()
        self._records: OrderedDict[str, TaskRecord] = OrderedDict()

    @classmethod
    def of(cls, watched: Watched) -> Tasks:
        """Return those of an execution, with what is known of them already."""
        found: Tasks = watched.once("tasks", lambda: cls(watched))
        return found

    def page(self, number: int | None, status: str, page: int, size: int) -> dict[str, Any]:
        """Return some attempts at tasks of a phase, in the order of the tasks; those that run come last.

        They are this execution's own, not those of others of its job. `more` says that not all that failed is
        known yet: asked again, there is more. `gone` says that the records were deleted, or have expired.

        Args:
            number: of the phase; None for all.
            status: all, failed, running or done.
            page: from 0; beyond the last one, it is the last one.
            size: rows on a page.
        """
        seen = self._watched.look()
        phases = self._phases(seen, number)
        keys = self._own(seen)
        if number is not None:
            keys = _of_phase(keys, seen.phases, phases[0])
        is_old = partial(self._is_old, seen)
        dead, more = self._dead(phases, keys, is_old)
        failed = sum(key.failed for key in keys)
        chosen: list[RecordKey | Listed | Item] = []
        if status != "running":
            chosen += [key for key in keys if status == "all" or key.failed == (status == "failed")]
        if status in {"all", "failed"}:
            chosen += dead
        total = len(chosen)
        if status in {"all", "running"}:
            listed, count = self._running(phases, (page + 1) * size - total, is_old)
            chosen += listed
            total += count
        pages = max(1, -(-total // size))
        page = min(page, pages - 1)
        return {
            "tasks": self._rows(chosen[page * size : (page + 1) * size], keys, seen),
            "page": page,
            "pages": pages,
            "total": total,
            "more": more,
            "gone": self.are_gone(),
            "counts": {
                "done": len(keys) - failed,
                "failed": max(failed + len(dead), sum(phase.failed for phase in phases)),
                "running": sum(phase.running for phase in phases),
            },
        }

    def detail(self, identifier: str) -> dict[str, Any]:
        """Return all that is known of an attempt and of the others at its task, by whichever execution."""
        kind, text = rows.identified(identifier)
        keys = self._listing(self._watched.look())
        if kind == "r":
            key = next((key for key in keys if key.key == text), None)
            found = self._read(_same_task(keys, key.place)) if key else {}
            if text not in found:  # or its record was deleted since it was listed
                raise rows.no_task(identifier)
            return detail.of_record(self._stack, found[text], list(found.values()))
        if not text.startswith(self._stack.execution_arn("").removesuffix(":") + "/"):
            raise rows.no_task(identifier)
        return detail.of_child(
            self._stack, text, lambda task: list(self._read(_same_task(keys, task)).values())
        )

    def records(self) -> list[TaskRecord]:
        """Return the records of all attempts of the execution itself, not of others of its job."""
        return list(self._read(self._own(self._watched.look())).values())

    def look(self) -> None:
        """List what there is, if that is some time ago: what was deleted since is not known any more."""
        self._listing(self._watched.look())

    def are_gone(self) -> bool:
        """Say whether tasks of an execution that is over succeeded, and not one record of it is left."""
        seen = self._watched.look()
        return seen.finished and any(phase.succeeded for phase in seen.phases) and not self._own(seen)

    # ---- what there is ------------------------------------------------------------------------------------

    def _phases(self, seen: Seen, number: int | None) -> list[Phase]:
        if number is not None and number >= len(seen.phases):
            raise Refused(404, f"phase: there is no phase {number} (yet)", field="phase")
        return list(seen.phases) if number is None else [seen.phases[number]]

    def _own(self, seen: Seen) -> list[RecordKey]:
        return [key for key in self._listing(seen) if key.execution == self._watched.name]

    def _listing(self, seen: Seen) -> list[RecordKey]:
        """Return the keys of all records of the job; listed anew now and then.

        That is often while more may come, and seldom afterwards: a job may be deleted in a terminal.
        """
        with waiting(self._asking):
            now = self._watched.clock()
            listed_at = self._listed_at
            if listed_at is None or now - listed_at >= AGAIN or self._is_old(seen, listed_at):
                keys = records.keys(self._stack, self._watched.before.job)
                if len(keys) < len(self._keys):
                    self._watched.forget()
                self._keys, self._listed_at = keys, now
            return self._keys

    def _is_old(self, seen: Seen, listed_at: datetime) -> bool:
        """Say whether there may be more than was listed then.

        Workers that were at work when an execution ended leave their records later.
        """
        age = self._watched.clock() - listed_at
        if seen.at_rest is None or listed_at < seen.at:
            return seen.finished or age >= FRESH
        return listed_at < seen.at_rest and age >= FRESH_AFTERWARDS

    def _read(self, keys: Iterable[RecordKey]) -> dict[str, TaskRecord]:
        """Return records by their keys, without those that are gone; what was read is not read again."""
        wanted = list(keys)
        with self._lock:
            found = {key.key: self._records[key.key] for key in wanted if key.key in self._records}
        if missing := [key for key in wanted if key.key not in found]:
            read = records.by_key(self._stack, missing)
            if any(key.key not in read for key in missing):  # deleted since it was listed
                self._listed_at = None
            found |= read
            with self._lock:
                self._records.update(read)
                while len(self._records) > REMEMBERED:
                    self._records.popitem(last=False)
        return {key.key: found[key.key] for key in wanted if key.key in found}

    def _dead(
        self, phases: Sequence[Phase], keys: Sequence[RecordKey], is_old: IsOld
    ) -> tuple[list[Item], bool]:
        """Return the items whose last attempt was killed and left no record; and whether there may be more.

        An item has the error of its last attempt: it left a record if the last record has the same.
        """
        listed: list[Listed] = []
        for phase in phases:
            if phase.map_run and phase.failed:
                listed += self._children.failed(phase.map_run, is_old) or []
        described = self._children.described(listed)
        left: defaultdict[Place, list[RecordKey]] = defaultdict(list)
        for key in keys:
            if key.failed:
                left[key.place].append(key)
        tasks = {item.arn: Task.of(item.task) for item in described}
        found = self._read(key for task in tasks.values() if task for key in left.get(task, ()))
        last: dict[str, str] = {}  # the error of each item's last record; what a backup raises ends no item
        for record in sorted(found.values(), key=lambda record: record.started):
            if not record.backup:
                last[record.child] = record.error
        return [item for item in described if last.get(item.arn) != item.error], len(described) < len(listed)

    def _running(self, phases: Sequence[Phase], wanted: int, is_old: IsOld) -> tuple[list[Listed], int]:
        """Return items that run, as many as are wanted or more; and how many could be listed."""
        found: list[Listed] = []
        count = 0
        for phase in phases:
            if phase.map_run and phase.running:
                listed = self._children.running(phase.map_run, min(wanted, phase.running), is_old)
                if listed is not None:
                    found += listed
                    count += phase.running
        return found, count

    # ---- rows ---------------------------------------------------------------------------------------------

    def _rows(
        self, chosen: Sequence[RecordKey | Listed | Item], keys: Sequence[RecordKey], seen: Seen
    ) -> list[dict[str, Any]]:
        attempts = Counter(key.place for key in keys)
        found = self._read(one for one in chosen if isinstance(one, RecordKey))
        tasks = self._children.tasks([one for one in chosen if isinstance(one, Listed)])
        shown = []
        for one in chosen:
            if isinstance(one, Listed):
                shown.append(rows.of_running(one, tasks.get(one.arn), seen.at))
            elif isinstance(one, Item):
                shown.append(rows.of_dead(one, Task.of(one.task)))
            elif one.key in found:
                shown.append(rows.of_record(one.key, found[one.key], attempts[one.place]))
        return sorted(shown, key=_order)


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Attempts at a task come in the order of time; what is not known comes last, as it is."""
    if row["task"] is None or row["status"] == "running":
        return (1,)
    return (
        0,
        row["stage"],
        not row["sample"],
        row["step"],
        row["partition"],
        row["task"],
        row["started"] or "~",
    )


def _same_task(keys: Iterable[RecordKey], task: Place | None) -> list[RecordKey]:
    return [key for key in keys if key.place == task]


def _of_phase(keys: Iterable[RecordKey], phases: Sequence[Phase], phase: Phase) -> list[RecordKey]:
    """Return the records of a phase: waves of the same mappers share the tasks' numbers out in order."""
    place = (phase.stage, phase.sample, phase.step)
    found = [key for key in keys if (key.stage, key.sample, key.step) == place]
    waves = [one for one in phases if (one.stage, one.sample, one.step) == place and not one.step]
    first = sum(one.total for one in waves if one.wave < phase.wave)
    if any(one.wave > phase.wave for one in waves):
        return [key for key in found if first <= key.task < first + phase.total]
    return [key for key in found if key.task >= first]

"""What `marla explain` makes of each error that a task of a job in memory raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mapreduce.errors import MarlaError
from mapreduce.events import MapTask, ReduceTask
from mapreduce.report import reported
from mapreduce.storage import ObjectStore
from marla.explain import search
from marla.explain.explanation import Explanation
from tests.unit import pipeline
from tests.unit.failed_cloud import ARN, FakeCloud, cause_of, in_map

Task = MapTask | ReduceTask
Run = Callable[[Any, ObjectStore, str], dict[str, Any]]


@contextmanager
def explaining() -> Iterator[list[Explanation]]:
    """Hold each error of a task against its explanation; what is explained is added to the list."""
    found: list[Explanation] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("run_map_task", "run_reduce_task"):
            patch.setattr(pipeline, name, _explained(getattr(pipeline, name), found))
        yield found


def _explained(run: Run, found: list[Explanation]) -> Run:
    def run_task(task: Any, store: ObjectStore, bucket: str) -> dict[str, Any]:
        try:
            return run(task, store, bucket)
        except MarlaError as error:
            explanation = _explanation(error, task, store, bucket)
            _check(explanation, error, task)
            found.append(explanation)
            raise

    return run_task


def _explanation(error: MarlaError, task: Task, store: ObjectStore, bucket: str) -> Explanation:
    """Return the explanation of a job that a task's error ends: by way of what its function raises."""
    raised = reported(error, task, store, bucket)
    cloud = FakeCloud(store._client, in_map("Map" if isinstance(task, MapTask) else "Reduce"))
    cloud.fail(type(raised).__name__, cause_of(str(raised), type(raised).__name__), **_asked(task))
    found = search.explain(cloud.stack(), ARN)
    assert found is not None
    return found


def _asked(task: Task) -> dict[str, Any]:
    """Return what of a task's event matters here."""
    asked = {"task": task.task, "job": task.job.job, "format": task.job.format}
    if isinstance(task, ReduceTask):
        return asked | {"step": task.step, "partition": task.partition}
    pieces = [{"key": each.key, "start": each.start, "end": each.end} for each in task.pieces]
    return asked | {"bucket": task.pieces[0].bucket, "pieces": pieces}


def _check(found: Explanation, error: MarlaError, task: Task) -> None:
    """Assert that the cause is the error, with the task, the object and the offset in it."""
    message, told = str(error), found.failure
    assert (told.name, told.cause) == (type(error).__name__, message)
    assert (told.task, told.state) == (task.task, "Map" if isinstance(task, MapTask) else "Reduce")
    objects = [piece.url for piece in task.pieces] if isinstance(task, MapTask) else []
    named = [url for url in objects if message.startswith((f"{url}: ", f"{url} at byte ", f"{url} ("))]
    if not named:
        return
    assert told.object == named[0]
    offset = re.match(r" at byte (\d+)", message.removeprefix(named[0]))
    assert told.offset == (int(offset[1]) if offset else None)
    assert (found.excerpt is not None) == bool(offset)
    if found.excerpt is not None:
        assert [line.offset for line in found.excerpt.lines if line.bad] == [told.offset], found.excerpt
        assert all(line.text.isprintable() for line in found.excerpt.lines)

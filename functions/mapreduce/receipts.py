"""Receipts of finished tasks, with which a job that failed is resumed.

A task's output is there whole or not at all, and is always the same for the same plan. So once a task has
written its output it writes a receipt beside it, of what the output was made and what the counters are. An
execution that resumes the job has the same plan, or is refused; a task that finds its receipt is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .code import check_code, code_of
from .errors import InputChanged, ResumeRefused
from .events import JobSpec, MapTask, ReduceTask, planned_prefix
from .layout import plan_key, published_key, receipt_key, time_key, wave_key
from .results import WITHDRAWN
from .storage import ObjectStore, write_json

Counters = dict[str, Any]

# Of what a check is told, what the outputs of tasks follow from.
CHECKED = ("job", "params", "output", "inputs", "partitions", "partitioning", "sample")


def once(
    task: MapTask | ReduceTask,
    run: Callable[[], Counters],
    store: ObjectStore,
    bucket: str,
) -> Counters:
    """Run a task and write its receipt; or, if it is done already, do nothing.

    Args:
        run: runs the task; its counters have `seconds`.

    Returns:
        The counters, with `reused` if they are of an earlier execution of the job.

    Raises:
        CodeChanged: if the job began with other code.
        InputChanged: if the task was done for other input, or another version of it.
    """
    check_code(task.attempt.code, task.job.job)
    key = receipt_key(task.prefix, task.output)
    counters = _done(task, store.find(bucket, key)) if task.attempt.resume else None
    if counters is None:
        counters = run()
        write_json(store, bucket, key, {"work": _work_of(task), "counters": counters})
    if task.attempt.times:
        partition = task.partition if isinstance(task, ReduceTask) else 0
        time = time_key(task.attempt.times, counters["seconds"], partition, task.task)
        write_json(store, bucket, time, None)
    return counters


def check_plan(event: dict[str, Any], store: ObjectStore, bucket: str) -> str:
    """Write down a stage's plan; or, for a job that is resumed, hold it against the plan that it had.

    Args:
        event: what `mapreduce.check.check` takes, most of which is part of the plan; `plan`, an object with
            the rest; where the stage is (`id`, `stage`, `sample`); and `resume`.

    Returns:
        The digest of the code that the stage is run with.

    Raises:
        ResumeRefused: if the plan or the code is another, or there is nothing to resume.
    """
    plan = event["plan"] | {name: event.get(name) for name in CHECKED}
    code = code_of(JobSpec.from_event(event).job)
    prefix = planned_prefix(event)
    found = store.find(bucket, plan_key(prefix)) if event.get("resume") else None
    if found and not event.get("later") and not event.get("sample"):  # which have results in between
        _refuse_published(store.find(bucket, published_key(prefix)), event["id"])
    if found:
        before = json.loads(found)
        _refuse_other_plan(before["plan"], plan)
        if before["code"] != code:
            raise ResumeRefused(
                "resume: the stack was deployed with other code since the job began, and outputs of two "
                "versions must not be mixed: start the job anew, without resume"
            )
    elif event.get("resume") and event["stage"] == 0 and not plan.get("boundaries"):
        raise ResumeRefused(
            f"resume: nothing of a job {event['id']!r} is left that could be resumed. Give the name of the "
            "execution with which the job began, while its intermediate objects are there (the stack's "
            "IntermediateDays); or start the job anew, without resume"
        )
    else:
        write_json(store, bucket, plan_key(prefix), {"plan": plan, "code": code})
    return code


def check_wave(event: dict[str, Any], store: ObjectStore, bucket: str) -> Counters:
    """Write down what a wave of map tasks is to read; or, for a job that is resumed, hold it against that.

    Args:
        event: `wave`, a list of batches, each with its `input`'s number and `pieces`; `buckets`, of all
            inputs; `task`, the number of the first; whether the wave is the `last`; where the stage is; and
            `resume`.

    Returns:
        How many batches there are.

    Raises:
        InputChanged: naming an object that was added, removed or overwritten since the job began.
    """
    key = wave_key(planned_prefix(event), event["task"])
    wave = {"last": event["last"], "pieces": _pieces_of(event["wave"], event["buckets"])}
    found = store.find(bucket, key) if event.get("resume") else None
    if found is None:
        write_json(store, bucket, key, wave)
    elif (before := json.loads(found)) != wave:
        raise InputChanged(_difference(before["pieces"], wave["pieces"]))
    return {"batches": len(event["wave"])}


def _pieces_of(batches: list[Any], buckets: list[str]) -> list[list[Any]]:
    return [
        [buckets[batch["input"]], piece["key"], piece["start"], piece["end"], piece["etag"]]
        for batch in batches
        for piece in batch["pieces"]
    ]


def _refuse_published(receipt: bytes | None, job: str) -> None:
    """Raise ResumeRefused if there is a receipt of the result, which was not withdrawn."""
    execution = json.loads(receipt)["execution"] if receipt else WITHDRAWN
    if execution != WITHDRAWN:
        raise ResumeRefused(f"resume: the job {job!r} has its result; the execution {execution} published it")


def _refuse_other_plan(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        name = changed[0]
        raise ResumeRefused(
            f"resume: {name} is {_shown(now.get(name))}, and was {_shown(before.get(name))} when the job "
            "began: give what it was, or start the job anew, without resume"
        )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:200]


def _done(task: MapTask | ReduceTask, found: bytes | None) -> Counters | None:
    """Return the counters of a task that is done, or None. Raises InputChanged."""
    if found is None:
        return None
    receipt = json.loads(found)
    work = _work_of(task)
    if receipt["work"] != work:
        # A reduce task has a receipt only if all map tasks had one, so that this is no task of theirs.
        raise InputChanged(
            _difference(receipt["work"], work)
            if isinstance(task, MapTask)
            else "the input has other objects than when the job that is resumed began; start it anew"
        )
    return dict(receipt["counters"]) | {"reused": True}


def _difference(before: list[list[Any]], now: list[list[Any]]) -> str:
    etags = {(bucket, key): etag for bucket, key, _, _, etag in before}
    listed = {(bucket, key): etag for bucket, key, _, _, etag in now}
    for (bucket, key), etag in listed.items():
        if etags.get((bucket, key), etag) != etag:
            return (
                f"s3://{bucket}/{key}: another object than when the job that is resumed began; start it anew"
            )
    added = [place for place in listed if place not in etags]
    removed = [place for place in etags if place not in listed]
    (bucket, key), what = next(
        ((places[0], what) for places, what in ((added, "new"), (removed, "gone")) if places),
        (next(iter(listed or etags)), "cut in another way"),
    )
    return (
        f"s3://{bucket}/{key}: {what}, so that the input has other objects than when the job that is resumed "
        "began; start it anew"
    )


def _work_of(task: MapTask | ReduceTask) -> list[list[Any]]:
    """Return what a task works on, as JSON has it."""
    if isinstance(task, MapTask):
        return [[piece.bucket, piece.key, piece.start, piece.end, piece.etag] for piece in task.pieces]
    return [[task.first, task.count, task.final, task.mapped_input]]

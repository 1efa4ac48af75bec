"""Where a job's objects lie in the job bucket.

    jobs/{job id}/stage-{k}/map/{task}                    one object a map task
    jobs/{job id}/stage-{k}/rejects/{task}.jsonl          what a map task could not read, if anything
    jobs/{job id}/stage-{k}/step-{n}/{partition}/{task}   one object a reduce task, the last step's too
    jobs/{job id}/stage-{k}/result/part-{partition}.{csv,jsonl,…}
    jobs/{job id}/stage-{k}/receipts/plan.json            what the outputs of the stage's tasks follow from
    jobs/{job id}/stage-{k}/receipts/wave-{task}.json     the pieces of some map tasks from this one on
    jobs/{job id}/stage-{k}/receipts/step-published.json  which execution published the result
    jobs/{job id}/stage-{k}/receipts/{map/… or step-…}    one object a finished task
    jobs/{job id}/stage-{k}/times/{phase}/{name}          an empty object a finished task, with backups
    jobs/{job id}/stage-{k}/errors/{map/… or step-…}      what a task that failed has to say of the data
    jobs/{job id}/stage-{k}/records/{map/… or step-…}/{execution}/{request}.{done or failed}.json
                                                          what each attempt at a task was and took
    jobs/{job id}/stage-{k}/sample/…                      the same of the phase that samples keys, if any

Keys follow from (stage, step, partition, task) alone, so a retry writes to where the first try wrote.
"""

from __future__ import annotations

import re

BY_HAND = "-"  # in the place of an execution's name
_UNFIT = re.compile(r"[^A-Za-z0-9.-]")

MAP_STEP = 0  # a map task's output is what reduce step 1 reads


def stage_prefix(job_id: str, stage: int, *, sample: bool = False) -> str:
    """Return the prefix of all that a stage writes; or that the phase writes which samples its keys."""
    return f"jobs/{job_id}/stage-{stage}/{'sample/' if sample else ''}"


def output_key(prefix: str, step: int, partition: int, task: int) -> str:
    """Return the key of a task's output; a map task's holds all partitions."""
    return f"{prefix}map/{task}" if step == MAP_STEP else f"{prefix}step-{step}/{partition}/{task}"


def rejects_key(prefix: str, task: int) -> str:
    """Return the key of the object with what a map task could not read."""
    return f"{prefix}rejects/{task}.jsonl"


def result_key(prefix: str, partition: int, extension: str) -> str:
    """Return the key of a partition's result."""
    return f"{prefix}result/part-{partition:05d}.{extension}"


def receipt_key(prefix: str, output: str) -> str:
    """Return the key of the receipt of the task that wrote an output."""
    return f"{prefix}receipts/{output.removeprefix(prefix)}.json"


def error_key(prefix: str, output: str) -> str:
    """Return the key of what the task that was to write an output says of its failure."""
    return f"{prefix}errors/{output.removeprefix(prefix)}.json"


def record_key(prefix: str, output: str, execution: str, request: str, *, failed: bool) -> str:
    """Return the key of the record of an attempt at the task that writes an output.

    It says whose attempt it was and how it ended, so that who lists records can count them.

    Args:
        execution: the name of the one that asked for it; nothing if it was asked for by hand.
        request: the id of the invocation; it may hold what keys had better not.
    """
    end = "failed" if failed else "done"
    task = output.removeprefix(prefix)
    return f"{prefix}records/{task}/{execution or BY_HAND}/{_UNFIT.sub('-', request)}.{end}.json"


def published_key(prefix: str) -> str:
    """Return the key of the receipt of a stage's result; one that reducers may write."""
    return f"{prefix}receipts/step-published.json"


def wave_key(prefix: str, task: int) -> str:
    """Return the key of what is known of a wave, by the number of its first task."""
    return f"{prefix}receipts/wave-{task}.json"


def plan_key(prefix: str) -> str:
    """Return the key of what is known of a stage's plan."""
    return f"{prefix}receipts/plan.json"


def time_key(times: str, seconds: float, partition: int, task: int) -> str:
    """Return a key whose order among others is that of the time that tasks took.

    Args:
        times: the prefix of the phase.
    """
    return f"{times}{max(1, round(seconds * 1000)):010d}-{partition}-{task}"

"""`marla run --resume`: a job that failed goes on in a new execution, which keeps what is done."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from botocore.exceptions import ClientError

from mapreduce.layout import plan_key, published_key, stage_prefix
from mapreduce.results import WITHDRAWN

from . import execution
from .errors import CloudError, UsageError
from .past import Past
from .stack import Stack

# What may be other than in the execution that failed: it changes no task that is done.
FIELDS = {
    "concurrency": "concurrency",
    "max_bad_records": "maxBadRecords",
    "max_record_bytes": "maxRecordBytes",
    "speculate": "speculate",
    "keep_intermediates": "keepIntermediates",
}
_TAKEN = {*FIELDS, "resume", "name", "out", "overwrite", "json", "stack", "local", "region", "help"}
_OPTIONS = "--concurrency, --max-bad-records, --max-record-bytes, --speculate and --delete-intermediates"
_GONE = {"NoSuchKey", "404"}
_FRESH = re.compile(r"-\d{8}-\d{6}-[0-9a-f]{4,6}$")  # what `execution.new_name` puts behind a job's name


def check_options(options: argparse.Namespace) -> None:
    """Raise UsageError for an option that would make another job of it."""
    for action in options.parser._actions:
        given = getattr(options, action.dest, action.default)
        if action.dest not in _TAKEN and given not in (action.default, []):
            name = action.option_strings[0] if action.option_strings else "JOB"
            got = f"{given[0]}" if isinstance(given, list) else "it" if given is True else f"{given}"
            raise UsageError(
                f"{name}: got {got}, but --resume continues {options.resume}, whose plan must stay the same; "
                f"leave it out ({_OPTIONS} may be other than before), or run the job anew without --resume"
            )


def check_past(past: Past, stack: Stack) -> None:
    """Raise CloudError for an execution that has nothing to resume."""
    if past.status == "RUNNING":
        raise CloudError(
            f"{past.name} is running: `marla watch {past.name}{stack.options}` follows it, `marla stop "
            f"{past.name}{stack.options}` stops it"
        )
    if past.status == "SUCCEEDED":
        raise CloudError(
            f"{past.name} has succeeded: `marla result {past.name}{stack.options}` shows or brings its result"
        )
    if not isinstance(past.asked, dict):
        raise CloudError(f"{past.name} was given {str(past.asked)[:200]}, which is no job; run one")


def hindrance(stack: Stack, name: str, job: str, stages: int, where: str) -> str:
    """Return why a job cannot be resumed any more, in sentences, or nothing if it can.

    That is what a worker would refuse it for, by what the job has left: two requests to S3.

    Args:
        name: of the execution that failed.
        job: its job's id.
        stages: how many the job has.
        where: the options, behind a space, that say in a command which cloud the execution is in.
    """
    plans = (plan_key(stage_prefix(job, 0, sample=sample)) for sample in (False, True))
    if all(_receipt(stack, key) is None for key in plans):  # one that takes a sample may have only that plan
        return (
            "Nothing of the job is left that could be resumed: it was removed (`marla rm`), has expired, or "
            "had not begun. Start it anew"
        )
    published = _receipt(stack, published_key(stage_prefix(job, stages - 1)))
    by = json.loads(published)["execution"] if published else WITHDRAWN
    if by == WITHDRAWN:
        return ""
    if by == name:
        return "The job has its result: this execution published it before it ended: nothing is left to do"
    return f"The job has its result by now: {by} published it. `marla result {by}{where}` shows or brings it"


def _receipt(stack: Stack, key: str) -> bytes | None:
    """Return what a worker wrote down of a job, or None if it is not there."""
    try:
        return stack.s3.get_object(Bucket=stack.job_bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return None


def execution_input(past: Past, options: argparse.Namespace) -> dict[str, Any]:
    """Return the input of an execution that continues another: the same, but for what is given now."""
    given = {field: value for name, field in FIELDS.items() if (value := getattr(options, name)) is not None}
    document: dict[str, Any] = past.asked | given | {"resume": past.job}
    if isinstance(document.get("stages"), list):  # what is given holds for all of them
        document["stages"] = [
            {name: value for name, value in stage.items() if name not in given}
            if isinstance(stage, dict)
            else stage
            for stage in document["stages"]
        ]
    return document


def new_name(past: Past) -> str:
    """Return a name for an execution that continues another: like it, with the time of now."""
    return execution.new_name(_FRESH.sub("", past.job))


def title(document: dict[str, Any]) -> str:
    """Return what to call the job of an execution's input."""
    job = document.get("job")
    return job if isinstance(job, str) else "sql" if document.get("sql") else "stages"

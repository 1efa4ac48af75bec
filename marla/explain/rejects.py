"""The first records that a job has set aside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mapreduce.layout import stage_prefix
from marla.explain.explanation import Rejected
from marla.stack import Stack

SHOWN = 3
_ENOUGH = 128 << 10  # bytes of an object: three records as long as they are kept, with their reasons


def first(stack: Stack, job: str, stage: int, *, sample: bool) -> tuple[Rejected, ...]:
    """Return the first records that a stage has set aside, in the order of its input."""
    folder = f"{stage_prefix(job, stage, sample=sample)}rejects/"
    found: list[Rejected] = []
    for key in _keys(stack, folder):
        found += _rejects(stack, key)
        if len(found) >= SHOWN:
            break
    return tuple(found[:SHOWN])


def _keys(stack: Stack, folder: str) -> list[str]:
    """Return the keys of the objects with rejects, by the number of the task."""
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.job_bucket, Prefix=folder)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    return sorted(keys, key=lambda key: (len(key), key))  # which for numbers is their own order


def _rejects(stack: Stack, key: str) -> Iterator[Rejected]:
    answer = stack.s3.get_object(Bucket=stack.job_bucket, Key=key, Range=f"bytes=0-{_ENOUGH - 1}")
    for line in answer["Body"].read().split(b"\n")[:SHOWN]:
        try:
            told: dict[str, Any] = json.loads(line)
            yield Rejected(
                str(told["object"]), int(told["offset"]), str(told["reason"]), str(told.get("record", ""))
            )
        except (ValueError, LookupError, TypeError):  # the rest of a line that was not read to its end
            return

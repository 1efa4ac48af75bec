"""What there is to read: the stack's buckets, and the folders and objects in one."""

from __future__ import annotations

import re
from typing import Any

from ..stack import Stack
from .answers import Refused

PAGE = 200  # objects and folders that are listed at once
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def buckets(stack: Stack) -> list[dict[str, str]]:
    """Return the buckets that jobs of the stack may read, each with a note on what is in it."""
    own = {"name": stack.job_bucket, "note": "the job bucket: uploads under input/, results under jobs/"}
    return [*({"name": name, "note": "an input bucket"} for name in input_buckets(stack)), own]


def input_buckets(stack: Stack) -> list[str]:
    """Return the names that the stack's parameter InputBuckets has."""
    found = stack.make_client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"][0]
    given = {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])}
    return [name.strip() for name in given.get("InputBuckets", "").split(",") if name.strip()]


def objects(stack: Stack, bucket: str, prefix: str, token: str) -> dict[str, Any]:
    """Return a page of the folders and objects right under a prefix.

    Args:
        prefix: ends in / for a folder.
        token: `next` of the page before; nothing for the first.
    """
    if not _BUCKET.fullmatch(bucket):
        raise Refused(400, f"bucket: got {bucket[:100]!r}; give a bucket's name", field="bucket")
    more: Any = {"ContinuationToken": token} if token else {}
    page = stack.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=PAGE, **more)
    return {
        "folders": [one["Prefix"] for one in page.get("CommonPrefixes", [])],
        "objects": [{"key": one["Key"], "size": one["Size"]} for one in page.get("Contents", [])],
        "next": page.get("NextContinuationToken"),
    }

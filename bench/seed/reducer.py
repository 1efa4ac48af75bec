"""The reducer: reads two JSON objects, adds them up in a dict, writes it as JSON."""

from __future__ import annotations

import json
from typing import Any

import boto3

s3 = boto3.client("s3")


def added(total: dict[str, float], sums: dict[str, float]) -> dict[str, float]:
    """Add sums to a total, and return it."""
    for group, revenue in sums.items():
        total[group] = total.get(group, 0.0) + revenue
    return total


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Reduce the objects `keys` of `bucket` to the object `output`."""
    total: dict[str, float] = {}
    read = 0
    for key in event["keys"]:
        sums = json.loads(s3.get_object(Bucket=event["bucket"], Key=key)["Body"].read())
        read += len(sums)
        total = added(total, sums)
    s3.put_object(Bucket=event["bucket"], Key=event["output"], Body=json.dumps(total).encode())
    return {"recordsIn": read, "recordsOut": len(total)}

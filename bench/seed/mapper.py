"""The mapper: reads a whole object, sums in a dict, writes it as one JSON object."""

from __future__ import annotations

import json
from typing import Any

import boto3

s3 = boto3.client("s3")


def sums_of(text: str, prefix: int) -> dict[str, float]:
    """Return the sum of adRevenue for each first `prefix` characters of sourceIP."""
    sums: dict[str, float] = {}
    for line in text.split("\n"):
        if line:
            fields = line.split(",")
            group = fields[0][:prefix]
            sums[group] = sums.get(group, 0.0) + float(fields[3])
    return sums


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Map the object `key` of `bucket` to the object `output`."""
    text = s3.get_object(Bucket=event["bucket"], Key=event["key"])["Body"].read().decode()
    sums = sums_of(text, event["prefix"])
    s3.put_object(Bucket=event["bucket"], Key=event["output"], Body=json.dumps(sums).encode())
    return {"recordsOut": len(sums)}

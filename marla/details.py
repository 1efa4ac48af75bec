"""What a failed task says of the data: it is in an object of the job, for logs are not to have it."""

from __future__ import annotations

import json
import re

from botocore.exceptions import BotoCoreError, ClientError

from .stack import Stack

_ELSEWHERE = re.compile(
    r"\. What it says of the data is in s3://(?P<bucket>[^/]+)/(?P<key>jobs/.+/errors/.+\.json), "
    r"which `marla` shows$"
)


def whole(stack: Stack, message: str) -> str:
    """Return the whole of a message that refers to an object of the stack's.

    As it is, if that object cannot be read.
    """
    found = _ELSEWHERE.search(message)
    if not found or found["bucket"] != stack.job_bucket:
        return message
    try:
        answer = stack.s3.get_object(Bucket=found["bucket"], Key=found["key"])
        return str(json.loads(answer["Body"].read())["message"])
    except (ClientError, BotoCoreError, ValueError, LookupError, TypeError):
        return message

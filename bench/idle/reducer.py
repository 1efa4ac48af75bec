"""The reducer that does nothing: it answers as if it had read a record of each input, and written one."""

import sys
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answer at once, with a line of log as the real one has."""
    if event.get("publish"):
        return {"format": "csv", "parts": event["partitions"]}
    sys.stderr.write("{}\n")
    return {"recordsIn": event["count"], "recordsOut": 1, "bytesIn": 1, "bytesOut": 1}

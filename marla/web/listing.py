"""The stack's executions, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..execution import FINAL
from ..explain.search import console_url
from ..stack import Stack
from .answers import Refused

PAGE = 50
STATUSES = {"RUNNING", *FINAL}


def page(stack: Stack, status: str, token: str, now: datetime) -> dict[str, Any]:
    """Return some executions, those started last first.

    Args:
        status: only those with it; nothing for all.
        token: `next` of the page before; nothing for the first.
    """
    if status and status not in STATUSES:
        raise Refused(
            400, f"status: got {status[:50]!r}; give one of {', '.join(sorted(STATUSES))}", field="status"
        )
    more: Any = ({"statusFilter": status} if status else {}) | ({"nextToken": token} if token else {})
    answer = stack.sfn.list_executions(stateMachineArn=stack.state_machine, maxResults=PAGE, **more)
    return {
        "executions": [_row(stack, one, now) for one in answer["executions"]],
        "next": answer.get("nextToken"),
    }


def _row(stack: Stack, one: Any, now: datetime) -> dict[str, Any]:
    stopped = one.get("stopDate")
    row = {
        "name": one["name"],
        "status": one["status"],
        "started": one["startDate"].isoformat(),
        "stopped": stopped.isoformat() if stopped else None,
        "seconds": round(max(0.0, ((stopped or now) - one["startDate"]).total_seconds()), 3),
    }
    return row if stack.local else row | {"awsUrl": console_url(one["executionArn"], stack.region)}

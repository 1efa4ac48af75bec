"""The event history of one execution, as GetExecutionHistory gives it."""

import json
import threading
import time
import zlib
from enum import Enum
from typing import Any, TypeAlias

from marla.local.jsonata import JSON

# As in the API's JSON: id, previousEventId, type, timestamp (seconds since 1970), and the type's details.
Event: TypeAlias = dict[str, JSON]

LAST = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut")


class History:
    """Events in order; stands where moto has its EventManager, whose add_event it therefore answers to.

    Three things differ from moto's: nothing is added after the execution's last event (a task that was
    abandoned still reports its end), a failed evaluation is reported once a state, and there are pages.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._packed = b""

    def add_event(
        self,
        context: Any,
        event_type: str,
        event_details: dict[str, Any] | None = None,
        timestamp: Any = None,  # noqa: ARG002 (moto's signature)
        update_source_event_id: bool = True,
    ) -> int:
        """Append one event; `context` is moto's chain of previous events, which this advances."""
        kind = event_type.value if isinstance(event_type, Enum) else event_type
        with self._lock:
            before = str(self._events[-1]["type"]) if self._events else ""
            if self._packed or before in LAST or (kind == "EvaluationFailed" and self._reported()):
                return int(context.last_published_event_id)
            if vars(context).get("silent"):  # see `aborts`
                return int(context.last_published_event_id)
            number = len(self._events) + 1
            event = {
                "id": number,
                "previousEventId": context.source_event_id,
                "type": kind,
                "timestamp": time.time(),
            }
            for name, details in (event_details or {}).items():
                event[name] = {key: value for key, value in details.items() if value is not None}
            self._events.append(event)
            context.last_published_event_id = number
            if update_source_event_id:
                context.source_event_id = number
            return number

    def _reported(self) -> bool:
        """Whether the state's failed evaluation is here: moto reports it at several levels, or none."""
        for event in reversed(self._events):
            if event["type"] == "EvaluationFailed":
                return True
            if str(event["type"]).endswith("StateEntered"):
                return False
        return False

    def pack(self) -> None:
        """Compress a finished history: an execution with ten thousand children keeps them all."""
        with self._lock:
            if not self._packed:
                self._packed = zlib.compress(json.dumps(self._events, default=str).encode(), 1)
                self._events = []

    def events(self) -> list[Event]:
        """All events so far, oldest first."""
        with self._lock:
            if self._packed:
                return list(json.loads(zlib.decompress(self._packed)))
            return list(self._events)

    def page(self, limit: int, token: str | None, reverse: bool) -> tuple[list[Event], str | None]:
        """One page, and the token of the next; tokens stay true while events are added."""
        events = self.events()
        if reverse:
            end = int(token) if token else len(events)
            start = max(0, end - limit)
            return events[start:end][::-1], str(start) if start else None
        start = int(token) if token else 0
        end = start + limit
        return events[start:end], str(end) if end < len(events) else None

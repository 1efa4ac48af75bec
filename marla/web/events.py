"""The history of an execution: kept small, shown page by page."""

from __future__ import annotations

import json
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

LARGEST_PAGE = 500
SHOWN_CHARACTERS = 20_000  # of a text in an event, which may have 256 Ki of them
# Texts of events that hold JSON.
_JSON = {"input", "output", "parameters", "assignedVariables", "cause"}


class EventLog:
    """Events in their order, each with the state that it happened in.

    A history has up to 25,000 events, of which many repeat what is large, so that they are kept compressed.
    """

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._texts: list[bytes] = []
        self._states: dict[int, str] = {}
        self._start: datetime | None = None

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, event: Mapping[str, Any]) -> None:
        """Keep the event that comes next."""
        self._start = self._start or event["timestamp"]
        state = self._state_of(event)
        self._states[event["id"]] = state
        shown = {
            "id": event["id"],
            "previous": event.get("previousEventId", 0),
            "type": event["type"],
            "time": event["timestamp"].isoformat(),
            "seconds": round((event["timestamp"] - self._start).total_seconds(), 3),
            **({"state": state} if state else {}),
            "details": _shown(_details(event)),
        }
        self._ids.append(event["id"])
        self._texts.append(zlib.compress(json.dumps(shown, default=str).encode(), level=1))

    def page(self, after: int | None, limit: int, *, newest_first: bool) -> dict[str, Any]:
        """Return some events, and whether there are more behind them.

        Args:
            after: the id of the event behind which to begin, in the direction of reading; None for the end at
                which that begins.
        """
        if newest_first:
            end = len(self._ids) if after is None else bisect_left(self._ids, after)
            begin = max(0, end - limit)
            chosen, more = range(end - 1, begin - 1, -1), begin > 0
        else:
            begin = 0 if after is None else bisect_right(self._ids, after)
            end = min(len(self._ids), begin + limit)
            chosen, more = range(begin, end), end < len(self._ids)
        return {"events": [json.loads(zlib.decompress(self._texts[index])) for index in chosen], "more": more}

    def _state_of(self, event: Mapping[str, Any]) -> str:
        """Return the state in which an event happened: its own, or that of the event that led to it."""
        for kind in ("stateEnteredEventDetails", "stateExitedEventDetails"):
            if kind in event:
                return str(event[kind]["name"])
        return (
            ""
            if event["type"].startswith("Execution")
            else self._states.get(event.get("previousEventId", 0), "")
        )


def _details(event: Mapping[str, Any]) -> dict[str, Any]:
    return dict(next((value for name, value in event.items() if name.endswith("EventDetails")), {}))


def _shown(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return details without what is too long to show, and JSON in texts as what it says."""
    return dict(_shown_fields(details))


def _shown_fields(details: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in details.items():
        if name == "assignedVariables" and isinstance(value, Mapping):
            yield name, {variable: _value(text) for variable, text in value.items()}
        elif isinstance(value, str):
            yield name, _value(value) if name in _JSON else shortened(value)
        elif isinstance(value, Mapping):
            yield name, _shown(value)
        else:
            yield name, value


def _value(text: Any) -> Any:
    """Return what a text says as JSON, if it is JSON and short enough."""
    if not isinstance(text, str) or len(text) > SHOWN_CHARACTERS:
        return shortened(text)
    try:
        return from_json(text)
    except (ValueError, RecursionError):
        return text


def from_json(text: str) -> Any:
    """Return what a text says as JSON. Raises ValueError if it is none, as browsers have it: no NaN."""
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def shortened(value: Any) -> Any:
    """Return a text without its end, if it is too long to show."""
    if not isinstance(value, str) or len(value) <= SHOWN_CHARACTERS:
        return value
    return f"{value[:SHOWN_CHARACTERS]}… ({len(value):,} characters)"

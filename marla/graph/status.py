"""How a state of the machine fares in an execution, and the few words and symbols that say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..durations import seconds_text

# A symbol for each status, so that none is told by its colour alone; of characters that no font has as emoji.
SYMBOLS = {"idle": "", "running": "►", "succeeded": "✓", "failed": "✕", "caught": "!", "stopped": "■"}
WORDS = {
    "idle": "not reached",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "caught": "error caught",
    "stopped": "stopped",
}


@dataclass(frozen=True)
class StateStatus:
    """A state in an execution.

    Attributes:
        status: idle, running, succeeded, failed, caught (an error, for which there is a way on) or stopped.
        visits: how often it was entered.
        seconds: spent in it, all visits together.
        done: items that succeeded, of `total`, and of which `failed` did not; None where there are no items.
        retries: how often it was tried again.
        error: the name of the last error in it.
        known: whether anything tells of it; if not, it is idle.
    """

    status: str = "idle"
    visits: int = 0
    seconds: float = 0.0
    done: int | None = None
    total: int | None = None
    failed: int | None = None
    retries: int = 0
    error: str = ""
    known: bool = True

    def label(self, name: str) -> str:
        """Return all of it in words, for those who do not see the picture."""
        if not self.known:
            return f"{name}: only the history of each item tells"
        said = [WORDS[self.status] + (f" ({self.error})" if self.error else "")]
        if self.done is not None:
            of = "" if self.total is None else f" of {self.total:,}"
            said.append(f"{self.done:,}{of} {'task' if (self.total or self.done) == 1 else 'tasks'}")
        if self.failed:
            said.append(f"{self.failed:,} failed")
        if self.visits:
            said.append(seconds_text(self.seconds))
        if self.visits > 1:
            said.append(f"entered {self.visits:,} times")
        if self.retries:
            said.append(f"retried {self.retries:,} {'time' if self.retries == 1 else 'times'}")
        return f"{name}: {', '.join(said)}"

    def texts(self) -> dict[str, str]:
        """Return what the picture shows, by the class of the element that holds it."""
        return {
            "mark": SYMBOLS[self.status],
            "count": self._count_text(),
            "time": seconds_text(self.seconds) if self.visits else "",
            "visits": f"×{self.visits:,}" if self.visits > 1 else "",
        }

    def to_json(self, name: str) -> dict[str, Any]:
        """Return what is known, with the words for it, for a live page."""
        fields = {
            "status": self.status,
            "visits": self.visits,
            "seconds": round(self.seconds, 3),
            "done": self.done,
            "total": self.total,
            "failed": self.failed,
            "retries": self.retries or None,
            "error": self.error or None,
            "known": None if self.known else False,
            "label": self.label(name),
            "texts": self.texts(),
        }
        return {field: value for field, value in fields.items() if value is not None}

    def _count_text(self) -> str:
        if self.done is None:
            return ""
        return f"{self.done:,}" if self.total is None else f"{self.done:,} of {self.total:,}"

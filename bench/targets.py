"""Targets: what the figures are held against."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from .figures import shown


class Bound(StrEnum):
    """On which side of its limit a value should be."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Target:
    """A value that was measured, and the limit that it should keep."""

    what: str
    bound: Bound
    limit: float
    value: float
    unit: str = ""

    @property
    def reached(self) -> bool:
        """Whether the value keeps the limit."""
        match self.bound:
            case Bound.AT_LEAST:
                return self.value >= self.limit
            case Bound.AT_MOST:
                return self.value <= self.limit
            case Bound.BELOW:
                return self.value < self.limit

    def cells(self) -> list[str]:
        """Return it as a row of a table."""
        unit = f" {self.unit}" if len(self.unit) > 1 else self.unit
        return [
            self.what,
            f"{self.bound} {self.limit:g}{unit}",
            f"{shown(self.value)}{unit}",
            "reached" if self.reached else "**not reached**",
        ]

    def to_json(self) -> dict[str, Any]:
        """Return all that is known of it."""
        return asdict(self) | {"reached": self.reached}


TARGET_COLUMNS = ["target", "limit", "measured", ""]

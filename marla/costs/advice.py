"""One piece of advice on how an execution like this could be cheaper, faster or safer."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Dollars an execution: for less than a cent nobody deploys a stack anew.
WORTH_A_CHANGE = Decimal("0.01")


@dataclass(frozen=True)
class Advice:
    """What the numbers warrant.

    Attributes:
        text: sentences with the numbers that it follows from.
        option: what to change: an option of `marla run`, or a parameter of the template as NAME=VALUE.
        saves: dollars, at the most, an execution like this one; None if it is not about money.
    """

    title: str
    text: str
    option: str
    saves: Decimal | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the advice as JSON has it."""
        return {
            "title": self.title,
            "text": self.text,
            "option": self.option,
            "saves": None if self.saves is None else float(self.saves),
        }

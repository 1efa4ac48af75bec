"""Numbers as people read them in a report."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

from ..costs.bill import dollars

_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")


def seconds_text(seconds: float) -> str:
    """Return a time for people: 0.12 s, 12.3 s, 2 min 05 s, 1 h 02 min.

    Other than that of `marla.durations`, which is for what goes on, to the hundredth, by which short tasks
    can be compared, and with two digits of what is smaller, which align in tables.
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def plural(count: int, noun: str) -> str:
    """Return a number of things: 1 task, 1,200 tasks."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def words_of(name: str) -> str:
    """Return the name of a counter as words: inputRecords is Input records."""
    return _CAPITAL.sub(lambda found: f" {found[0].lower()}", name).capitalize()


def short_count(count: int) -> str:
    """Return a number for people in three digits: 950, 24.0 k, 57.6 M, 1.44 bn."""
    for size, unit in ((10**9, "bn"), (10**6, "M"), (10**3, "k")):
        if count >= size * 0.9995:
            value = count / size
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return f"{count}"


def percent_text(share: float) -> str:
    """Return a share of one for people: 51 %, 0.4 %."""
    return (
        f"{share:.0%}".replace("%", " %") if share >= 0.1 or share == 0 else f"{share:.1%}".replace("%", " %")
    )


def moment_text(moment: datetime) -> str:
    """Return a moment in UTC: 2026-11-18 11:06:40 UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def joined(parts: list[str]) -> str:
    """Return parts as an enumeration: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def quantity_text(quantity: Decimal) -> str:
    """Return a quantity of a bill for people, in four digits if it is not whole: 1,234 or 0.01235."""
    if quantity == quantity.to_integral_value():
        return f"{quantity:,.0f}"
    if quantity >= 1000:
        return f"{quantity:,.0f}"
    return f"{quantity:.4g}" if quantity >= Decimal("0.0001") else f"{quantity:.7f}"


def price_text(price: Decimal) -> str:
    """Return the price of a unit as a price table has it, with all its digits: $0.0000133334."""
    return f"${price:f}"


def range_text(amounts: tuple[Decimal, Decimal]) -> str:
    """Return what something costs, from the least to the most: $0.01 to $0.02."""
    low, high = map(dollars, amounts)
    return low if low == high else f"{low} to {high}"


def difference_text(amounts: tuple[Decimal, Decimal]) -> str:
    """Return how much less or more something costs: −$0.01 to $0."""
    most = max(map(abs, amounts))
    # What is far below the larger of the two is nothing: times are billed in whole milliseconds.
    exact = [amount if abs(amount) * 1000 >= most else Decimal(0) for amount in amounts]
    low, high = map(_signed, exact)
    return low if low == high else f"{low} to {high}"


def _signed(amount: Decimal) -> str:
    sign = "−" if amount < 0 else "+" if amount > 0 else ""
    return f"{sign}{dollars(abs(amount))}"

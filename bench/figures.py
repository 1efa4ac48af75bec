"""Figures: what was measured, run by run, and what follows from the runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """The runs of one quantity of one contender in one case, such as seconds of DuckDB on 514 MB."""

    case: str
    contender: str
    quantity: str
    unit: str
    runs: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run: what is quoted."""
        return statistics.median(self.runs)

    @property
    def low(self) -> float:
        """The least of the runs."""
        return min(self.runs)

    @property
    def high(self) -> float:
        """The greatest of the runs."""
        return max(self.runs)

    def cells(self) -> list[str]:
        """Return median, spread and number of runs, as a table shows them."""
        spread = f"{shown(self.low)} to {shown(self.high)}"
        return [shown(self.median), spread, str(len(self.runs))]

    def to_json(self) -> dict[str, Any]:
        """Return all that is known of it."""
        return asdict(self) | {"median": self.median, "min": self.low, "max": self.high}


SPREAD_COLUMNS = ["min to max", "runs"]  # beside the median, whose column has the quantity's name


def shown(value: float) -> str:
    """Return a number with three digits that count, and no more after the point than it needs."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def fit_plane(points: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return a, b and c of the least squares z = a + b x + c y through points (x, y, z).

    Solves the normal equations by elimination. Raises ValueError if the points determine no plane.
    """
    rows = [(1.0, x, y) for x, y, _ in points]
    matrix = [
        [sum(row[i] * row[j] for row in rows) for j in range(3)]
        + [sum(row[i] * point[2] for row, point in zip(rows, points, strict=True))]
        for i in range(3)
    ]
    for pivot in range(3):
        best = max(range(pivot, 3), key=lambda i: abs(matrix[i][pivot]))
        matrix[pivot], matrix[best] = matrix[best], matrix[pivot]
        if abs(matrix[pivot][pivot]) < 1e-9:
            raise ValueError("the points lie on a line: measure cases that vary both tasks and steps")
        for i in range(3):
            if i != pivot:
                factor = matrix[i][pivot] / matrix[pivot][pivot]
                matrix[i] = [
                    value - factor * above for value, above in zip(matrix[i], matrix[pivot], strict=True)
                ]
    a, b, c = (matrix[i][3] / matrix[i][i] for i in range(3))
    return a, b, c

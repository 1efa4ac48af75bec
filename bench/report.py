"""A step's report: figures, tables and targets, printed, and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .figures import Figure
from .machine import machine, versions
from .tables import Table
from .targets import TARGET_COLUMNS, Bound, Target


@dataclass
class Report:
    """What a step of the benchmark found."""

    step: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, case: str, contender: str, quantity: str, unit: str, runs: Sequence[float]) -> Figure:
        """Add a figure, and return it."""
        figure = Figure(case, contender, quantity, unit, tuple(runs))
        self.figures.append(figure)
        return figure

    def median(self, case: str, contender: str, quantity: str) -> float | None:
        """Return the median of a figure, or None if there is no such figure."""
        for figure in self.figures:
            if (figure.case, figure.contender, figure.quantity) == (case, contender, quantity):
                return figure.median
        return None

    def to_json(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Return all of it, with the machine, the versions and the plan that it was measured with."""
        return {
            "step": self.step,
            "title": self.title,
            "taken": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "machine": machine(),
            "versions": versions(),
            "plan": plan,
            "tables": [table.to_json() for table in self.tables],
            "figures": [figure.to_json() for figure in self.figures],
            "targets": [target.to_json() for target in self.targets],
            "notes": self.notes,
        }

    def write(self, folder: Path, plan: dict[str, Any]) -> Path:
        """Write it as JSON; return where."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.step}.json"
        path.write_text(json.dumps(self.to_json(plan), indent=1) + "\n")
        return path

    def markdown(self) -> str:
        """Return it for people."""
        tables = [*self.tables]
        if self.targets:
            tables.append(Table("Targets", TARGET_COLUMNS, [target.cells() for target in self.targets]))
        parts = [f"## {self.title}", *(table.markdown() for table in tables)]
        if self.notes:
            parts.append("\n".join(f"- {note}" for note in self.notes))
        return "\n\n".join(parts) + "\n"


def read(path: Path) -> Report:
    """Read a report that was written."""
    saved = json.loads(path.read_text())
    return Report(
        step=saved["step"],
        title=saved["title"],
        figures=[
            Figure(f["case"], f["contender"], f["quantity"], f["unit"], tuple(f["runs"]))
            for f in saved["figures"]
        ],
        tables=[Table(**table) for table in saved["tables"]],
        targets=[
            Target(t["what"], Bound(t["bound"]), t["limit"], t["value"], t["unit"]) for t in saved["targets"]
        ],
        notes=saved["notes"],
        seconds=saved["seconds"],
    )

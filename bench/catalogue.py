"""Jobs of the catalogue: what grep costs beyond reading lines, and sorts of more than memory holds."""

from __future__ import annotations

from . import greps, sorts
from .report import Report
from .session import Session


def run(session: Session) -> Report:
    """Measure grep, and then the sorts."""
    report = Report("catalogue", "Jobs of the catalogue")
    greps.run(session, report)
    sorts.run(session, report)
    return report

"""How far an execution is, for programs: what a page or a script shows of it, as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .phase import Phase, utc_now
from .progress import Progress


def summary(progress: Progress, now: datetime | None = None) -> dict[str, Any]:
    """Return how far an execution is.

    Times are ISO 8601 in UTC, durations seconds. What is not known is None, such as when a phase will be over
    of which nothing is done.
    """
    now = now or utc_now()
    return {
        "status": progress.status,
        "started": _time(progress.started),
        "stopped": _time(progress.stopped),
        "seconds": round(progress.seconds_at(now), 3),
        "state": progress.state,
        "stages": progress.stages,
        "stage": progress.stage,
        "sampling": progress.sampling,
        "fraction": round(progress.fraction, 4),
        "total": progress.total,
        "succeeded": progress.succeeded,
        "running": progress.running,
        "failed": progress.failed,
        "phases": [_phase(number, phase, now) for number, phase in enumerate(progress.phases)],
    }


def _phase(number: int, phase: Phase, now: datetime) -> dict[str, Any]:
    return {
        "number": number,
        "name": phase.name,
        "step": phase.step,
        "stage": phase.stage,
        "sample": phase.sample,
        "wave": phase.wave,
        "mapRun": bool(phase.map_run),
        "status": phase.status,
        "total": phase.total,
        "succeeded": phase.succeeded,
        "running": phase.running,
        "failed": phase.failed,
        "records": phase.records,
        "bytes": phase.bytes,
        "seconds": round(phase.seconds_at(now), 3),
        "entered": _time(phase.entered),
        "exited": _time(phase.exited),
        "perSecond": _rounded(phase.per_second),
        "secondsLeft": _rounded(phase.seconds_left),
    }


def _time(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat(timespec="milliseconds") if time else None


def _rounded(value: float | None) -> float | None:
    """Return a number with four digits that count, so that a task an hour is not none a second."""
    return None if value is None else float(f"{value:.4g}")

"""Durations as people read them."""

from __future__ import annotations


def seconds_text(seconds: float) -> str:
    """Return a time in words, as the pages write it too: 1.2 s, 2 min 3 s, 1 h 2 min."""
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def clock_text(seconds: float) -> str:
    """Return a time for a terminal, whose columns are few, as a clock: 1.2 s, 2:05, 1:02:05."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

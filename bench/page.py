"""The page: docs/benchmarks.md, whose numbers are those of the last whole run."""

from __future__ import annotations

import json
from pathlib import Path

from .report import read

BEGIN = "<!-- The numbers: written by `make bench` from bench/results/; do not edit. -->"
END = "<!-- The end of the numbers. -->"


def numbers(results: Path, steps: list[str]) -> str:
    """Return the part of the page that the results make."""
    reports = [results / f"{step}.json" for step in steps]
    there = [path for path in reports if path.exists()]
    saved = [json.loads(path.read_text()) for path in there]
    machine, versions = saved[0]["machine"], saved[0]["versions"]
    days: dict[str, list[str]] = {}
    for path, one in zip(there, saved, strict=True):
        days.setdefault(one["taken"][:10], []).append(path.stem)
    when = "; ".join(f"{day} ({', '.join(steps)})" for day, steps in sorted(days.items()))
    about = (
        f"Measured on {when}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memoryGiB']} GiB, Linux {machine['kernel']}, Python {machine['python']}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + "."
    )
    return "\n".join([about, "", *(read(path).markdown() for path in there)])


def updated(text: str, numbers: str) -> str:
    """Return the page's text with other numbers. Raises ValueError if it has no place for them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{numbers}\n{END}{after}"

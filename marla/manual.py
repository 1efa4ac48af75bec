"""The page that `marla jobs JOB` shows: what a job takes, reads and writes, and how to run it."""

from __future__ import annotations

import json
from textwrap import wrap
from typing import Any

WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
WIDTH = 100  # of columns, and of JSON; what is longer is cut into several lines


def page(name: str, job: dict[str, Any]) -> str:
    """Return the page of a job.

    Args:
        job: its document, see description.
    """
    about = [f"{name}: {job['description']}"] + (["", job["details"]] if job["details"] else [])
    sections = {
        "Parameters (--param NAME=VALUE)": _table(list(map(_parameter, job["parameters"].items()))),
        "Stages": _table([_stage(number, one) for number, one in enumerate(job.get("stages", []))]),
        "Reads": [line for one in job["reads"] for line in _read(one)],
        "Writes": _written(job),
        "Example, over files in data/": [job["example"]["command"]],
        "The same from the console, over objects in a bucket": _json(job["example"]["execution"]),
    }
    lines = about
    for title, text in sections.items():
        if text:
            lines += ["", title, *(f"  {line}" for line in text)]
    return "\n".join(lines)


def _table(rows: list[list[str]]) -> list[str]:
    """Return rows as lines, their cells below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [line.rstrip() for line in padded]


def _parameter(named: tuple[str, dict[str, Any]]) -> list[str]:
    name, parameter = named
    takes = WORDS.get(parameter["type"], parameter["type"])
    if "minimum" in parameter:
        takes += f" of at least {parameter['minimum']:g}"
    takes += ", required" if parameter.get("required") else f" ({json.dumps(parameter['default'])})"
    return [name, takes, parameter["help"]]


def _stage(number: int, stage: dict[str, Any]) -> list[str]:
    return [
        str(number),
        stage["job"],
        stage["description"] or f"SQL: {', '.join(stage['writes']['columns'])}",
    ]


def _read(one: dict[str, Any]) -> list[str]:
    """Return lines about what an input holds."""
    name = f"{one['name']}: " if "name" in one else ""
    columns = one.get("columns") or ", ".join((one["format"] or {}).get("columns", ()))
    if isinstance(columns, dict):
        columns = ", ".join(f"{column} {type}" for column, type in columns.items())
    return [f"{name}{_format(one['format'])}", *(f"  {line}" for line in wrap(columns, WIDTH))]


def _format(format: dict[str, Any] | None) -> str:
    if format is None:
        return "parquet, jsonl or csv, by the suffix"
    shown = {name: value for name, value in format.items() if name not in {"type", "columns"}}
    options = ", ".join(f"{name} {json.dumps(value)}" for name, value in shown.items())
    return f"{format['type']} ({options})" if options else str(format["type"])


def _written(job: dict[str, Any]) -> list[str]:
    """Return lines about the result."""
    writes = job["writes"]
    format = writes["format"] or "csv, or jsonl if rows are not flat"
    if "separator" in writes and len(writes["columns"]) > 1:
        format += f" (fields separated by {json.dumps(writes['separator'])})"
    lines = [f"{format}: {', '.join(writes['columns'])}" if writes["columns"] else format]
    if job.get("partitioning") == "range":
        lines.append("in order, in several partitions (--partitions R) one after the other")
    return lines


def _json(value: Any) -> list[str]:
    line = json.dumps(value)
    return [line] if len(line) <= WIDTH else json.dumps(value, indent=2).splitlines()

"""What the options of `marla run` say of the input's format, as a field of the execution's input."""

from __future__ import annotations

import argparse
from typing import Any

from .errors import UsageError

OPTIONS = {  # of a format: the option that each comes from, and the format that it is for
    "delimiter": ("--delimiter", "csv"),
    "quote": ("--quote", "csv"),
    "header": ("--header", "csv"),
    "length": ("--record-bytes", "fixed"),
}


def from_options(
    options: argparse.Namespace, of_query: Any = None, *, by_default: str | None = None
) -> dict[str, Any] | None:
    """Return what the input holds, as options say it, on top of what a query says; None if they do not.

    Args:
        of_query: the format that a query has of its own; None if it has none, or where a job is run.
        by_default: the format that options of a format are for where nothing else says which it is.

    Raises UsageError for an option of another format.
    """
    base = {"type": of_query} if isinstance(of_query, str) else of_query if isinstance(of_query, dict) else {}
    given = _given(options)
    if not options.format and not given:
        return None
    type = options.format or base.get("type") or by_default
    for name in given:
        option, of_type = OPTIONS[name]
        if type != of_type:
            but = f"the format is {type}" if type else "a job has a format of its own"
            raise UsageError(
                f"{option}: it is for {of_type}, but {but}; leave it out, or give --format {of_type}"
            )
    return (base if base.get("type") == type else {}) | {"type": type} | given


def refuse(options: argparse.Namespace, reason: str) -> None:
    """Raise UsageError for any option that says what the input holds."""
    given = ["--format"] if options.format else []
    given += [OPTIONS[name][0] for name in _given(options)]
    if given:
        raise UsageError(f"{given[0]}: {reason}; leave it out")


def _given(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "delimiter": None if options.delimiter is None else _delimiter(options.delimiter),
        "quote": None if options.quote is None else _quote(options.quote),
        "header": options.header or None,
        "length": options.record_bytes,
    }
    return {name: value for name, value in given.items() if value is not None}


def _delimiter(text: str) -> str:
    delimiter = "\t" if text == r"\t" else text
    if len(delimiter) != 1:
        raise UsageError(rf"--delimiter: got {text!r}; give one character, or \t for a tab")
    return delimiter


def _quote(text: str) -> str:
    if len(text) > 1:
        raise UsageError(f"--quote: got {text!r}; give one character, or '' if there is no quoting")
    return text

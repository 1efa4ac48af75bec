"""Rows of a result as they are written: csv, jsonl, text or raw."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from types import NoneType
from typing import Any

from .errors import BadResult
from .job import Job

PYTHON_FORMATS = ("csv", "jsonl", "text", "raw")  # what a Python job writes

BYTE_ORDER_MARK = "\ufeff"

Scalar = str | int | float | bool | None
SCALARS = (str, int, float, NoneType)  # a bool is an int

RowWriter = Callable[[Any, Any], str]  # from a row's key and value to what is written; may raise BadResult


def row_writer(format: str, job: Job, why: str) -> RowWriter:
    """Return what writes a job's rows in one of PYTHON_FORMATS.

    Args:
        why: why the output has this format, for those whose rows do not fit it.
    """
    if format == "csv":
        return _csv_rows(why)
    if format == "text":
        return _text_rows(job.separator, why)
    return _raw_rows() if format == "raw" else _json_rows(job.columns)


def encoded(rows: list[str], format: str) -> bytes:
    """Return written rows as bytes."""
    if format == "raw":
        return "".join(rows).encode("latin-1")
    # What UTF-8 cannot say (a lone surrogate) is written as the escape that JSON has for it.
    return "".join(rows).encode(errors="backslashreplace")


def fields_of(key: Any, value: Any) -> list[Any]:
    """Return a row's fields, the key's and then the value's."""
    fields: list[Any] = list(key) if isinstance(key, tuple) else [key]
    if isinstance(value, (list, tuple)):
        fields += value
    else:
        fields.append(value)
    return fields


def flatten(key: Any, value: Any) -> list[Scalar] | None:
    """Return a row's fields, or None if any of them is not a scalar."""
    fields = fields_of(key, value)
    for field in fields:
        if not isinstance(field, SCALARS):
            return None
    return fields


def _not_flat(key: Any, why: str) -> BadResult:
    return BadResult(
        f"the row of key {key!r} is not flat, but {why}: set output to jsonl, in the job or its input"
    )


class _UnixLines:
    """Ends csv's lines in `\\n`. Told to do so, csv would leave a `\\r` unquoted before Python 3.13."""

    def write(self, line: str) -> str:
        return line.removesuffix("\r\n") + "\n"


def _csv_rows(why: str) -> RowWriter:
    write = csv.writer(_UnixLines()).writerow

    def row(key: Any, value: Any) -> str:
        fields = flatten(key, value)
        if fields is None:
            raise _not_flat(key, why)
        line: str = write([str(field).lower() if isinstance(field, bool) else field for field in fields])
        if line[0] == BYTE_ORDER_MARK:  # csv does not quote it, and at its start a reader would drop it
            length = len(str(fields[0]))
            first, rest = line[:length], line[length:]
            line = f'"{first}"{rest}'
        return line

    return row


def _json_rows(columns: tuple[str, ...]) -> RowWriter:
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

    def row(key: Any, value: Any) -> str:
        fields = fields_of(key, value)
        if len(fields) == len(columns):
            named: dict[str, Any] = dict(zip(columns, fields, strict=True))
        else:
            named = {"key": key, "value": value}
        try:
            return encode(named) + "\n"
        except (TypeError, ValueError) as error:
            raise BadResult(f"the row of key {key!r} is nothing that JSON can say: {error}") from error

    return row


def _text_rows(separator: str, why: str) -> RowWriter:
    def row(key: Any, value: Any) -> str:
        if type(key) is str and type(value) is tuple and not value:  # the lines of a sort, by the million
            texts = [key]
            line = key
        else:
            fields = flatten(key, value)
            if fields is None:
                raise _not_flat(key, why)
            texts = [field if type(field) is str else _text(field) for field in fields]
            line = separator.join(texts)
        if "\n" in line and any("\n" in text for text in texts):
            raise BadResult(
                f"the row of key {key!r} has a field with a newline, but {why}, a line for each row: set "
                "output to csv or jsonl, in the job or its input"
            )
        return line + "\n"

    return row


def _text(field: Scalar) -> str:
    """Return a field as csv has it."""
    if field is None:
        return ""
    return str(field).lower() if isinstance(field, bool) else str(field)


def _raw_rows() -> RowWriter:
    def row(key: Any, value: Any) -> str:
        if type(key) is str and type(value) is tuple and not value:
            text = key
        else:
            fields = fields_of(key, value)
            for field in fields:
                # Of a number one might want the digits or the byte, of None nothing or an error.
                if not isinstance(field, str):
                    raise BadResult(
                        f"the row of key {key!r} has the field {field!r}, but the output is raw, which takes "
                        "str, each character a byte: give str(...), or chr(...) for a byte"
                    )
            text = "".join(fields)
        if not text.isascii():
            try:
                text.encode("latin-1")
            except UnicodeEncodeError as error:
                raise BadResult(
                    f"the row of key {key!r} has the character {text[error.start]!r}, but the output is raw, "
                    "each character a byte (latin-1): set output to text, in the job or its input, or give "
                    'the bytes of UTF-8: text.encode().decode("latin-1")'
                ) from error
        return text

    return row

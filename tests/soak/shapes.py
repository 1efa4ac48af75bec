"""What a job is to give: its result as plain Python computes it, from the input and without the engine."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isclose
from pathlib import Path
from typing import Any

import duckdb

from tests.soak.objects import Object

Row = tuple[Any, ...]
TOLERANCE = 1e-9  # relative, of sums of floats


@dataclass
class Shape:
    """A job over some objects, and what its result must be.

    Attributes:
        request: the execution's input.
        rows: of the result, in whatever order unless `exact`.
        types: of the columns of csv, which says texts.
        exact: whether rows are in this order, over all parts.
        sorted_by: what rows are sorted by within each part; over all parts if `in_all`.
        rejects: how many records are set aside.
    """

    request: dict[str, Any]
    objects: list[Object]
    rows: Sequence[Row]
    types: tuple[Callable[[str], Any], ...] = ()
    exact: bool = False
    sorted_by: Callable[[Row], Any] | None = None
    in_all: bool = False
    rejects: int = 0
    stages: int = field(init=False)

    def __post_init__(self) -> None:
        self.stages = len(self.request.get("stages", [])) or CHAINS.get(self.request.get("job", ""), 1)

    def problem(self, extension: str, parts: list[bytes], output: dict[str, Any]) -> str:
        """Return what is wrong with a result; nothing if it is right."""
        each = [self._rows(extension, part) for part in parts]
        got = [row for rows in each for row in rows]
        if self.sorted_by:
            for rows in [got] if self.in_all else each:
                keys = list(map(self.sorted_by, rows))
                if any(one > next_one for one, next_one in pairwise(keys)):
                    return "rows are not sorted"
        counters = output["counters"]
        if counters["rejects"] != self.rejects:
            return f"{counters['rejects']} rejects instead of {self.rejects}"
        if extension != "bin" and counters["resultRecords"] != len(got):
            return f"{counters['resultRecords']} rows by its counters, and {len(got)} in its objects"
        return _difference(got, self.rows, exact=self.exact)

    def _rows(self, extension: str, part: bytes) -> list[Row]:
        match extension:
            case "csv":
                table = csv.reader(io.StringIO(part.decode(), newline=""))
                return [
                    tuple(cast(cell) for cast, cell in zip(self.types, row, strict=True)) for row in table
                ]
            case "jsonl":
                lines = part.decode().split("\n")[:-1]
                return [tuple(json.loads(line).values()) for line in lines]
            case "txt":
                return [(line,) for line in part.decode().split("\n")[:-1]]
            case "bin":
                return [(part[start : start + 100],) for start in range(0, len(part), 100)]
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            Path(file.name).write_bytes(part)
            return duckdb.connect().execute(f"FROM read_parquet('{file.name}')").fetchall()


CHAINS = {"join": 2, "top": 2, "url-frequency": 2}  # how many stages these jobs of the catalogue have


def _difference(got: Sequence[Row], expected: Sequence[Row], *, exact: bool) -> str:
    floats = {column for row in expected for column, cell in enumerate(row) if isinstance(cell, float)}

    def order(row: Row) -> Any:
        # Sums may differ in the last digits; what rows are told apart by comes first.
        cells = list(enumerate(row))
        return [cell for column, cell in cells if column not in floats] + [row[column] for column in floats]

    if len(got) != len(expected):
        return f"{len(got)} rows instead of {len(expected)}"
    if not exact:
        got, expected = sorted(got, key=order), sorted(expected, key=order)
    for one, right in zip(got, expected, strict=True):
        if len(one) != len(right) or not all(map(_same, one, right)):
            return f"the row {one} instead of {right}"
    return ""


def _same(got: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return isclose(got, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(got == expected)

"""Segments of SQL jobs: partial rows as Parquet files sorted by key, back to back in an object."""

from __future__ import annotations

from ..storage import ObjectWriter
from .database import Database, Statement
from .shape import Shape, carried, listed

# Level 1, for the data is read again within seconds; version 2 has the denser encodings.
PARQUET = "FORMAT parquet, USE_TMP_FILE false, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2"


def write_segment(
    database: Database, relation: str, shape: Shape, output: ObjectWriter, *statements: Statement
) -> int:
    """Append partial rows to an object as a Parquet file, in the order of keys; return how many there are.

    Args:
        relation: what goes behind FROM; its columns have the shape's names and types.
        statements: whose texts stand in `relation`.
    """
    order = f" ORDER BY {listed(shape.key)}" if shape.key else ""
    file = database.files.create(output)
    rows = database.execute(
        f"COPY (SELECT {carried(shape.partial)} FROM {relation}{order}) TO {file} ({PARQUET})", *statements
    )
    return int(rows[0][0])

"""DuckDB with one thread: a file on the local disk, summed into a table."""

from __future__ import annotations

from typing import Any

import duckdb

from bench.peers.table import COLUMNS


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Sum the file `path`."""
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute(
            f"""CREATE TABLE sums AS
                SELECT substr(sourceIP, 1, {event["prefix"]}) AS ip, sum(adRevenue) AS revenue
                FROM read_csv('{event["path"]}', columns = {COLUMNS}, header = false, quote = '')
                GROUP BY ALL"""
        )
        row = database.execute("SELECT count(*) FROM sums").fetchone()
    assert row is not None
    return {"recordsOut": row[0]}

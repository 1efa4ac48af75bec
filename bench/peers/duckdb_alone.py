"""DuckDB alone: one statement over the files, whose columns are declared, so that it need not guess."""

import sys

import duckdb

from bench.peers.table import COLUMNS, PREFIX

THREADS = 2


def main(out: str, *files: str) -> None:
    """Run the job."""
    database = duckdb.connect(config={"threads": THREADS})
    database.execute(
        f"""COPY (
            SELECT substr(sourceIP, 1, {PREFIX}) AS ip, sum(adRevenue)
            FROM read_csv({list(files)}, columns = {COLUMNS}, header = false, quote = '', delim = ',')
            GROUP BY ALL
        ) TO '{out}' (FORMAT csv, HEADER false)"""
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

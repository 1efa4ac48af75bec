"""Polars: a lazy scan of the files with a declared schema, run by its streaming engine."""

import sys

import polars as pl

from bench.peers.table import COLUMNS, PREFIX

TYPES = {"VARCHAR": pl.String, "DOUBLE": pl.Float64, "INTEGER": pl.Int32}


def main(out: str, *files: str) -> None:
    """Run the job."""
    schema = {name: TYPES[kind] for name, kind in COLUMNS.items()}
    visits = pl.scan_csv(list(files), has_header=False, schema=schema, quote_char=None)
    sums = visits.group_by(pl.col("sourceIP").str.head(PREFIX)).agg(pl.col("adRevenue").sum())
    sums.sink_csv(out, include_header=False)


if __name__ == "__main__":
    main(*sys.argv[1:])

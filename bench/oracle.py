"""The right answer, computed by DuckDB, and the check of every result against it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from .peers.table import COLUMNS, PREFIX

TOLERANCE = 1e-9  # of a group's sum: how far another order of adding may lead


class ResultError(Exception):
    """A result that is not the right one: an error, and no number."""


class Oracle:
    """The groups of some files, and their sums."""

    def __init__(self, files: list[Path]) -> None:
        self._database = duckdb.connect()
        paths = [str(file) for file in files]
        self._database.execute(
            f"""CREATE TABLE expected AS
                SELECT substr(sourceIP, 1, {PREFIX}) AS ip, sum(adRevenue) AS revenue
                FROM read_csv({paths}, columns = {COLUMNS}, header = false, quote = '')
                GROUP BY ALL"""
        )

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return self._number("SELECT count(*) FROM expected")

    def check(self, result: Path) -> None:
        """Compare a result: a CSV file of groups and sums, or a folder of such files. Raises ResultError."""
        files = sorted(result.glob("part-*.csv")) if result.is_dir() else [result]
        self._database.execute(
            f"""CREATE OR REPLACE TEMP TABLE found AS
                SELECT * FROM read_csv({[str(file) for file in files]},
                    columns = {{'ip': 'VARCHAR', 'revenue': 'DOUBLE'}}, header = false)"""
        )
        rows = self._number("SELECT count(*) FROM found")
        wrong = self._number(
            f"""SELECT count(*) FROM expected FULL JOIN found USING (ip)
                WHERE expected.revenue IS NULL OR found.revenue IS NULL
                OR abs(expected.revenue - found.revenue) > {TOLERANCE} * abs(expected.revenue)"""
        )
        if wrong or rows != self.groups:
            raise ResultError(
                f"{result}: {rows:,} rows for {self.groups:,} groups; {wrong:,} are missing or differ"
            )

    def _number(self, query: str) -> int:
        row = self._database.execute(query).fetchone()
        assert row is not None
        return int(row[0])

"""SQL jobs of the soak test: queries of the execution's input, joins and chains, each with its oracle."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from math import fsum
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from tests.soak import records
from tests.soak.jobs import Make, folder
from tests.soak.objects import BUCKET, Object, lines_of, spread
from tests.soak.shapes import Row, Shape

COLUMNS = {
    "ip": "VARCHAR",
    "url": "VARCHAR",
    "revenue": "DOUBLE",
    "country": "VARCHAR",
    "duration": "INTEGER",
}
Table = list[tuple[str, str, float, str, int]]


def table(rng: Random, size: int) -> Table:
    """Return rows of the columns above."""
    return [
        (visit.ip, visit.url, float(visit.revenue), visit.country, int(visit.duration))
        for visit in records.visits(rng, size)
    ]


def stored(rng: Random, path: str, rows: Table) -> tuple[list[Object], dict[str, Any]]:
    """Return a table's objects in a random format, and what the query has to say of that."""
    format = rng.choice(["csv", "header", "jsonl", "parquet"])
    match format:
        case "jsonl":
            lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
            return spread(rng, path, lines, ".jsonl", returns=False), {}
        case "parquet":
            half = rng.randrange(len(rows))
            parts = [part for part in (rows[:half], rows[half:]) if part]
            return [Object(f"{path}{n}.parquet", _parquet(part)) for n, part in enumerate(parts)], {}
        case "header":
            # Each object needs a header, so that there is one object.
            lines = [",".join(COLUMNS), *(_csv(row) for row in rows)]
            one = Object(f"{path}table.csv", ("\n".join(lines) + "\n").encode())
            return [one], {"format": {"type": "csv", "header": True}, "columns": COLUMNS}
    return spread(rng, path, [_csv(row) for row in rows], ".csv", returns=False), {"columns": COLUMNS}


def _csv(row: Row) -> str:
    return ",".join(map(str, row))


def _parquet(rows: Table) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place, "rows.jsonl"), Path(place, "rows.parquet")
        with source.open("w") as file:
            file.writelines(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows)
        read = f"read_json('{source}', format='newline_delimited', columns={COLUMNS})"
        duckdb.connect().execute(f"COPY (FROM {read}) TO '{target}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")
        return target.read_bytes()


def groups(rng: Random, rows: Table) -> tuple[dict[str, Any], list[Row], dict[str, Any]]:
    """Aggregates by a column."""
    least = rng.randrange(120)
    by: dict[str, Table] = defaultdict(list)
    for row in rows:
        if row[4] >= least:
            by[row[3]].append(row)
    query = """
        SELECT country, count(*) AS visits, sum(duration) AS seconds, avg(revenue) AS mean,
            min(ip) AS first, max(duration) AS longest
        FROM input WHERE duration >= $least GROUP BY country
    """
    expected: list[Row] = [
        (
            country, len(some), sum(row[4] for row in some), fsum(row[2] for row in some) / len(some),
            min(row[0] for row in some), max(row[4] for row in some),
        )
        for country, some in by.items()
    ]  # fmt: skip
    types = (str, int, int, float, str, int)
    return {"sql": {"map": query}, "params": {"least": least}}, expected, {"types": types}


def largest(rng: Random, rows: Table) -> tuple[dict[str, Any], list[Row], dict[str, Any]]:
    """Sums in order, and a limit."""
    query = "SELECT ip, sum(revenue) AS revenue FROM input GROUP BY ALL ORDER BY revenue DESC, ip LIMIT 7"
    by: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by[row[0]].append(row[2])
    sums = sorted(((ip, fsum(some)) for ip, some in by.items()), key=lambda one: (-one[1], one[0]))
    return {"sql": {"map": query}, "partitions": 1}, list(sums[:7]), {"types": (str, float)}


def selection(rng: Random, rows: Table) -> tuple[dict[str, Any], list[Row], dict[str, Any]]:
    """Rows that fit a condition."""
    query = "SELECT url, duration, revenue FROM input WHERE country = $country AND duration < 50"
    country = rng.choice(records.COUNTRIES)
    expected: list[Row] = [(row[1], row[4], row[2]) for row in rows if row[3] == country and row[4] < 50]
    request = {"sql": {"map": query}, "params": {"country": country}}
    return request, expected, {"types": (str, int, float)}


def visitors(rng: Random, rows: Table) -> tuple[dict[str, Any], list[Row], dict[str, Any]]:
    """Distinct values of each group, with every statement given."""
    statements = {
        "map": "SELECT DISTINCT country, ip FROM input",
        "reduce": "SELECT DISTINCT country, ip FROM input",
        "finish": "SELECT country, count(*) AS visitors FROM input GROUP BY country",
        "key": ["country"],
    }
    counts = Counter(country for country, _ in {(row[3], row[0]) for row in rows})
    return {"sql": statements}, list(counts.items()), {"types": (str, int)}


def query(rng: Random, path: str, size: int) -> Shape:
    """A query over a table, in some format, to some format."""
    rows = table(rng, size)
    objects, said = stored(rng, path, rows)
    request, expected, options = rng.choice([groups, largest, selection, visitors])(rng, rows)
    request["sql"] |= said
    request["input"] = folder(objects, path, rng)
    request["output"] = rng.choice(["csv", "jsonl", "parquet"])
    return Shape(request, objects, expected, **options)


def join(rng: Random, path: str, size: int) -> Shape:
    """Join two tables: the job of the catalogue, which has two stages."""
    # Of few visits none might join, and a stage that reads no rows is an error.
    visits, pages = records.visits(rng, size + 20_000, urls=80), records.pages(rng, 60)
    since, until = "1979-06-01", rng.choice(["1980-04-01", "1981-12-31"])
    rank = {url: rank for url, rank, _ in pages}
    by: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for visit in visits:
        if since <= visit.day <= until and visit.url in rank:
            by[visit.ip].append((float(visit.revenue), rank[visit.url]))
    rows = [
        (ip, fsum(revenue for revenue, _ in some), sum(rank for _, rank in some) / len(some))
        for ip, some in by.items()
    ]
    objects = spread(rng, f"{path}visits/", [",".join(visit) for visit in visits], ".csv", returns=False)
    ranked = spread(rng, f"{path}pages/", [_csv(page) for page in pages], ".csv", returns=False)
    inputs = [
        {"name": "uservisits", "uri": f"s3://{BUCKET}/{path}visits/"},
        {"name": "rankings", "uri": f"s3://{BUCKET}/{path}pages/"},
    ]
    rng.shuffle(inputs)
    request = {"job": "join", "input": inputs, "params": {"since": since, "until": until}}
    return Shape(request, objects + ranked, rows, (str, float, float))


def chain(rng: Random, path: str, size: int) -> Shape:
    """Stages of the execution's own: words are counted, and then counts."""
    objects = spread(rng, path, [*records.prose(rng, size), "a word"], ".txt")
    counts = Counter(word for line in lines_of(objects) for word in line.split())
    rows = list(Counter(counts.values()).items())
    second = {
        "map": "SELECT occurrences, count(*) AS words FROM input GROUP BY occurrences",
        "columns": {"word": "VARCHAR", "occurrences": "BIGINT"},
    }
    request = {"input": folder(objects, path, rng), "stages": [{"job": "wordcount"}, {"sql": second}]}
    return Shape(request, objects, rows, (int, int))


def scan(rng: Random, path: str, size: int) -> Shape:
    """Find pages above a rank."""
    pages = records.pages(rng, size // 20 + 1)
    rank = rng.choice([0, 10, 1000])
    objects = spread(rng, path, [_csv(page) for page in pages], ".csv", returns=False)
    rows = [(url, value) for url, value, _ in pages if value > rank]
    request = {"job": "scan", "input": folder(objects, path, rng), "params": {"rank": rank}}
    return Shape(request, objects, rows, (str, int), sorted_by=lambda row: row[0])


SQL_JOBS: list[Make] = [query, query, query, join, chain, scan]

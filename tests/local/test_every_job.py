"""Every job of the catalogue on the deployed stack, against an oracle that shares no code with it.

Objects are of very different sizes, and all but the tiniest are cut.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from math import fsum, isclose
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mapreduce import catalogue
from marla import generate
from tests.local.conftest import Job, Put, Run

SPLIT = 30_000
PARTITIONS = [1, 5]


def files_of(folder: Path) -> list[Path]:
    """The generated files of a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


class Data:
    """Generated files of a kind: some of different sizes, and tiny ones; uploaded once."""

    def __init__(self, folder: Path, kind: str, **options: Any) -> None:
        make = generate.TABLES[kind]
        make(folder, 120_000, 2, **options)
        make(folder, 40_000, 1, start=2, **options)
        make(folder, 1_200, 1, start=3, **options)
        self.paths = files_of(folder)

    @property
    def lines(self) -> list[str]:
        return [line for path in self.paths for line in path.read_text().splitlines()]

    def objects(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.paths}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Data]:
    """Generate data of a kind, the same for all tests that ask for the same."""
    made: dict[str, Data] = {}

    def make(kind: str, **options: Any) -> Data:
        name = f"{kind}{options}"
        if name not in made:
            made[name] = Data(tmp_path_factory.mktemp(kind), kind, **options)
        return made[name]

    return make


Make = Callable[..., Data]


def csv_rows(job: Job) -> list[list[str]]:
    """The rows of all parts, in their order."""
    return [row for part in job.parts() for row in csv.reader(io.StringIO(part.decode(), newline=""))]


def json_rows(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line) for part in job.parts() for line in part.decode().split("\n") if line]


def text_rows(job: Job) -> list[str]:
    return [line for part in job.parts() for line in part.decode().split("\n")[:-1]]


def assert_cut(job: Job) -> None:
    """The input was cut into many batches, and every partition of the result is an object."""
    maps = [step for step in job.output["steps"] if step["step"] == 0 and not step.get("sample")]
    assert maps[0]["tasks"] >= 8


def test_all_jobs_are_tested_here() -> None:
    tested = {*re.findall(r'job="([a-z-]+)"', Path(__file__).read_text()), *REVENUES}
    assert tested == set(catalogue.names())


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_wordcount(put: Put, run: Run, make: Make, partitions: int) -> None:
    data = make("text")
    job = run(job="wordcount", input=put(data.objects()), partitions=partitions, splitBytes=SPLIT)
    assert_cut(job)
    rows = [(word, int(count)) for word, count in csv_rows(job)]
    assert sorted(rows) == sorted(Counter(word for line in data.lines for word in line.split()).items())


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("pattern", [r"\b[a-z]{7}\b", "^[a-m]+ ", "é|ü|ö", "nothing has this"])
def test_grep_finds_what_the_program_finds(
    put: Put, run: Run, make: Make, partitions: int, pattern: str
) -> None:
    data = make("text")
    folder = put(data.objects())
    job = run(job="grep", input=folder, params={"pattern": pattern}, partitions=partitions, splitBytes=SPLIT)
    assert_cut(job)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    command = ["grep", "-bHE", pattern, *(path.name for path in data.paths)]
    done = subprocess.run(
        command, cwd=data.paths[0].parent, env=environment, capture_output=True, check=False
    )
    expected = [folder + line for line in done.stdout.decode().split("\n")[:-1]]
    assert bool(expected) == (pattern != "nothing has this")
    found = text_rows(job)
    if partitions == 1:
        assert found == expected
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("kind", ["links", "pages"])
def test_reverse_links(put: Put, run: Run, tmp_path: Path, partitions: int, kind: str) -> None:
    generate.links(tmp_path, 100_000, 2, urls=300)
    generate.links(tmp_path, 40_000, 1, urls=300, start=2)
    paths = [path for path in files_of(tmp_path) if path.name.startswith(kind)]
    folder = put({path.name: path.read_bytes() for path in paths})
    input: Any = {"uri": folder, "format": "jsonl"} if kind == "pages" else folder
    job = run(job="reverse-links", input=input, partitions=partitions, splitBytes=10_000)
    assert_cut(job)
    sources: dict[str, set[str]] = defaultdict(set)
    for path in files_of(tmp_path):
        if path.name.startswith("links-"):
            for line in path.read_text().splitlines():
                source, target = line.split()
                sources[target].add(source)
    rows = [(row["target"], row["sources"]) for row in json_rows(job)]
    assert len(rows) == len(dict(rows))
    assert dict(rows) == {target: sorted(some) for target, some in sources.items()}


def test_reverse_links_of_pages_that_are_objects(put: Put, run: Run) -> None:
    folder = put(
        {
            "a/index.html": b'<a href="../b.html#top">b</a> <a>none</a> <a href="mailto:x@y">mail',
            "b.html": b'<A HREF=a/index.html>a <a href="http://other.example/x?y=1&z=2">',
        }
    )
    prefix = folder.split("/", 3)[3]
    job = run(
        job="reverse-links",
        input={"uri": folder, "format": "whole"},
        params={"base": "https://site.example/", "folder": prefix},
        splitBytes=10,
    )
    assert {row["target"]: row["sources"] for row in json_rows(job)} == {
        "https://site.example/b.html": ["https://site.example/a/index.html"],
        "https://site.example/a/index.html": ["https://site.example/b.html"],
        "http://other.example/x?y=1&z=2": ["https://site.example/b.html"],
    }


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("format", ["common", "combined"])
def test_url_frequency(put: Put, run: Run, make: Make, partitions: int, format: str) -> None:
    data = make("logs", format=format, urls=500)
    # What the console takes, and nothing else but options.
    job = run(job="url-frequency", input=put(data.objects()), partitions=partitions, splitBytes=SPLIT)
    assert_cut(job)
    requests = [re.split(r'(?<!\\)"', line)[1] for line in data.lines]
    urls = [re.sub(r"^\S+ ?| HTTP/[0-9.]+$", "", request) or "-" for request in requests]
    counts = Counter(urls)
    rows = [(url, int(count), float(share)) for url, count, share in csv_rows(job)]
    assert sorted((url, count) for url, count, _ in rows) == sorted(counts.items())
    assert all(share == count / len(requests) for _, count, share in rows)
    assert abs(fsum(share for _, _, share in rows) - 1) <= 1e-12
    assert [step["stage"] for step in job.output["steps"] if step["step"] == 0] == [0, 1]


def test_shares_are_of_the_lines_that_could_be_read(put: Put, run: Run) -> None:
    good = '1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /{} HTTP/1.0" 200 1\n'
    log = "".join(good.format(path) for path in "aab") + "no log line\n"
    folder = put({"log": log.encode()})
    job = run(job="url-frequency", input=folder, maxBadRecords=1)
    assert csv_rows(job) == [["/a", "2", str(2 / 3)], ["/b", "1", str(1 / 3)]]
    assert job.output["counters"]["rejects"] == 1


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize(
    ("params", "key"),
    [
        ({}, lambda line: line),
        ({"descending": True, "field": 1}, lambda line: line.split("\t")[0]),
        ({"field": 2, "delimiter": "\t", "numeric": True}, lambda line: int(line.split("\t")[1])),
    ],
)
def test_sort(
    put: Put, run: Run, make: Make, partitions: int, params: dict[str, Any], key: Callable[[str], Any]
) -> None:
    data = make("keys", keys=5000)
    job = run(job="sort", input=put(data.objects()), params=params, partitions=partitions, splitBytes=SPLIT)
    assert_cut(job)
    lines = text_rows(job)
    assert sorted(lines) == sorted(data.lines)
    keys = [key(line) for line in lines]
    assert keys == sorted(keys, reverse=bool(params.get("descending")))
    if partitions == 1:  # stable
        assert lines == sorted(data.lines, key=key, reverse=bool(params.get("descending")))
    sizes = [part.count(b"\n") for part in job.parts()]
    assert len(sizes) == partitions
    assert max(sizes) <= 1.3 * len(lines) / partitions


def first_ten(record: bytes) -> bytes:
    return record[:10]


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_terasort(put: Put, run: Run, make: Make, partitions: int) -> None:
    data = make("terasort")
    job = run(job="terasort", input=put(data.objects()), partitions=partitions, splitBytes=SPLIT)
    assert_cut(job)
    whole = b"".join(data.objects().values())
    records = [whole[start : start + 100] for start in range(0, len(whole), 100)]
    ordered = sorted(records, key=first_ten)
    assert b"".join(job.parts()) == b"".join(ordered)
    assert max(map(len, job.parts())) <= 1.3 * len(whole) / partitions


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_distinct(put: Put, run: Run, make: Make, partitions: int) -> None:
    data = make("keys", keys=5000)
    job = run(
        job="distinct",
        input=put(data.objects()),
        params={"field": 1},
        partitions=partitions,
        splitBytes=SPLIT,
    )
    assert_cut(job)
    assert sorted(text_rows(job)) == sorted({line.split("\t")[0] for line in data.lines})


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_top(put: Put, run: Run, make: Make, partitions: int) -> None:
    data = make("keys", keys=5000)
    job = run(
        job="top",
        input=put(data.objects()),
        params={"field": 1, "k": 20},
        partitions=partitions,
        splitBytes=SPLIT,
    )
    assert_cut(job)
    counts = Counter(line.split("\t")[0] for line in data.lines)
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]
    assert [(value, int(count)) for value, count in csv_rows(job)] == expected


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_inverted_index(put: Put, run: Run, make: Make, partitions: int) -> None:
    data = make("text")
    folder = put(data.objects())
    job = run(job="inverted-index", input=folder, partitions=partitions, splitBytes=SPLIT)
    assert_cut(job)
    expected: dict[str, dict[str, int]] = defaultdict(dict)
    for path in data.paths:
        for word, count in Counter(re.findall(r"\w+", path.read_text().casefold())).items():
            expected[word][folder + path.name] = count
    rows = [(row["word"], row["documents"]) for row in json_rows(job)]
    assert len(rows) == len(expected)
    assert dict(rows) == {
        word: [list(item) for item in sorted(some.items())] for word, some in expected.items()
    }


@pytest.fixture(scope="module")
def pavlo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """The benchmark's tables as files, and in DuckDB."""
    folder = tmp_path_factory.mktemp("pavlo")
    generate.rankings(folder / "rankings", None, 3, urls=400)
    generate.uservisits(folder / "visits", 120_000, 2, urls=400)
    generate.uservisits(folder / "visits", 1_000, 1, urls=400, start=2)
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE rankings AS SELECT column0 AS pageURL, column1 AS pageRank FROM "
            f"read_csv('{folder}/rankings/rankings-*.csv', header = false)"
        )
        database.execute(
            "CREATE TABLE visits AS SELECT column0 AS sourceIP, column1 AS destURL, "
            "column2::DATE AS visitDate, column3 AS adRevenue "
            f"FROM read_csv('{folder}/visits/uservisits-*.csv', header = false)"
        )
        yield folder, database


Pavlo = tuple[Path, duckdb.DuckDBPyConnection]


def objects(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files_of(folder)}


def same_numbers(found: list[list[str]], expected: list[tuple[Any, ...]]) -> bool:
    """Whether rows are the same, numbers but for the last digits."""
    return len(found) == len(expected) and all(
        row[0] == wanted[0]
        and all(isclose(float(one), two, rel_tol=1e-9) for one, two in zip(row[1:], wanted[1:], strict=True))
        for row, wanted in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_scan(put: Put, run: Run, pavlo: Pavlo, partitions: int) -> None:
    folder, database = pavlo
    job = run(
        job="scan",
        input=put(objects(folder / "rankings")),
        params={"rank": 30},
        partitions=partitions,
        splitBytes=2_000,
    )
    assert_cut(job)
    expected = database.execute(
        "SELECT pageURL, pageRank FROM rankings WHERE pageRank > 30 ORDER BY ALL"
    ).fetchall()
    assert expected
    assert same_numbers(sorted(csv_rows(job)), expected)


REVENUES = ["uservisits", "uservisits-sql", "aggregate"]


@pytest.mark.parametrize("partitions", PARTITIONS)
@pytest.mark.parametrize("name", REVENUES)
def test_revenue_by_address(put: Put, run: Run, pavlo: Pavlo, partitions: int, name: str) -> None:
    folder, database = pavlo
    job = run(
        job=name,
        input=put(objects(folder / "visits")),
        params={"prefix": 5},
        partitions=partitions,
        splitBytes=SPLIT,
    )
    assert_cut(job)
    query = "SELECT substr(sourceIP, 1, 5) AS ip, sum(adRevenue) FROM visits GROUP BY ip ORDER BY ip"
    assert same_numbers(sorted(csv_rows(job)), database.execute(query).fetchall())


@pytest.mark.parametrize(
    ("until", "partitions"), [("1980-04-01", 1), ("1983-01-01", 5), ("2010-01-01", 1), ("2010-01-01", 5)]
)
def test_join(put: Put, run: Run, pavlo: Pavlo, partitions: int, until: str) -> None:
    folder, database = pavlo
    job = run(
        job="join",
        input=[
            {"name": "rankings", "uri": put(objects(folder / "rankings"))},
            {"name": "uservisits", "uri": put(objects(folder / "visits"))},
        ],
        params={"until": until},
        partitions=partitions,
        splitBytes=10_000,
    )
    assert_cut(job)
    query = """
        SELECT sourceIP, sum(adRevenue) AS totalRevenue, avg(pageRank)
        FROM rankings R JOIN (
            SELECT * FROM visits WHERE visitDate BETWEEN DATE '1980-01-01' AND $until::DATE
        ) V ON R.pageURL = V.destURL
        GROUP BY sourceIP ORDER BY totalRevenue DESC, sourceIP
    """
    expected = database.execute(query, {"until": until}).fetchall()
    assert expected
    assert same_numbers(csv_rows(job), expected)

"""The job `join`: DuckDB over the same files says what is right."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from jobs import join
from jobs._pavlo import RANKINGS, USERVISITS
from mapreduce import catalogue
from mapreduce.check import check
from mapreduce.errors import InvalidParameter
from marla.generate import rankings, uservisits
from tests.unit.memory_s3 import MemoryS3, memory_store
from tests.unit.pipeline import INPUT, JOBS, Outcome, run_on, run_pipeline
from tests.unit.sql_data import csv_rows, csv_table, rows_of

PERIODS = {"3a": "1980-04-01", "3b": "1983-01-01", "3c": "2010-01-01"}
NAMED = [{"name": "rankings"}, {"name": "uservisits"}]
Row = tuple[str | None, float | None, float | None]


class Tables(NamedTuple):
    """Objects of both tables, which are files of a folder too."""

    folder: Path
    rankings: dict[str, bytes]
    uservisits: dict[str, bytes]

    @classmethod
    def of(cls, folder: Path) -> Tables:
        """Take the files of a folder whose names begin as the tables are called."""
        found = (
            {path.name: path.read_bytes() for path in sorted(folder.glob(f"{table}*.csv"))}
            for table in ("rankings", "uservisits")
        )
        return cls(folder, *found)

    def expected(self, since: str, until: str) -> list[Row]:
        """Return what DuckDB's SQL gives: AMPLab's query, with equals in the order of addresses."""
        return duckdb.execute(f"""
            SELECT sourceIP, sum(adRevenue) AS totalRevenue, avg(pageRank)
            FROM {csv_table(self.folder / "rankings*.csv", RANKINGS)} AS R
            JOIN (
                SELECT sourceIP, destURL, adRevenue
                FROM {csv_table(self.folder / "uservisits*.csv", USERVISITS)}
                WHERE visitDate BETWEEN DATE '{since}' AND DATE '{until}'
            ) AS NUV ON R.pageURL = NUV.destURL
            GROUP BY sourceIP ORDER BY totalRevenue DESC, sourceIP
        """).fetchall()

    def matched(self, since: str, until: str, **options: Any) -> tuple[Outcome, MemoryS3]:
        """Run the first stage; return what came out, and the S3 with all that it wrote."""
        s3, _ = memory_store(INPUT, self.rankings | self.uservisits)
        sizes = {"rankings": self.rankings, "uservisits": self.uservisits}
        named = {name: {key: len(data) for key, data in some.items()} for name, some in sizes.items()}
        params = {"since": since, "until": until}
        return run_pipeline(s3, "join:match", named, params=params, output="parquet", **options), s3

    def joined(self, since: str, until: str, **options: Any) -> list[Row]:
        """Run both stages, the second as the first one's options say."""
        first, _ = self.matched(since, until, **options)
        assert first.format == "parquet"
        second = run_on(parts_of(first), "join:total", split_bytes=options.get("split_bytes", 1 << 20))
        return [
            (ip or None, float(revenue) if revenue else None, float(rank) if rank else None)
            for ip, revenue, rank in csv_rows(second)
        ]


def parts_of(outcome: Outcome) -> dict[str, bytes]:
    """Return the objects of a result, as the next stage has them."""
    return {f"part-{number:05d}.parquet": part for number, part in enumerate(outcome.parts)}


def assert_same(found: list[Row], expected: list[Row]) -> None:
    """The same addresses with the same values, and in order of their own revenue."""
    assert len(found) == len(expected)
    assert {ip: rest for ip, *rest in found} == {ip: pytest.approx(rest, rel=1e-9) for ip, *rest in expected}
    revenues = [revenue for _, revenue, _ in found if revenue is not None]
    assert revenues == sorted(revenues, reverse=True)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """300 pages, and 11,000 visits to them and to as many again, in objects of several sizes."""
    folder = tmp_path_factory.mktemp("tables")
    rankings(folder, None, 3, urls=300)
    uservisits(folder, 900_000, 1, urls=600)
    uservisits(folder, 400_000, 2, urls=600, start=1)
    uservisits(folder, 2_000, 1, urls=600, start=3)
    return Tables.of(folder)


# The questions of the benchmark


@pytest.mark.parametrize("partitions", [1, 5])
@pytest.mark.parametrize("until", PERIODS.values(), ids=list(PERIODS))
def test_join_gives_what_the_query_gives(tables: Tables, until: str, partitions: int) -> None:
    expected = tables.expected("1980-01-01", until)
    assert len(expected) > 20
    found = tables.joined("1980-01-01", until, split_bytes=200_000, partitions=partitions, fan_in=4)
    assert_same(found, expected)


def test_join_does_so_however_the_input_is_cut(tables: Tables) -> None:
    expected = tables.expected("1980-01-01", "1980-12-31")
    for split_bytes, fan_in in ((1 << 30, 2), (37_777, 13)):
        options = {"split_bytes": split_bytes, "fan_in": fan_in, "partitions": 2}
        found = tables.joined("1980-01-01", "1980-12-31", **options)
        assert_same(found, expected)


def test_the_order_in_which_tasks_end_changes_no_byte(tables: Tables) -> None:
    options: dict[str, Any] = {"split_bytes": 300_000, "fan_in": 3, "partitions": 3}
    written, results = [], []
    for backwards in (False, True):
        first, s3 = tables.matched("1980-01-01", "2010-01-01", backwards=backwards, **options)
        written.append({key: stored for key, stored in s3.objects.items() if key[0] == JOBS})
        second = run_on(parts_of(first), "join:total", split_bytes=9_000, backwards=backwards)
        assert len(second.mapped) > 3
        results.append(second.parts)
    assert len(written[0]) > 20
    assert written[0] == written[1]
    assert results[0] == results[1]


# Tables of a few rows, where everything happens


def few_rows(folder: Path, seed: int) -> Tables:
    """Write tables of few different values, each of which may be missing: pages and addresses repeat."""
    numbers = random.Random(seed)
    urls, ips = [*"abcdef", ""], ["1.1.1.1", "2.2.2.2", "3.3.3.3", ""]
    days = ["1979-12-31", "1980-01-01", "1980-02-29", "1980-04-01", "1980-04-02", ""]
    revenues = ["0.5", "0.25", "1.0", "", "-2.5"]
    for number in range(3):
        pages = [
            f"{numbers.choice(urls[number:])},{numbers.choice(['1', '20', '300', ''])},1"
            for _ in range(numbers.randrange(1, 9))
        ]
        (folder / f"rankings-{number}.csv").write_text("\n".join(pages) + "\n")
        visits = [
            f"{numbers.choice(ips)},{numbers.choice(urls)},{numbers.choice(days)},{numbers.choice(revenues)}"
            ",agent,KOR,ko-KR,word,1"
            for _ in range(numbers.randrange(1, 30))
        ]
        (folder / f"uservisits-{number}.csv").write_text("\n".join(visits) + "\n")
    return Tables.of(folder)


@pytest.mark.parametrize("seed", range(6))
def test_pages_that_repeat_and_values_that_are_missing_count_as_in_the_query(
    tmp_path: Path, seed: int
) -> None:
    some = few_rows(tmp_path, seed)
    expected = some.expected("1980-01-01", "1980-04-01")
    assert expected
    for split_bytes, partitions in ((1 << 20, 1), (190, 3)):
        options = {"split_bytes": split_bytes, "partitions": partitions, "fan_in": 4}
        assert some.joined("1980-01-01", "1980-04-01", **options) == expected


def visit(ip: str, url: str, day: str, revenue: float) -> str:
    return f"{ip},{url},{day},{revenue},agent,KOR,ko-KR,word,1\n"


def test_a_page_that_is_there_twice_counts_each_of_its_visits_twice(tmp_path: Path) -> None:
    (tmp_path / "rankings-1.csv").write_text("a,10,1\nb,1,1\n")
    (tmp_path / "rankings-2.csv").write_text("a,40,1\n")
    visits = [visit("1.1.1.1", "a", "1980-01-01", 0.5), visit("1.1.1.1", "b", "1980-01-01", 0.25)]
    (tmp_path / "uservisits.csv").write_text("".join(visits))
    found = Tables.of(tmp_path).joined("1980-01-01", "1980-01-01", split_bytes=60)
    assert found == [("1.1.1.1", 1.25, 17.0)]


def test_addresses_of_equal_revenue_are_in_their_own_order(tmp_path: Path) -> None:
    (tmp_path / "rankings.csv").write_text("a,10,1\n")
    ips = ["9.9.9.9", "10.1.1.1", "1.1.1.1", "5.5.5.5"]
    visits = [visit(ip, "a", "1980-01-01", 2.0 if ip[0] == "5" else 0.5) for ip in ips]
    (tmp_path / "uservisits.csv").write_text("".join(visits))
    found = Tables.of(tmp_path).joined("1980-01-01", "1980-01-01", partitions=4)
    assert [ip for ip, *_ in found] == ["5.5.5.5", "1.1.1.1", "10.1.1.1", "9.9.9.9"]


# No matches


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize(
    ("since", "until"),
    [("2012-01-01", "2013-01-01"), ("1980-04-01", "1980-01-01")],
    ids=["no visits", "no days"],
)
def test_where_nothing_matches_the_result_is_empty(
    tables: Tables, since: str, until: str, partitions: int
) -> None:
    first, _ = tables.matched(since, until, split_bytes=300_000, partitions=partitions)
    for part in first.parts:
        assert part  # an object of no bytes would be no input of the second stage
        assert rows_of(part).execute("SELECT count(*) FROM result").fetchall() == [(0,)]
    assert tables.joined(since, until, split_bytes=300_000, partitions=partitions) == []


def test_where_no_page_has_a_visit_the_result_is_empty(tmp_path: Path) -> None:
    (tmp_path / "rankings.csv").write_text("a,10,1\n,20,1\n")
    (tmp_path / "uservisits.csv").write_text(
        visit("1.1.1.1", "b", "1980-01-01", 0.5) + visit("1.1.1.1", "", "1980-01-01", 0.5)
    )
    assert Tables.of(tmp_path).joined("1980-01-01", "1980-01-01", partitions=2) == []


# What is told beforehand


def test_join_is_two_stages_of_which_the_last_has_one_partition() -> None:
    assert catalogue.find("join") is join.pipeline
    assert join.pipeline.to_json("join") == [
        {
            "job": "join:match",
            "params": {"since": {"from": "params.since"}, "until": {"from": "params.until"}},
            "output": "parquet",
        },
        {"job": "join:total", "partitions": 1},
    ]
    assert join.pipeline.check({}) == {"since": "1980-01-01", "until": PERIODS["3a"]}


def test_both_stages_can_be_checked_and_say_their_columns() -> None:
    params = {"since": "1980-01-01", "until": PERIODS["3c"]}
    assert check({"job": "join:match", "params": params, "inputs": NAMED, "partitions": 9}) == {
        "params": params,
        "columns": ["ip", "revenue", "ranks", "ranked"],
    }
    assert check({"job": "join:total", "params": {}})["columns"] == ["source_ip", "revenue", "average_rank"]


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("date", ["1980-02-30", "04/01/1980", "soon", ""])
def test_a_wrong_date_is_named_before_any_data_is_read(name: str, date: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check({"job": "join:match", "params": {name: date}, "inputs": NAMED})
    assert str(caught.value).startswith(f"params.{name}: got {date!r}; give a DATE")


def test_a_table_that_is_not_given_is_named() -> None:
    with pytest.raises(InvalidParameter, match="input: got none with the name uservisits"):
        check({"job": "join:match", "params": {}, "inputs": NAMED[:1]})

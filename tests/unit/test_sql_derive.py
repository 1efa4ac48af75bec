"""Derived SQL jobs: that they do what the query does over the whole table, and what is refused."""

import math
import random
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mapreduce.errors import InvalidQuery
from mapreduce.sql.database import Statement, quoted
from mapreduce.sql.derivation import Derived
from mapreduce.sql.derive import columns_grouped_by, derive
from mapreduce.sql.traits import AVERAGES, MERGES

# A table whose columns have few values, and NULLs: made of hashes, so that each seed is another table.
COLUMNS = {
    "k": "['ab', 'aB', 'b', 'bc', ''][1 + n % 5]",
    "g": "(n % 4)::INTEGER",
    "a": "(n % 7)::INTEGER - 3",
    "small": "(n % 250)::UTINYINT",
    "big": "(n % 5)::BIGINT * 2000000000000000000",
    "huge": "(n % 3)::HUGEINT * 100000000000000000000000000000000",
    "unsigned": "(n % 3)::UBIGINT",
    "d": "((n % 1000) / 8)::DECIMAL(10, 2)",
    "x": "(n % 64) / 8 - 3",  # sums of these are exact in whatever order
    "f": "((n % 64) / 8)::FLOAT",
    "yes": "n % 2 = 0",
    "day": "DATE '2020-01-30' + (n % 4)::INTEGER",
    "moment": "TIMESTAMP '2020-01-30 23:30:00' + to_minutes((n % 90)::BIGINT)",
    "l": "[[], [1], [1, 1], [1, NULL, 3]][1 + n % 4]",
    "s": "{'u': (n % 3)::INTEGER, 'v': 'v' || n % 2}",
    "Mixed": "(n % 3)::SMALLINT",
}
PARAMETERS = {"n": 2, "low": 1, "word": "b", "scale": 2.5, "at": 1}


def parameters(sql: str) -> frozenset[str]:
    return Statement.parse("map", sql).parameters


class Result(NamedTuple):
    columns: list[tuple[str, str]]
    rows: list[tuple[Any, ...]]


class Cluster:
    """Runs a query as a job's tasks would, each over a table `input` of its own."""

    def __init__(self) -> None:
        self.duckdb = duckdb.connect(":memory:", config={"threads": 1})
        self.made: set[str] = set()
        self.data = ""

    def fill(self, seed: int, rows: int, parts: int) -> None:
        """Let a table, which is made once, be the data; its rows belong to parts."""
        self.data = f"data_{seed}_{rows}_{parts}"
        if self.data in self.made:
            return
        self.made.add(self.data)
        columns = []
        for name, formula in COLUMNS.items():
            value = formula.replace("n ", f"(hash(row, {seed}, '{name}') >> 8)::BIGINT ")
            columns.append(f"CASE WHEN hash(row, '{name}', {seed}) % 5 > 0 THEN {value} END AS {name}")
        columns.append(f"hash(row, {seed}) % {parts} AS part")
        self.duckdb.execute(
            f"CREATE TABLE {self.data} AS SELECT {', '.join(columns)} FROM range({rows}) t(row)"
        )

    def input(self, sql: str) -> None:
        self.duckdb.execute(f"CREATE OR REPLACE VIEW input AS {sql}")

    def table(self, name: str, sql: str, *, insert: bool = False) -> str:
        head = f"INSERT INTO {name}" if insert else f"CREATE OR REPLACE TABLE {name} AS"
        self.duckdb.execute(f"{head} {sql}", self.arguments(sql))
        return name

    def arguments(self, sql: str) -> dict[str, Any] | None:
        return {name: PARAMETERS[name] for name in parameters(sql)} if "$" in sql else None

    def result(self, sql: str) -> Result:
        answer = self.duckdb.execute(sql, self.arguments(sql))
        assert answer.description
        return Result([(name, str(type)) for name, type, *_ in answer.description], answer.fetchall())

    def whole(self, query: str) -> Result:
        self.input(f"SELECT * EXCLUDE (part) FROM {self.data}")
        return self.result(query)

    def job(self, derived: Derived, parts: int, fan_in: int, partitions: int = 1) -> Result:
        """Return the rows of all partitions, one after the other. Parts that the data has not are empty."""
        maps = []
        for part in range(parts):
            self.input(f"SELECT * EXCLUDE (part) FROM {self.data} WHERE part = {part}")
            maps.append(self.table(f"map_{part}", derived.map))
        key = "*COLUMNS(*)" if derived.key is None else ", ".join(map(quoted, derived.key))
        results = []
        for partition in range(partitions):
            where = f"hash(row({key})) % {partitions} = {partition}" if key else f"{partition} = 0"
            parted = [f"{name} WHERE {where}" for name in maps]
            self.input(f"FROM {self.reduced(derived, parted, fan_in)}")
            results.append(self.result(derived.finish or "FROM input"))
        return Result(results[0].columns, [row for result in results for row in result.rows])

    def reduced(self, derived: Derived, tables: list[str], fan_in: int) -> str:
        """Reduce in steps; the rows of each have the types that the map gives."""
        step = 0
        while len(tables) > 1 or not step:
            batches = [tables[start : start + fan_in] for start in range(0, len(tables), fan_in)]
            tables = []
            for number, batch in enumerate(batches):
                self.input(" UNION ALL ".join(f"FROM {name}" for name in batch))
                name = self.table(f"step_{step}_{number}", "FROM map_0 LIMIT 0")
                tables.append(self.table(name, derived.reduce, insert=True))
            step += 1
        return tables[0]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.duckdb.close()


def alike(one: Any, other: Any) -> bool:
    """Say whether two values are equal, doubles nearly so."""
    if isinstance(one, float) and isinstance(other, float):
        return (
            one == other or math.isclose(one, other, rel_tol=1e-12) or (math.isnan(one) and math.isnan(other))
        )
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other) and type(one) is type(other)


def check_same(result: Result, expected: Result, *, ordered: bool) -> None:
    assert result.columns == expected.columns
    rows, wanted = result.rows, expected.rows
    if not ordered:
        rows, wanted = sorted(rows, key=sort_key), sorted(wanted, key=sort_key)
    assert alike(rows, wanted), (rows, wanted)


def sort_key(row: Any) -> Any:
    if isinstance(row, float):
        return f"{row:.9g}"
    return tuple(map(sort_key, row)) if isinstance(row, tuple) else repr(row)


# Queries, over a table with the columns above.

UNSORTED = [
    # Groups, in the ways to write them.
    "SELECT k, sum(a) FROM input GROUP BY k",
    "SELECT sum(a), k, count(*) FROM input GROUP BY k",
    "SELECT sum(a) AS total, g, k AS name FROM input GROUP BY ALL",
    "SELECT substr(k, 1, 1) AS p, count(x) FROM input GROUP BY p",
    "SELECT substr(k, 1, 1) AS k, count(x) FROM input GROUP BY k",
    "SELECT substr(k, 1, 1) AS k, count(x) FROM input GROUP BY 1",
    "SELECT substr(k, 1, 1) AS k, count(x) FROM input GROUP BY substr(k, 1, 1)",
    "SELECT substr(k, 1, 1) AS k, count(x) FROM input GROUP BY ALL",
    "SELECT lower(k) || g, sum(x) FROM input GROUP BY lower(k), g",
    "SELECT count(*) FROM input GROUP BY k",
    "SELECT count(*), max(d) FROM input GROUP BY k, g + 1",
    "SELECT g AS a, sum(a) FROM input GROUP BY g",
    "SELECT -g AS g, sum(a) FROM input GROUP BY g",
    "SELECT a AS b, g AS a, count(*) FROM input GROUP BY b, a, g",
    "SELECT k, k AS again, count(*) FROM input GROUP BY k, again",
    "SELECT K, INPUT.g, mixed, MIXED + 1, count(*) FROM Input GROUP BY k, G, Mixed",
    "SELECT s, sum(a) FROM input GROUP BY s",
    "SELECT s.u, sum(a), max(s.v) FROM input GROUP BY s.u",
    "SELECT l, l[1] AS one, count(*) FROM input GROUP BY l",
    "SELECT [x + 1 for x in l] AS l, count(*) FROM input GROUP BY l",
    "SELECT date_trunc('month', moment) AS month, day, count(*) FROM input GROUP BY ALL",
    "SELECT 'all' AS label, k, 1.5, NULL AS nothing, sum(a) FROM input GROUP BY k",
    "SELECT 'all' AS label, sum(a) FROM input GROUP BY ALL",
    "SELECT 'all' AS label, sum(a) FROM input GROUP BY 1",
    "SELECT sum(a) FROM input GROUP BY 'all'",
    "SELECT k, g FROM input GROUP BY ALL",
    "SELECT k FROM input GROUP BY k, g",
    "SELECT yes, sum(a) FILTER (WHERE g > 1), count(*) FILTER (WHERE yes), count(*) FROM input GROUP BY yes",
    # Aggregates, and their types.
    "SELECT g, sum(a), sum(small), sum(big), sum(huge), sum(unsigned), sum(d), sum(x), sum(f), sum(yes) "
    "FROM input GROUP BY g",
    "SELECT avg(a), avg(small), avg(big), avg(unsigned), avg(d), avg(x), mean(f), favg(x) FROM input",
    "SELECT g, avg(a), avg(d), avg(x) FILTER (WHERE yes), mean(a) FROM input GROUP BY g",
    "SELECT min(k), max(k), min(day), max(moment), min(s), max(l), min(d), max(huge), min(yes), max(f) "
    "FROM input",
    "SELECT g, bool_and(yes), bool_or(yes), bit_and(a), bit_or(big), bit_xor(small), bit_xor(huge) "
    "FROM input GROUP BY ALL",
    "SELECT g, count_if(yes), countif(a > 1), count(k), count(), fsum(x), kahan_sum(x), product(2 - "
    "yes::INT) "
    "FROM input GROUP BY g",
    "SELECT k, any_value(lower(k)), any_value(length(k)) FROM input GROUP BY k",
    "SELECT sum(a), count(*), count(a), min(a), max(x), bool_or(yes), product(a) FROM input",
    "SELECT sum(a), count(*) AS rows FROM input GROUP BY ()",
    "SELECT sum(a) FROM input WHERE a > 100",
    "SELECT g, sum(a) FROM input WHERE a > 100 GROUP BY g",
    # Expressions over aggregates.
    "SELECT round(sum(a) / count(*), 2) AS mean, k FROM input GROUP BY k",
    "SELECT k, sum(a) + sum(a), sum(a) * 2, -count(*), count(*) FROM input GROUP BY k",
    "SELECT k, sum(a), sum(a) AS again FROM input GROUP BY k",
    "SELECT g + 1, sum(a) / (g + 1), max(x) - g - 1 FROM input GROUP BY g, g + 1",
    "SELECT CASE WHEN g > 1 THEN sum(a) ELSE count(*) END AS c FROM input GROUP BY g",
    "SELECT k, {'n': count(*), 'key': k, 'sum': sum(x)} AS row FROM input GROUP BY k",
    "SELECT list_transform([sum(a), max(a)], lambda v: v + 1), sum(a)::VARCHAR || 'x' FROM input",
    "SELECT sum(a) BETWEEN 1 AND 9, sum(a) IN (1, 2, g), coalesce(max(x), 0), sum(a) IS NULL "
    "FROM input GROUP BY g",
    "SELECT sum(a) FILTER (WHERE yes) / nullif(count(*), 0) AS share, 100 * count(x) // (1 + count(*)) "
    "FROM input",
    "SELECT k, sum(a) AS total, total * 2 AS twice, twice + g FROM input GROUP BY k, g",
    "SELECT k, g * 2 AS twice, twice + sum(a) AS both FROM input GROUP BY k, g",
    "SELECT 10 AS n, sum(a) / n AS tenth, count(*) > n FROM input",
    "SELECT a AS z, sum(x) AS a, sum(x) / a AS r FROM input GROUP BY z, a",
    "SELECT g, sum(x) AS a, sum(x) / a AS r FROM input GROUP BY g, input.a",
    "SELECT s.u + sum(a), struct_extract(s, 'v') || max(k) FROM input GROUP BY s",
    "SELECT round(avg(d), 1), cast(avg(a) AS INTEGER), count(*)::DOUBLE / 3, typeof(count(*)) FROM input",
    "SELECT g, a + 1 AS next, sum(next) FROM input GROUP BY g, next",
    # HAVING.
    "SELECT k, sum(a) FROM input GROUP BY k HAVING sum(a) > 0",
    "SELECT k FROM input GROUP BY k HAVING count(*) > 1 AND k <> 'b' AND max(x) IS NOT NULL",
    "SELECT k, sum(a) AS total FROM input GROUP BY k HAVING total > 0 OR total * 2 < -2",
    "SELECT k, count(*) AS g FROM input GROUP BY k HAVING g > 1",
    "SELECT k, count(*) AS g FROM input GROUP BY k, g HAVING g > 1",
    "SELECT 1 AS one FROM input HAVING count(*) > 3",
    "SELECT 1 AS one FROM input HAVING true",
    "SELECT upper(k) AS u, count(*) FROM input GROUP BY u HAVING u > 'A'",
    # DISTINCT and scans.
    "SELECT DISTINCT k, g FROM input",
    "SELECT DISTINCT * FROM (SELECT l, s, yes FROM input)",
    "SELECT DISTINCT g, a + 1 FROM input WHERE yes ORDER BY g",
    "SELECT * FROM input WHERE a > 0",
    "FROM input",
    "SELECT * EXCLUDE (k), upper(k) AS k FROM input",
    "SELECT COLUMNS('^[a-d]') FROM input",
    "SELECT k || '!', a + 1, l[1], s.u, -x FROM input WHERE k LIKE '%b%' ORDER BY k DESC NULLS LAST",
    "SELECT unnest(l), k FROM input",
    # More than one thing in FROM.
    "SELECT v, count(*) FROM input, unnest(l) u(v) GROUP BY v",
    "SELECT unnest(l) AS v, count(*) FROM input GROUP BY v",
    "SELECT i.k, name, sum(a) "
    "FROM input i JOIN (VALUES ('ab', 'AB'), ('b', 'B')) v(k, name) ON i.k = v.k GROUP BY ALL",
    "SELECT name, count(*) FROM input LEFT JOIN (VALUES ('ab', 'AB')) v(k, name) USING (k) GROUP BY ALL",
    "SELECT k, count(*) FROM (VALUES ('ab'), ('b')) v(k) RIGHT JOIN input USING (k) GROUP BY k",
    "SELECT k, count(*) FROM input SEMI JOIN (SELECT 'ab' AS k) v USING (k) GROUP BY k",
    "SELECT count(*) FROM input ANTI JOIN (VALUES ('ab'), ('b')) v(k) USING (k)",
    "SELECT m, count(*) FROM input, LATERAL (SELECT max(v) AS m FROM unnest(input.l) u(v)) GROUP BY m",
    "SELECT low, count(*) FROM input ASOF JOIN (VALUES (0), (2)) v(low) ON input.a >= v.low GROUP BY low",
    "WITH v AS (SELECT k, a + 1 AS b FROM input WHERE a > 0), w(q, r) AS (FROM v) SELECT q, sum(r) "
    "FROM w GROUP BY q",
    "SELECT p, sum(b) FROM (SELECT substr(k, 1, 1) AS p, a + g AS b FROM input WHERE yes) GROUP BY p",
    "SELECT k, sum(n) FROM input, range(g) r(n) GROUP BY k",
    "SELECT k IN (SELECT 'ab') AS known, sum(a) FROM input GROUP BY ALL",
    "SELECT count(*) FROM input WHERE k IN (SELECT 'ab' UNION ALL SELECT 'b')",
    # Parameters.
    "SELECT substr(k, 1, $n) AS p, sum(a) * $scale "
    "FROM input WHERE a > $low GROUP BY p HAVING count(*) >= $n",
    "SELECT k || $word, sum(a) FROM input GROUP BY k || $word",
    "SELECT $word AS word, $n + count(*) AS c, sum(a + $n) FROM input",
    "SELECT k, $n FROM input WHERE k = $word",
]
# Whose order is one for all rows, or whose rows are the same in any.
SORTED = [
    "SELECT k, sum(a) AS total FROM input GROUP BY k ORDER BY k",
    "SELECT k, sum(a) AS total FROM input GROUP BY k ORDER BY total DESC, k NULLS FIRST LIMIT 2",
    "SELECT k, sum(a) FROM input GROUP BY k ORDER BY 2 DESC NULLS LAST, 1 LIMIT 3 OFFSET 1",
    "SELECT sum(a), k FROM input GROUP BY ALL ORDER BY ALL",
    "SELECT sum(a), k FROM input GROUP BY ALL ORDER BY ALL DESC NULLS FIRST LIMIT 3",
    "SELECT k FROM input GROUP BY k ORDER BY sum(a) / count(*), max(x) - 1, k",
    "SELECT k, g FROM input GROUP BY k, g ORDER BY lower(k), g * -1, k",
    "SELECT -g AS g, sum(a) FROM input GROUP BY g ORDER BY g",
    "SELECT -g AS g, sum(a) FROM input GROUP BY g ORDER BY g + 0",
    "SELECT g, sum(x) AS total FROM input GROUP BY g ORDER BY total * -1, g",
    "SELECT k, count(*) FROM input GROUP BY k ORDER BY k COLLATE nocase, k",
    "SELECT g AS h, sum(x) AS g FROM input GROUP BY h ORDER BY g, h",
    "SELECT k, avg(a) AS mean FROM input GROUP BY k ORDER BY k LIMIT $n OFFSET $at",
    "SELECT k, avg(a) AS mean FROM input GROUP BY k ORDER BY k LIMIT 0",
    "SELECT DISTINCT sum(a) AS total FROM input GROUP BY k ORDER BY total",
    "SELECT DISTINCT count(*) FROM input GROUP BY k",
    "SELECT DISTINCT k, g FROM input ORDER BY g DESC, 1 LIMIT 3",
    "SELECT DISTINCT k AS name, g + 1 FROM input ORDER BY name, g + 1 LIMIT 3 OFFSET 2",
    "SELECT DISTINCT k, g FROM input ORDER BY ALL LIMIT $n",
    "SELECT k, a FROM input ORDER BY a, k LIMIT 3",
    "SELECT k, a FROM input ORDER BY a DESC NULLS FIRST, k OFFSET 2",
    "SELECT k, -a AS a FROM input ORDER BY a, k LIMIT 4 OFFSET 3",
    "SELECT a AS c, g AS a FROM input ORDER BY a, c LIMIT 5",
    "SELECT a FROM input ORDER BY abs(a), g, a LIMIT 4",
    "SELECT a AS c, g FROM input ORDER BY input.a % 3, c, g DESC LIMIT $n",
    "SELECT k FROM input ORDER BY k COLLATE nocase DESC, k LIMIT 5 OFFSET 1",
    "SELECT k, g, a FROM input ORDER BY ALL LIMIT 7",
    "SELECT * FROM (SELECT k, g, a FROM input) ORDER BY g + 1, 3, k LIMIT 5",
    "SELECT * FROM (SELECT k, g, a FROM input) t ORDER BY a NULLS LAST, t.g, K LIMIT 5",
    "SELECT *, a + g AS c FROM (SELECT k, g, a FROM input) ORDER BY c, g, k LIMIT 5",
    "SELECT a FROM input ORDER BY a LIMIT 0",
]


class Run(NamedTuple):
    """How a job runs; one part more than the data has is of no rows."""

    seed: int
    rows: int
    parts: int
    fan_in: int
    partitions: int


# Few, and small: what a test takes is DuckDB's 0.5 ms for each statement.
RUNS = [
    Run(seed=1, rows=39, parts=4, fan_in=2, partitions=1),
    Run(seed=2, rows=17, parts=3, fan_in=3, partitions=2),
]


@pytest.mark.parametrize("query", UNSORTED)
def test_a_derived_job_does_what_the_query_does(cluster: Cluster, query: str) -> None:
    derived = derive(query)
    assert not derived.one_partition
    for run in RUNS:
        cluster.fill(run.seed, run.rows, run.parts - 1)
        result = cluster.job(derived, run.parts, run.fan_in, run.partitions)
        check_same(result, cluster.whole(query), ordered=False)


@pytest.mark.parametrize("query", SORTED)
def test_a_derived_job_sorts_and_limits_as_the_query_does(cluster: Cluster, query: str) -> None:
    derived = derive(query)
    if derived.finish is not None and ("LIMIT" in derived.finish or "OFFSET" in derived.finish):
        assert derived.one_partition
    for run in RUNS:
        cluster.fill(run.seed, run.rows, run.parts - 1)
        result = cluster.job(derived, run.parts, run.fan_in)
        check_same(result, cluster.whole(query), ordered="ORDER BY" in query)


def test_aggregates_of_no_rows_are_those_of_the_query(cluster: Cluster) -> None:
    cluster.fill(seed=1, rows=0, parts=1)
    for query in (*UNSORTED, *SORTED):
        check_same(cluster.job(derive(query), parts=2, fan_in=2), cluster.whole(query), ordered=True)


def test_one_map_and_one_reduce_are_enough(cluster: Cluster) -> None:
    cluster.fill(seed=1, rows=30, parts=1)
    for query in (*UNSORTED, *SORTED):
        check_same(cluster.job(derive(query), parts=1, fan_in=2), cluster.whole(query), ordered=False)


@pytest.mark.parametrize("offset", [0, 2])
def test_a_limit_without_order_takes_any_rows(cluster: Cluster, offset: int) -> None:
    cluster.fill(seed=1, rows=30, parts=4)
    query = f"SELECT k, a FROM input LIMIT 5 OFFSET {offset}"
    result = cluster.job(derive(query), parts=5, fan_in=2)
    assert len(result.rows) == 5
    assert set(result.rows) <= set(cluster.whole("SELECT k, a FROM input").rows)


# Queries made at random: one that DuckDB takes over the whole table, and that is derived, does the same.

KEYS = ["k", "g", "a", "g + 1", "substr(k, 1, 1)", "lower(k)", "s", "s.u", "input.g", "l[1]", "-a", "day"]
AGGREGATES = [
    *(
        "count(*)",
        "count(k)",
        "sum(a)",
        "sum(x)",
        "sum(d)",
        "avg(a)",
        "min(k)",
        "max(g)",
        "max(x)",
        "bool_or(yes)",
    ),
    *("sum(a) FILTER (WHERE g > 1)", "sum(g + 1)", "count_if(yes)", "min(b)", "sum(c)"),
]
FORMS = [
    "{0}",
    "{0}",
    "{0} + {1}",
    "coalesce({0}, {1})",
    "[{0}, {1}]",
    "({0}, {1})",
    "{0} IS NULL",
    "({0})::VARCHAR",
]
ALIASES = ["a", "b", "c", "g", "k", "x", ""]


def random_query(pick: random.Random) -> str:
    """Return a query with aliases that are columns too, which DuckDB may refuse."""
    keys = pick.sample(KEYS, pick.randint(0, 3))
    aliases: list[str] = []

    def expression(leaves: list[str]) -> str:
        return pick.choice(FORMS).format(pick.choice(leaves), pick.choice(leaves))

    def aliased(text: str) -> str:
        name = pick.choice(ALIASES)
        aliases.extend([name] if name else [])
        return f"{text} AS {name}" if name else text

    items = [aliased(key) for key in keys if pick.random() < 0.8]
    for _ in range(pick.randint(0 if items else 1, 3)):
        items.append(aliased(expression([*AGGREGATES, *AGGREGATES, *keys, *aliases])))
    pick.shuffle(items)
    leaves = [*AGGREGATES, *keys, *aliases]
    groups = [*keys, *(name for name in aliases if pick.random() < 0.2)]
    words = ["SELECT DISTINCT" if pick.random() < 0.1 else "SELECT", ", ".join(items), "FROM input"]
    words += [f"WHERE {pick.choice(['a > 0', 'yes', 'k IS NULL'])}"] if pick.random() < 0.2 else []
    words += [f"GROUP BY {', '.join(groups) if groups and pick.random() < 0.7 else 'ALL'}"]
    words += [f"HAVING {expression(leaves)} IS NOT NULL"] if pick.random() < 0.3 else []
    words += [f"ORDER BY {expression(leaves)}"] if pick.random() < 0.3 else []
    return " ".join(words)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**9))
def test_any_query_that_is_derived_does_what_it_does(cluster: Cluster, seed: int) -> None:
    query = random_query(random.Random(seed))
    cluster.fill(seed % 5, rows=25, parts=3)
    try:
        expected = cluster.whole(query)
        derived = derive(query)
    except (duckdb.Error, InvalidQuery):
        assume(False)
    partitions = 1 if derived.one_partition else 2
    check_same(cluster.job(derived, parts=4, fan_in=2, partitions=partitions), expected, ordered=False)


# What the statements are.


def test_partial_rows_are_the_result_where_they_can_be() -> None:
    derived = derive("SELECT substr(ip, 1, $n) AS ip, sum(x) AS total, count(*) FROM input GROUP BY ALL;")
    assert derived == Derived(
        map='SELECT substr(ip, 1, $n) AS ip, sum(x) AS total, count_star() AS "count_star()" '
        'FROM "input" GROUP BY ALL',
        reduce='SELECT "ip", sum("total") AS "total", CAST(sum("count_star()") AS BIGINT) AS "count_star()" '
        'FROM "input" GROUP BY "ip"',
        finish=None,
        key=("ip",),
        one_partition=False,
    )


def test_each_aggregate_is_computed_once() -> None:
    derived = derive("SELECT avg(x), sum(x), count(x) + count(x) FROM input GROUP BY k HAVING avg(x) > $n")
    assert derived == Derived(
        map='SELECT k AS __key_1, sum(x) AS __sum_2, count(x) AS __count_3 FROM "input" GROUP BY k',
        reduce='SELECT "__key_1", sum("__sum_2") AS "__sum_2", CAST(sum("__count_3") AS BIGINT) '
        'AS "__count_3" FROM "input" GROUP BY "__key_1"',
        finish='SELECT (CAST(__sum_2 AS DOUBLE) / __count_3) AS "avg(x)", __sum_2 AS "sum(x)", '
        '(__count_3 + __count_3) AS "(count(x) + count(x))" FROM "input" '
        "WHERE ((CAST(__sum_2 AS DOUBLE) / __count_3) > $n)",
        key=("__key_1",),
        one_partition=False,
    )


def test_all_rows_of_an_aggregate_of_the_table_meet() -> None:
    derived = derive("SELECT max(x) FROM input")
    assert derived.reduce == 'SELECT max("max(x)") AS "max(x)" FROM "input" HAVING count(*) > 0'
    assert derived.key == ()
    assert not derived.one_partition


def test_a_scan_takes_the_first_rows_of_each_part() -> None:
    assert derive("FROM input") == Derived(
        'SELECT * FROM "input"', 'SELECT * FROM "input"', None, None, False
    )
    derived = derive("SELECT a FROM input ORDER BY b DESC LIMIT 10 OFFSET 5")
    assert derived == Derived(
        map='SELECT a, b AS __order_1 FROM "input" ORDER BY b DESC LIMIT 15',
        reduce='SELECT * FROM "input" ORDER BY __order_1 DESC LIMIT 15',
        finish='SELECT * EXCLUDE (__order_1) FROM "input" ORDER BY __order_1 DESC LIMIT 10 OFFSET 5',
        key=None,
        one_partition=True,
    )


def test_equal_rows_of_a_distinct_meet() -> None:
    derived = derive("SELECT DISTINCT a, b FROM input")
    assert derived.reduce == 'SELECT DISTINCT * FROM "input"'
    assert (derived.finish, derived.key, derived.one_partition) == (None, None, False)


def test_names_of_partial_columns_are_free(cluster: Cluster) -> None:
    cluster.fill(seed=1, rows=30, parts=3)
    query = 'SELECT k AS __sum_2, sum(a) + 1 AS "we ""ird", g AS __SUM_3 FROM input GROUP BY k, g'
    check_same(cluster.job(derive(query), 3, 2), cluster.whole(query), ordered=False)


def test_parameters_stand_where_they_are_needed() -> None:
    derived = derive(
        "SELECT k || $a, sum(x + $b) * $c FROM input WHERE k > $d GROUP BY ALL HAVING sum(x) > $e LIMIT $f"
    )
    assert parameters(derived.map) == {"a", "b", "d"}
    assert parameters(derived.reduce) == set()
    assert parameters(derived.finish or "") == {"c", "e", "f"}


def test_parameters_are_found_by_the_parser() -> None:
    assert parameters("SELECT '$a', $b, \"$c\", $Name::INT -- $d\nFROM input WHERE x IN (SELECT $e)") == {
        "b",
        "Name",
        "e",
    }
    with pytest.raises(InvalidQuery, match="syntax error"):
        parameters("SELECT $")


def test_the_catalogue_knows_the_aggregates_that_are_merged(cluster: Cluster) -> None:
    found = cluster.duckdb.execute(
        "SELECT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
    )
    assert {*MERGES, *AVERAGES} <= {name for (name,) in found.fetchall()}


# What is refused.

REFUSED = [
    # No query, or none of the table.
    ("", "got 0 statements"),
    ("SELECT 1 FROM input; SELECT 2", "got 2 statements"),
    ("SELECT 'é',\n  sum( FROM input", 'syntax error at or near "FROM" (line 2, column 8)'),
    ("DELETE FROM input", "Only SELECT statements"),
    ("PIVOT input ON k USING sum(a)", "Only SELECT statements"),
    ("SELECT k FROM input UNION ALL SELECT k FROM input", "UNION"),
    ("SELECT 1", "write FROM input"),
    ("SELECT sum(v) FROM (VALUES (1)) t(v)", "write FROM input"),
    ("SELECT sum(a) FROM inputs", "FROM inputs: the only table is input"),
    ("SELECT sum(a) FROM main.input", "the only table is input"),
    ("SELECT sum(a) FROM 'file.csv'", "the only table is input"),
    ("SELECT sum(a) FROM read_csv('file.csv')", "FROM read_csv('file.csv'): the functions there are unnest"),
    ("SELECT count(*) FROM input, (FROM query_table('input'))", "the functions there are unnest"),
    ("DESCRIBE input", "SHOW_REF in FROM"),
    ("SELECT a, b AS A FROM input", "two columns 'a'"),
    ("SELECT sum(x), sum(x) FROM input", "two columns 'sum(x)'"),
    ("SELECT $1, ? FROM input", "has no name; write it as $name"),
    # Rows that see other rows.
    (
        "SELECT k, row_number() OVER () FROM input",
        "row_number() OVER (): no reduce can be derived, for a window",
    ),
    ("SELECT k FROM input QUALIFY row_number() OVER () = 1", "window function"),
    ("SELECT k FROM input USING SAMPLE 10%", "SAMPLE"),
    ("SELECT k FROM input TABLESAMPLE 10%", "SAMPLE"),
    ("SELECT k FROM (SELECT k FROM input LIMIT 3)", "a subquery in FROM that groups, sorts or limits input"),
    ("SELECT k FROM (SELECT DISTINCT k FROM input)", "a subquery in FROM that groups, sorts or limits input"),
    ("SELECT max(c) FROM (SELECT count(*) c FROM input GROUP BY k)", "a subquery in FROM that groups"),
    ("SELECT max(c) FROM (SELECT count(*) c FROM input)", "a subquery in FROM that groups"),
    ("SELECT k FROM (FROM input UNION ALL FROM input)", "a subquery in FROM that is not a single SELECT"),
    ("WITH t AS (SELECT sum(a) s FROM input) SELECT s FROM t", "WITH t that groups"),
    ("WITH t AS (SELECT a FROM input), u AS (FROM t, t) SELECT a FROM u", "a join of input with itself"),
    ("WITH RECURSIVE t AS (FROM input UNION ALL FROM t) FROM t", "WITH t that is not a single SELECT"),
    ("WITH input AS (SELECT 1 AS a FROM input) FROM input", "WITH input: this is the table's name"),
    ("SELECT k FROM input WHERE a = (SELECT max(a) FROM input)", "it sees the input rows of one part only"),
    ("SELECT k IN (FROM input) FROM input", "it sees the input rows of one part only"),
    (
        "SELECT (SELECT sum(a)) FROM input",
        "its aggregates may be those of the query around it; use a list function",
    ),
    ("SELECT * FROM input a JOIN input b USING (k)", "a join of input with itself"),
    ("SELECT * FROM input i, (SELECT a FROM input) t", "a join of input with itself"),
    ("SELECT * FROM (VALUES (1)) v(a) LEFT JOIN input USING (a)", "LEFT JOIN with input on its right"),
    ("SELECT * FROM input RIGHT JOIN (VALUES (1)) v(a) USING (a)", "RIGHT JOIN with input on its left"),
    ("SELECT * FROM input FULL JOIN (VALUES (1)) v(a) USING (a)", "FULL JOIN with input on its left"),
    ("SELECT * FROM (VALUES (1)) v(a) ANTI JOIN input USING (a)", "ANTI JOIN with input on its right"),
    ("SELECT * FROM input POSITIONAL JOIN (VALUES (1)) v(b)", "POSITIONAL JOIN with input on its left"),
    ("SELECT * FROM (VALUES (1)) v(b) ASOF JOIN input ON b >= a", "ASOF JOIN with input on its right"),
    # Values that differ between tasks.
    (
        "SELECT random() FROM input",
        "random(): no reduce can be derived, for its value is another one in each task",
    ),
    ("SELECT k FROM input WHERE moment < now()", "now(): no reduce"),
    ("SELECT k FROM input ORDER BY uuid()", "uuid(): no reduce"),
    ("SELECT max(day) < current_date FROM input", "current_date: no reduce"),
    ("SELECT ago(INTERVAL 1 DAY) FROM input", "make it a parameter"),
    ("SELECT current_setting('TimeZone') FROM input", "current_setting('TimeZone'): no reduce"),
    ("SELECT k FROM input, range(random()::INT)", "random(): no reduce"),
    # Aggregates.
    (
        "SELECT count(DISTINCT k) FROM input",
        "count(DISTINCT k): no reduce can be derived, for equal values may be in",
    ),
    ("SELECT k, sum(DISTINCT a) FROM input GROUP BY k", "sum(DISTINCT a)"),
    (
        "SELECT median(x) FROM input",
        "median(x): no reduce can be derived, for it does not follow from the median of",
    ),
    ("SELECT quantile_cont(x, 0.5) FROM input", "does not follow"),
    ("SELECT k FROM input GROUP BY k HAVING mode(x) > 1", "does not follow"),
    ("SELECT k FROM input GROUP BY k ORDER BY stddev(x)", "does not follow"),
    ("SELECT list(x) FROM input", "does not follow"),
    ("SELECT string_agg(k, ',') FROM input", "does not follow"),
    ("SELECT first(x), last(x) FROM input", "does not follow"),
    ("SELECT approx_count_distinct(k) FROM input", "does not follow"),
    ("SELECT arg_max(k, x) FROM input", "does not follow"),
    ("SELECT weighted_avg(x, a) FROM input", "does not follow"),
    ("SELECT json_group_array(x) FROM input", "does not follow"),
    ("SELECT min(x, 3) FROM input", "does not follow"),
    ("SELECT sum(x ORDER BY a) FROM input", "it depends on the order of all rows"),
    ("SELECT x.sum() FROM input", "write it as sum(…)"),
    ("SELECT sum(COLUMNS(*)) FROM input", "list them"),
    ("SELECT *, count(*) FROM input GROUP BY ALL", "list them"),
    ("SELECT max(k COLLATE nocase) FROM input", "use lower()"),
    ("SELECT k COLLATE nocase AS k, count(*) FROM input GROUP BY k", "use lower()"),
    ("SELECT k, unnest([1, 1]), count(*) FROM input GROUP BY k", "put it into FROM"),
    ("SELECT k, unnest(l) AS l, count(*) FROM input GROUP BY k, l", "put it into FROM"),
    ("SELECT unnest([sum(x), 1]) + unnest([1, 2]) FROM input", "put it into FROM"),
    ("SELECT regexp_split_to_table(k, ','), count(*) FROM input GROUP BY k", "put it into FROM"),
    ("SELECT sum(a) IN (SELECT 1) FROM input", "it depends on aggregates or columns around it"),
    (
        "SELECT list_transform([sum(a)], lambda v: v + g) FROM input GROUP BY g",
        "aggregates or columns around it",
    ),
    # Groups.
    ("SELECT k, sum(a) FROM input GROUP BY ROLLUP (k)", "GROUPING SETS, ROLLUP or CUBE"),
    ("SELECT k, sum(a) FROM input GROUP BY GROUPING SETS ((k), ())", "GROUPING SETS, ROLLUP or CUBE"),
    ("SELECT k, sum(a) FROM input GROUP BY 2", "GROUP BY 2: give the place of a column without aggregates"),
    ("SELECT k, sum(a) FROM input GROUP BY 3", "GROUP BY 3: give the place"),
    ("SELECT k, sum(a) AS s, s AS t FROM input GROUP BY ALL", "give the aggregate another alias"),
    (
        "SELECT k, count(*) FROM input GROUP BY ALL HAVING g > 1",
        "g outside of it: no reduce can be derived, for GROUP",
    ),
    ("SELECT upper(k) AS u, count(*) FROM input GROUP BY ALL HAVING u > 'A'", "list what to group by"),
    ("SELECT k, count(*) FROM input GROUP BY ALL ORDER BY g", "list what to group by"),
    # Order and limits.
    (
        "SELECT DISTINCT ON (k) k, a FROM input ORDER BY a",
        "which row it keeps depends on the order of all rows",
    ),
    ("SELECT DISTINCT k FROM input ORDER BY lower(k)", "it is no column of a DISTINCT result; select it too"),
    ("SELECT k FROM input ORDER BY COLUMNS('k')", "list them"),
    ("SELECT k FROM input LIMIT 10%", "LIMIT with a percentage"),
    ("SELECT k FROM input LIMIT 1 + 1", "LIMIT (1 + 1): no reduce can be derived, for it is no constant"),
    ("SELECT k, sum(a) FROM input GROUP BY k LIMIT 2 OFFSET (SELECT 1)", "OFFSET (SELECT 1)"),
]


@pytest.mark.parametrize(("query", "message"), REFUSED)
def test_what_cannot_be_derived_is_refused(query: str, message: str) -> None:
    with pytest.raises(InvalidQuery) as error:
        derive(query)
    text = str(error.value)
    assert message in text
    assert text.startswith("sql.map: ")
    if "no reduce can be derived" in text:
        assert text.endswith("give map and reduce yourself")


def test_an_expression_that_is_nested_too_deep_is_refused() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # others raise it
    try:
        with pytest.raises(InvalidQuery, match="nested too deep"):
            derive(f"SELECT {'a + ' * 900}1 FROM input")
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("SELECT a, b, sum(n) AS n FROM input GROUP BY ALL", ("a", "b")),
        ("SELECT substr(a, 1, 1) AS a, b, sum(n) AS n FROM input GROUP BY ALL", ("b",)),
        ("SELECT b AS a, a AS b, sum(n) AS n FROM input GROUP BY ALL", ()),
        ("SELECT sum(n) AS n FROM input", ()),
        ("SELECT a, n FROM input", None),
    ],
)
def test_rows_of_a_group_agree_in_the_columns_that_are_passed_on_as_they_are(
    query: str, columns: tuple[str, ...] | None
) -> None:
    assert columns_grouped_by(query) == columns


def test_harmless_functions_are_not_refused() -> None:
    derive("SELECT error('no'), list_max(l), split_part(k, '.', 1), list_aggregate(l, 'median') FROM input")

"""SQL jobs over several inputs, each with a map of its own; and what an input says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from mapreduce import SqlInput, SqlJob
from mapreduce.check import check
from mapreduce.errors import BadObject, BadRecord, InvalidParameter, InvalidQuery, JobFailed
from tests.unit.pipeline import run_on
from tests.unit.sql_data import HEADER, Given, csv_rows, parquet, run_over

AGES, TOWNS = "name VARCHAR, age INTEGER", {"who": "VARCHAR", "town": "VARCHAR"}
OF_AGES = "SELECT name, max(age) AS age, CAST(NULL AS VARCHAR) AS town FROM input GROUP BY name"
OF_TOWNS = "SELECT who AS name, CAST(NULL AS INTEGER) AS age, max(town) AS town FROM input GROUP BY who"
PEOPLE: dict[str, Any] = {
    "inputs": {"ages": {"map": OF_AGES, "columns": AGES}, "towns": {"map": OF_TOWNS, "columns": TOWNS}},
    "reduce": "SELECT name, max(age) AS age, max(town) AS town FROM input GROUP BY name",
}
NAMED = [{"name": "ages"}, {"name": "towns"}]
SUM = {"map": "SELECT k, sum(n) AS n FROM input GROUP BY k"}


def without_columns(**fields: Any) -> dict[str, Any]:
    """Return the job whose objects say their columns; its inputs have some fields more."""
    inputs = {name: {"map": one["map"]} | fields for name, one in PEOPLE["inputs"].items()}
    return PEOPLE | {"inputs": inputs}


def checked(job: dict[str, Any], inputs: list[dict[str, Any]] = NAMED, **fields: Any) -> dict[str, Any]:
    return check({"job": job, "params": {}, "inputs": inputs} | fields)


# Rows of several inputs


@pytest.mark.parametrize("partitions", [1, 4])
@pytest.mark.parametrize("split_bytes", [5, 1 << 20])
def test_rows_of_two_inputs_meet_in_one_partition(split_bytes: int, partitions: int) -> None:
    inputs = [
        Given({"ages/1.csv": b"ann,30\nbob,40\n", "ages/2.csv": b"eve,50\nann,31\n"}, "ages"),
        Given({"towns/1.csv": b"bob,Busan\nann,Seoul\nkim,Jeju\n"}, "towns"),
    ]
    outcome = run_over(inputs, PEOPLE, split_bytes=split_bytes, partitions=partitions)
    assert sorted(csv_rows(outcome)) == [
        ["ann", "31", "Seoul"],
        ["bob", "40", "Busan"],
        ["eve", "50", ""],
        ["kim", "", "Jeju"],
    ]
    assert sum(counters["recordsIn"] for counters in outcome.mapped) == 7


def test_inputs_of_one_name_are_one_table_in_any_order() -> None:
    inputs = [
        Given({"a.csv": b"ann,30\n"}, "ages"),
        Given({"b.csv": b"ann,Seoul\n"}, "towns"),
        Given({"c.csv": b"ann,35\n"}, "ages"),
    ]
    for some in (inputs, inputs[::-1]):
        assert csv_rows(run_over(some, PEOPLE)) == [["ann", "35", "Seoul"]]


def test_each_input_has_its_own_format_which_an_input_of_the_execution_may_change() -> None:
    job = PEOPLE | {
        "inputs": {
            "ages": PEOPLE["inputs"]["ages"] | {"format": {"type": "csv", "delimiter": ";"}},
            "towns": PEOPLE["inputs"]["towns"] | {"format": "jsonl"},
        }
    }
    inputs = [
        Given({"a.txt": b"ann;30\n"}, "ages"),
        Given({"b.txt": b'{"who": "ann", "town": "Seoul"}\n'}, "towns"),
        Given({"c.txt": b"bob\tBusan\n"}, "towns", format={"type": "csv", "delimiter": "\t"}),
    ]
    assert csv_rows(run_over(inputs, job)) == [["ann", "30", "Seoul"], ["bob", "", "Busan"]]


def test_objects_of_different_inputs_say_different_columns() -> None:
    inputs = [
        Given({"a.parquet": parquet("SELECT 'ann' AS name, 30 AS age")}, "ages"),
        Given({"b.csv": b"who,town\nann,Seoul\n"}, "towns", format=HEADER),
        Given({"c.jsonl": b'{"who": "bob", "town": "Busan"}\n'}, "towns"),
    ]
    for fan_in in (2, 9):
        outcome = run_over(inputs, without_columns(), split_bytes=20, fan_in=fan_in)
        assert csv_rows(outcome) == [["ann", "30", "Seoul"], ["bob", "", "Busan"]]


def test_an_input_without_records_has_no_say() -> None:
    inputs = [
        Given({"a.csv": b"name,age\n"}, "ages", format=HEADER),
        Given({"b.csv": b"who,town\nann,Seoul\n"}, "towns", format=HEADER),
    ]
    assert csv_rows(run_over(inputs, without_columns())) == [["ann", "", "Seoul"]]


def test_where_no_input_has_records_columns_are_asked_for_by_name() -> None:
    inputs = [Given({f"{name}.csv": b"who\n"}, name, format=HEADER) for name in ("ages", "towns")]
    with pytest.raises(BadObject, match=r"sql\.inputs\.ages\.columns and sql\.inputs\.towns\.columns"):
        run_over(inputs, without_columns())


def test_a_job_of_the_catalogue_has_inputs_too() -> None:
    job = SqlJob(
        inputs={
            "ages": SqlInput(map=OF_AGES, columns=AGES),
            "towns": SqlInput(map=OF_TOWNS, columns=TOWNS),
        },
        reduce=PEOPLE["reduce"],
    )
    assert SqlJob.inline(PEOPLE, {}) == job
    assert list(job.maps) == ["ages", "towns"]


# What is wrong with the data


def test_a_bad_record_is_named_by_its_object() -> None:
    inputs = [Given({"a.csv": b"ann,30\n"}, "ages"), Given({"b.csv": b"ann,Seoul\nbob\n"}, "towns")]
    with pytest.raises(BadRecord, match=r"b\.csv at byte 10: Expected Number of Columns: 2 Found: 1"):
        run_over(inputs, PEOPLE)


def test_an_error_of_no_record_names_the_map() -> None:
    inputs = {"all": {"map": "SELECT sum(n)::TINYINT AS n FROM input", "columns": "n INTEGER"}}
    job = {"inputs": inputs, "reduce": "SELECT sum(n)::TINYINT AS n FROM input", "key": []}
    with pytest.raises(JobFailed, match=r"sql\.inputs\.all\.map: .*no single record .* is to blame"):
        run_over([Given({"a.csv": b"100\n100\n"}, "all")], job)


@pytest.mark.parametrize("together", [True, False], ids=["within a task", "across steps"])
def test_objects_of_an_input_that_disagree_are_told_where_columns_go(together: bool) -> None:
    ages = {"a.csv": b"name,age\nann,30\n", "b.csv": b"name,years\nann,30\n"}
    some = [ages] if together else [{key: data} for key, data in ages.items()]
    inputs = [Given(objects, "ages", format=HEADER) for objects in some]
    inputs.insert(1, Given({"c.csv": b"who,town\nann,Seoul\n"}, "towns", format=HEADER))
    job = without_columns()
    job["inputs"]["ages"]["map"] = "SELECT name, 1 AS age, CAST(NULL AS VARCHAR) AS town FROM input"
    message = r'"years" BIGINT where .*a\.csv has "age".*: sql\.inputs\.ages\.columns'
    with pytest.raises(BadObject, match=message):
        run_over(inputs, job)


def test_csv_whose_columns_nobody_says_is_told_where_they_go() -> None:
    with pytest.raises(InvalidQuery, match=r"^sql\.inputs\.ages\.columns: got nothing.* of .*a\.csv are"):
        run_over([Given({"a.csv": b"ann,30\n"}, "ages")], without_columns())


def test_maps_that_differ_where_only_objects_say_the_columns_are_both_named() -> None:
    inputs = [
        Given({"a.parquet": parquet("SELECT 'ann' AS name, 30::BIGINT AS age")}, "ages"),
        Given({"b.parquet": parquet("SELECT 'ann' AS who, 'Seoul' AS town")}, "towns"),
    ]
    for some in (inputs, inputs[::-1]):
        with pytest.raises(InvalidQuery) as caught:
            run_over(some, without_columns())
        assert "column age is " in str(caught.value)
        for part in ("sql.inputs.ages.map", "BIGINT", "sql.inputs.towns.map", "INTEGER", "cast it"):
            assert part in str(caught.value)


# What is told beforehand


def test_the_columns_of_the_result_are_known_if_those_of_any_input_are() -> None:
    assert checked(PEOPLE)["columns"] == ["name", "age", "town"]
    assert checked(without_columns())["columns"] == []
    inputs: list[dict[str, Any]] = [NAMED[0], NAMED[1] | {"columns": TOWNS}]
    assert checked(without_columns(), inputs)["columns"] == ["name", "age", "town"]


@pytest.mark.parametrize(
    ("map", "message"),
    [
        (
            "SELECT name, NULL AS age, town FROM input",
            r'^sql\.inputs\.towns\.map: .*column "name" not found',
        ),
        (
            "SELECT who AS name, 'x' AS age, town FROM input",
            r"^sql\.inputs\.towns\.map: column age is VARCHAR where sql\.inputs\.ages\.map gives INTEGER;",
        ),
        (
            "SELECT who AS name, 1 AS age, NULL AS town FROM input",
            r"^sql\.inputs\.towns\.map: column town is INTEGER where sql\.inputs\.ages\.map gives VARCHAR; "
            r".* \(a NULL too, as in CAST\(NULL AS VARCHAR\)",
        ),
        (
            "SELECT who AS name, town FROM input",
            r"^sql\.inputs\.towns\.map: gives the columns name, town where sql\.inputs\.ages\.map gives "
            "name, age, town; all maps have to give the same ones, in the same order",
        ),
        ("SELECT who AS name, who AS Name FROM input", r"^sql\.inputs\.towns\.map: gives two columns 'name'"),
        ("SELECT", r"^sql\.inputs\.towns\.map: Parser Error"),
        ("DROP TABLE input", r"^sql\.inputs\.towns\.map: got 'DROP TABLE input'; give one SELECT"),
        (5, r"^sql\.inputs\.towns\.map: got 5; give a SELECT"),
    ],
)
def test_all_maps_give_the_same_columns(map: Any, message: str) -> None:
    towns = {"map": map, "columns": TOWNS}
    with pytest.raises(InvalidQuery, match=f"(?s){message}"):
        checked(PEOPLE | {"inputs": {"ages": PEOPLE["inputs"]["ages"], "towns": towns}})


def test_names_of_columns_are_compared_as_sql_does() -> None:
    towns = {"map": OF_TOWNS.replace("AS name", "AS NAME"), "columns": TOWNS}
    job = PEOPLE | {"inputs": {"ages": PEOPLE["inputs"]["ages"], "towns": towns}}
    assert checked(job)["columns"] == ["name", "age", "town"]
    inputs = [Given({"a.csv": b"ann,30\n"}, "ages"), Given({"b.csv": b"ann,Seoul\n"}, "towns")]
    assert csv_rows(run_over(inputs, job)) == [["ann", "30", "Seoul"]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "input: got none with the name ages; the job reads ages, towns"),
        ([{"name": "ages"}], "input: got none with the name towns; the job reads ages, towns"),
        ([{"name": "ages"}, {}], r"input\.name: got nothing; the job reads ages, towns: say of each input"),
        ([*NAMED, {"name": "x"}], r"input\.name: got x; the job reads ages, towns: say of each input"),
        ([*NAMED, {"name": "ages", "format": "xml"}], "format: got 'xml'"),
    ],
)
def test_inputs_of_the_execution_are_those_of_the_job(inputs: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        checked(PEOPLE, inputs)


@pytest.mark.parametrize("name", [None, "x"])
def test_a_task_of_another_input_is_refused(name: str | None) -> None:
    with pytest.raises(InvalidParameter, match=r"input\.name: got (nothing|x); the job reads ages, towns"):
        run_over([Given({"a.csv": b"ann,30\n"}, name)], PEOPLE)


@pytest.mark.parametrize("job", [PEOPLE, SUM | {"columns": "k VARCHAR, n INTEGER"}])
def test_ranges_are_nothing_for_sql(job: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match=r"^partitioning: got 'range'; .*leave it out.* the job sort"):
        checked(job, partitioning="range")
    assert checked(job, partitioning="hash", partitions=3)


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"inputs": {}}, r"sql\.inputs: got \{\}; give an object with each input by its name: \{"),
        ({"inputs": ["ages"]}, r"sql\.inputs: got \['ages'\]; give an object with each input by its name"),
        ({"inputs": {"": {"map": "FROM input"}}}, r"sql\.inputs: got an input with no name; give names"),
        ({"inputs": {"ages": OF_AGES}}, r"sql\.inputs\.ages: got 'SELECT .*; give an object, such as"),
        ({"inputs": {"ages": {}}}, r"sql\.inputs\.ages\.map: got nothing; give a SELECT from input"),
        (
            {"inputs": {"ages": {"map": OF_AGES, "colums": AGES}}},
            r"sql\.inputs\.ages\.colums: unknown field; the fields are map, columns, format",
        ),
        (
            {"inputs": {"ages": {"map": OF_AGES, "columns": "name"}}, "reduce": "FROM input"},
            r"sql\.inputs\.ages\.columns: .*; give names with SQL types",
        ),
        ({"inputs": PEOPLE["inputs"]}, r"sql\.reduce: got nothing, and .* none is derived; give a SELECT"),
        (
            PEOPLE | {"map": OF_AGES},
            r"sql\.map: got 'SELECT .*, and sql\.inputs too: each .* \(sql\.inputs\.ages\.map\); leave one",
        ),
        (PEOPLE | {"columns": AGES}, r"sql\.columns: got 'name VARCHAR.*\(sql\.inputs\.ages\.columns\)"),
        (PEOPLE | {"format": "csv"}, r"sql\.format: got 'csv', and sql\.inputs too"),
        ({"reduce": "FROM input"}, r"sql\.map: got nothing; give a SELECT from input, or several inputs"),
    ],
)
def test_a_wrong_field_of_a_job_with_inputs_is_named(job: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQuery, match=f"(?s)^{message}"):
        checked(job)


# Columns that an input says


def test_the_columns_of_an_input_come_before_those_of_the_job() -> None:
    others = {"house": "VARCHAR", "age": "INTEGER", "name": "VARCHAR"}
    inputs = [
        Given({"a.csv": b"ann,30\n"}, "ages"),
        Given({"b.csv": b"x,40,bob\n"}, "ages", columns=others),
        Given({"c.csv": b"Seoul,ann\n"}, "towns", columns="town VARCHAR, who VARCHAR"),
    ]
    assert csv_rows(run_over(inputs, PEOPLE)) == [["ann", "30", "Seoul"], ["bob", "40", ""]]


@pytest.mark.parametrize("of_job", [None, "n INTEGER, k VARCHAR"])
def test_an_input_says_columns_for_a_job_with_a_single_map_too(of_job: str | None) -> None:
    inputs = [
        Given({"a.csv": b"a,1\n"}, columns="k VARCHAR, n INTEGER"),
        Given({"b.csv": b"a,2\n"}, "any", columns={"k": "VARCHAR", "n": "INTEGER"}),
    ]
    job = SUM | ({"columns": of_job} if of_job else {})
    assert csv_rows(run_over(inputs, job)) == [["a", "3"]]
    given = [{"name": one.name, "columns": one.columns} for one in inputs]
    assert checked(job, given)["columns"] == ["k", "n"]


def test_columns_of_inputs_by_which_the_map_gives_other_types_are_told_beforehand() -> None:
    inputs = [{"columns": "k VARCHAR, n INTEGER"}, {"columns": "k VARCHAR, n DOUBLE"}]
    with pytest.raises(InvalidQuery) as caught:
        checked(SUM, inputs)
    assert str(caught.value).startswith(
        "sql.map over input[1]: column n is DOUBLE where sql.map gives HUGEINT; cast it"
    )


@pytest.mark.parametrize("columns", [["k", "n"], 5, "k", "k NOTYPE", {"k": 1}, {}])
def test_wrong_columns_of_an_input_are_named(columns: Any) -> None:
    with pytest.raises(InvalidQuery, match=r"(?s)^input\.columns: .*; give "):
        checked(SUM, [{"columns": columns}])
    with pytest.raises(InvalidQuery, match=r"(?s)^input\.columns: .*; give "):
        run_over([Given({"a.csv": b"a,1\n"}, columns=columns)], SUM)


def test_a_parquet_object_without_a_column_that_its_input_names_is_named() -> None:
    data = {"a.parquet": parquet("SELECT 'a' AS k")}
    with pytest.raises(BadObject, match=r"a\.parquet: has no column n, which input\.columns names"):
        run_over([Given(data, columns="k VARCHAR, n INTEGER")], SUM)


# Values that statements cast


@pytest.mark.parametrize(
    ("condition", "value", "type"),
    [
        ("n > $v::INTEGER", "many", "INTEGER"),
        ("CAST($v AS DATE) > '2020-01-01'", "2020-13-01", "DATE"),
        ("n < CAST($v AS DECIMAL(4,1))", 12345, r"DECIMAL\(4, 1\)"),
    ],
)
def test_a_value_that_is_not_of_the_type_that_a_statement_casts_it_to_is_named(
    condition: str, value: Any, type: str
) -> None:
    job = SUM | {"columns": "k VARCHAR, n INTEGER", "map": f"SELECT k, n FROM input WHERE {condition}"}
    message = rf"^params\.v: got {value!r}; give a {type}, as which it stands in sql\.map \("
    with pytest.raises(InvalidParameter, match=message):
        checked(job, [], params={"v": value})
    assert checked(job, [], params={"v": "2020-12-01" if type == "DATE" else 5})


def test_a_cast_that_may_fail_takes_any_value() -> None:
    job = SUM | {"columns": "k VARCHAR, n INTEGER"}
    job["map"] = "SELECT k, n FROM input WHERE n > coalesce(TRY_CAST($v AS INTEGER), 1)"
    assert checked(job, [], params={"v": "many"})
    assert csv_rows(run_on({"x.csv": b"a,1\nb,2\n"}, job, params={"v": "many"})) == [["b", "2"]]


def test_a_statement_that_is_nested_deep_is_no_mistake() -> None:
    deep = "n" + "+ CAST($v AS INTEGER)" * 500
    job = {"map": f"SELECT k, {deep} AS n FROM input", "reduce": "FROM input", "key": ["k"]}
    job["columns"] = "k VARCHAR, n INTEGER"
    assert checked(job, [], params={"v": 2})["columns"] == ["k", "n"]
    assert csv_rows(run_on({"x.csv": b"a,1\n"}, job, params={"v": 2})) == [["a", "1001"]]

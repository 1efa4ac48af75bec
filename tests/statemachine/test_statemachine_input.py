"""What an execution's input may be, and what is said of one that is not."""

from typing import Any

import pytest

from marla.local.interpreter import Outcome
from tests.statemachine.stub_cloud import Cloud, objects

NUMBERS = {
    "partitions": (1, 1000),
    "fanIn": (2, 1000),
    "splitBytes": (1, 5497558138880),
    "concurrency": (1, 10000),
    "maxBadRecords": (0, 1000000),
    "maxRecordBytes": (1, 1000000000),
}
FIELDS = ["job", "params", "input", "output", *NUMBERS]
GOOD = {"job": "wordcount", "input": "s3://data/in/"}
URI_REMEDY = "give a URI such as s3://bucket/prefix/ or s3://bucket/object.csv"


@pytest.fixture(autouse=True)
def _something_to_read(cloud: Cloud) -> None:
    cloud.buckets = {"data": objects(2)}


def problems(cloud: Cloud, execution_input: Any) -> list[str]:
    """What the machine says is wrong with an input; nothing may have been done."""
    outcome = cloud.execute(execution_input)
    assert (outcome.status, outcome.error) == ("FAILED", "InvalidInput"), outcome.cause
    assert cloud.events == []
    assert cloud.listed == []
    return str(outcome.cause).split("; ")


def problem(cloud: Cloud, field: str, value: Any) -> str:
    """The one thing that is wrong with an input whose field has this value."""
    got, remedy = problems(cloud, GOOD | {field: value})
    return f"{got}; {remedy}"


def assert_runs(outcome: Outcome) -> None:
    assert outcome.status == "SUCCEEDED", outcome.cause


def test_a_job_and_an_input_are_enough(cloud: Cloud) -> None:
    assert_runs(cloud.execute({"job": "wordcount", "input": "s3://data/in/"}))
    assert cloud.maps[0]["partitions"] == 1
    assert cloud.maps[0]["maxBadRecords"] == 0
    assert cloud.maps[0]["maxRecordBytes"] == 16_000_000
    assert cloud.maps[0]["params"] == {}


def test_what_the_console_adds_is_no_unknown_field(cloud: Cloud) -> None:
    assert_runs(cloud.execute(GOOD | {"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:aws:states:..."}))


@pytest.mark.parametrize("field", [*FIELDS[4:], "params", "output", "stages"])
def test_null_is_as_if_the_field_were_absent(cloud: Cloud, field: str) -> None:
    assert_runs(cloud.execute(GOOD | {field: None}))
    given = [event for event in cloud.events if "publish" not in event]
    cloud.events = []
    assert_runs(cloud.execute(GOOD))
    assert [event for event in cloud.events if "publish" not in event] == given


def test_null_in_an_input_is_as_if_the_field_were_absent(cloud: Cloud) -> None:
    assert_runs(cloud.run(input={"uri": "s3://data/in/", "format": None, "splittable": None}))
    assert cloud.maps[0]["format"] is None
    assert len(cloud.maps[0]["pieces"]) == 2


@pytest.mark.parametrize("given", [{}, {"job": None, "input": None}], ids=["absent", "null"])
def test_without_a_job_and_an_input_both_are_missed(cloud: Cloud, given: dict[str, Any]) -> None:
    shown = "null" if given else "nothing"
    assert problems(cloud, given) == [
        f"job: got {shown}",
        "give the name of a job, such as wordcount, or a query in sql",
        "input: got nothing",
        "give a URI such as s3://bucket/prefix/",
    ]


@pytest.mark.parametrize("given", ["wordcount", 5, True, ["a"], [GOOD]])
def test_an_input_that_is_no_object_is_refused(cloud: Cloud, given: Any) -> None:
    got, remedy = problems(cloud, given)
    assert got.startswith("got ")
    assert remedy == 'give an object such as {"job": "wordcount", "input": "s3://bucket/"}'


@pytest.mark.parametrize("value", ["", 5, True, {"name": "x"}, ["wordcount"]])
def test_a_job_is_a_name(cloud: Cloud, value: Any) -> None:
    text = problem(cloud, "job", value)
    assert text.startswith("job: got ")
    assert text.endswith("; give the name of a job, such as wordcount, or a query in sql")


QUERY = "SELECT a, count(*) AS n FROM input GROUP BY a"
STATEMENTS = {"map": QUERY, "reduce": "SELECT a, sum(n) AS n FROM input GROUP BY a", "key": ["a"]}


@pytest.mark.parametrize(("given", "job"), [(QUERY, {"map": QUERY}), (STATEMENTS, STATEMENTS)])
def test_a_query_stands_in_for_a_job(cloud: Cloud, given: Any, job: Any) -> None:
    outcome = cloud.execute({"sql": given, "input": "s3://data/in/", "params": {"rank": 5}})
    assert_runs(outcome)
    asked = [event for event in cloud.events if "publish" not in event]
    assert all(event["job"] == job and event["params"] == {"rank": 5} for event in asked)
    assert outcome.output["job"] == job


def test_stages_may_be_queries_and_jobs(cloud: Cloud) -> None:
    cloud.execute({"stages": [{"sql": QUERY}, {"job": "wordcount"}], "input": "s3://data/in/"})
    checked = [event["job"] for event in cloud.events if event.get("check")]
    assert checked == [{"map": QUERY}, "wordcount"]


@pytest.mark.parametrize("value", [5, True, [QUERY]])
def test_a_query_is_a_text_or_an_object(cloud: Cloud, value: Any) -> None:
    (got, remedy) = problems(cloud, {"sql": value, "input": "s3://data/in/"})
    assert got.startswith("sql: got ")
    assert remedy.startswith("give a SELECT from input, or an object such as ")


def test_a_job_and_a_query_exclude_each_other(cloud: Cloud) -> None:
    assert problems(cloud, GOOD | {"sql": QUERY}) == [
        "job: leave it out where sql is given, or sql where job is"
    ]


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", ["7", True, [7], {"n": 7}, 7.5, "", "low", "high"])
def test_a_number_is_whole_and_in_its_range(cloud: Cloud, field: str, value: Any) -> None:
    low, high = NUMBERS[field]
    given = {"low": low - 1, "high": high + 1}.get(value, value) if isinstance(value, str) else value
    text = problem(cloud, field, given)
    assert text.startswith(f"{field}: got ")
    assert text.endswith(f"; give a whole number from {low} to {high}")
    if isinstance(given, int) and not isinstance(given, bool):
        assert f"got {given};" in text


@pytest.mark.parametrize("field", NUMBERS)
def test_the_ends_of_a_range_are_in_it(cloud: Cloud, field: str) -> None:
    for value in NUMBERS[field]:
        assert_runs(cloud.execute(GOOD | {field: value}))


@pytest.mark.parametrize("value", ["text", 5, True, ["a"]])
def test_params_are_an_object(cloud: Cloud, value: Any) -> None:
    text = problem(cloud, "params", value)
    assert text.startswith("params: got ")
    assert text.endswith('; give an object, such as {"prefix": 8}')


@pytest.mark.parametrize("value", ["xlsx", "CSV", "", 5, True, {"format": "csv"}, ["csv"], ["csv", "jsonl"]])
def test_an_output_is_one_of_the_formats(cloud: Cloud, value: Any) -> None:
    text = problem(cloud, "output", value)
    assert text.startswith("output: got ")
    assert text.endswith("; give csv, jsonl, parquet, text or raw")


@pytest.mark.parametrize("value", ["csv", "jsonl", "parquet"])
def test_an_output_reaches_the_workers(cloud: Cloud, value: str) -> None:
    assert_runs(cloud.run(output=value))
    assert {event["output"] for event in cloud.events if "output" in event} == {value}


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "data/in/",
        "/data/in/",
        "https://data.s3.amazonaws.com/in/",
        "s3:/data/in/",
        "s3://",
        "s3:///in/",
        "s3://ab/in/",
        "s3://Data/in/",
        "s3://data_1/in/",
        "s3://-data/in/",
        "s3://" + "d" * 64 + "/in/",
        "S3://data/in/",
        " s3://data/in/",
        5,
        True,
    ],
)
def test_an_input_is_a_uri_of_s3(cloud: Cloud, uri: Any) -> None:
    assert (
        problem(cloud, "input", uri) == f"input: got {str(uri).lower() if uri is True else uri}; {URI_REMEDY}"
    )


@pytest.mark.parametrize("uri", ["s3://data/*/x", "s3://data/a*b", "s3://data/a**", "s3://data/*a*"])
def test_a_star_stands_at_the_end_only(cloud: Cloud, uri: str) -> None:
    text = problem(cloud, "input", uri)
    assert text == f"input: got {uri}; a * may stand only at the end, for all keys that begin so"


def test_a_list_of_inputs_is_not_empty(cloud: Cloud) -> None:
    assert problem(cloud, "input", []) == "input: an empty list; give at least one URI"


def test_the_wrong_one_of_several_inputs_is_named(cloud: Cloud) -> None:
    text = problem(cloud, "input", ["s3://data/in/", "data", "s3://data"])
    assert text == f"input[1]: got data; {URI_REMEDY}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"uri": "in/"}, f"input.uri: got in/; {URI_REMEDY}"),
        ({"uri": None}, f"input.uri: got null; {URI_REMEDY}"),
        ({"format": "csv"}, f"input.uri: got nothing; {URI_REMEDY}"),
        ({}, f"input.uri: got nothing; {URI_REMEDY}"),
        (
            {"uri": "s3://data/in/", "splittable": "no"},
            "input.splittable: got no; give true or false",
        ),
        ({"uri": "s3://data/in/", "splittable": 0}, "input.splittable: got 0; give true or false"),
        (
            {"uri": "s3://data/in/", "fromat": "csv"},
            "input.fromat: unknown field; the fields are uri, name, format, columns, splittable",
        ),
        (
            ["s3://data/in/", {"uri": "s3://data/in/", "bucket": "x"}],
            "input[1].bucket: unknown field; the fields are uri, name, format, columns, splittable",
        ),
        ([["s3://data/in/"]], f'input[0]: got ["s3://data/in/"]; {URI_REMEDY}'),
        ([None], f"input[0]: got null; {URI_REMEDY}"),
    ],
)
def test_an_input_with_options_says_which_is_wrong(cloud: Cloud, given: Any, said: str) -> None:
    assert problem(cloud, "input", given) == said


def test_an_unknown_field_is_answered_with_those_that_are_known(cloud: Cloud) -> None:
    text = problem(cloud, "partition", 5)
    known = text.partition("partition: unknown field; the fields are ")[2].split(", ")
    assert set(known) >= {*FIELDS, "stages"}


def test_all_problems_are_named_at_once(cloud: Cloud) -> None:
    given = {
        "job": "",
        "input": ["nowhere", {"uri": "s3://data/*/", "splitable": True}],
        "params": [],
        "output": "xml",
        "split": 1,
        **dict.fromkeys(NUMBERS, "many"),
    }
    said = "; ".join(problems(cloud, given))
    places = ["job", "input[0]", "input[1].splitable", "input[1].uri", "params", "output", "split", *NUMBERS]
    assert [place for place in places if f"{place}: " not in said] == []


def test_a_long_value_is_shown_in_part(cloud: Cloud) -> None:
    text = problem(cloud, "job", ["x" * 1000])
    assert len(text) < 300


@pytest.mark.parametrize("value", ['quo"te', "ba\\ck", "한국", "new\nline", "{% $x %}", "a' & $x & 'b"])
def test_a_value_is_shown_as_it_was_given(cloud: Cloud, value: str) -> None:
    assert problem(cloud, "output", value) == f"output: got {value}; give csv, jsonl, parquet, text or raw"


# ---- Stages ----


@pytest.fixture
def chained(cloud: Cloud) -> Cloud:
    """A cloud with the results of the first two stages of job-1, as its reducers would write them."""
    cloud.buckets["jobs"] = {
        "jobs/job-1/stage-0/map/0": 999,
        "jobs/job-1/stage-0/result/part-00000.csv": 70,
        "jobs/job-1/stage-0/result/part-00001.csv": 30,
        "jobs/job-1/stage-1/result/part-00000.csv": 11,
    }
    return cloud


def test_a_stage_reads_the_result_of_the_stage_before(chained: Cloud) -> None:
    outcome = chained.execute(
        {"stages": [{"job": "a", "partitions": 2}, {"job": "b"}, {"job": "c"}], "input": "s3://data/in/"}
    )
    assert_runs(outcome)
    read = [(e["stage"], e["job"], e["bucket"], [p["key"] for p in e["pieces"]]) for e in chained.maps]
    assert read == [
        (0, "a", "data", ["in/00000.csv", "in/00001.csv"]),
        (1, "b", "jobs", [f"jobs/job-1/stage-0/result/part-0000{part}.csv" for part in (0, 1)]),
        (2, "c", "jobs", ["jobs/job-1/stage-1/result/part-00000.csv"]),
    ]
    assert [event["task"] for event in chained.maps] == [0, 0, 0]
    assert {(e["stage"], e["step"], e["job"]) for e in chained.reduces} == {
        (0, 1, "a"),
        (1, 1, "b"),
        (2, 1, "c"),
    }
    assert [(e["stage"], e["partitions"]) for e in chained.publishes] == [(0, 2), (1, 1), (2, 1)]


def test_a_stage_starts_when_the_one_before_is_published(chained: Cloud) -> None:
    chained.execute({"stages": [{"job": "a", "input": "s3://data/in/"}, {"job": "b"}]})
    kinds = ["check", "pieces", "final", "publish"]
    order = [next(kind for kind in kinds if kind in event) for event in chained.events]
    assert order == kinds * 2


def test_a_stage_may_have_an_input_of_its_own(chained: Cloud) -> None:
    chained.buckets["other"] = {"x.csv": 5}
    outcome = chained.execute(
        {"stages": [{"job": "a", "input": "s3://data/in/"}, {"job": "b", "input": ["s3://other/x.csv"]}]}
    )
    assert_runs(outcome)
    assert chained.maps[-1]["bucket"] == "other"


def test_stages_inherit_the_options_beside_them_unless_they_have_their_own(chained: Cloud) -> None:
    outcome = chained.execute(
        {
            "stages": [
                {"job": "a", "partitions": 5, "maxRecordBytes": None, "params": {"x": 1}},
                {"job": "b", "output": "jsonl"},
            ],
            "input": "s3://data/in/",
            "partitions": 2,
            "maxRecordBytes": 1000,
            "maxBadRecords": 3,
        }
    )
    assert_runs(outcome)
    first, second = chained.maps
    assert (first["partitions"], first["maxRecordBytes"], first["maxBadRecords"]) == (5, 1000, 3)
    assert (second["partitions"], second["maxRecordBytes"], second["maxBadRecords"]) == (2, 1000, 3)
    assert (first["params"], second["params"]) == ({"x": 1}, {})
    assert [event["output"] for event in chained.events if "check" in event] == [None, "jsonl"]


def test_a_stage_inherits_nothing_from_the_stage_before(chained: Cloud) -> None:
    options = {"partitions": 5, "maxRecordBytes": 1000, "fanIn": 3, "output": "jsonl"}
    outcome = chained.execute({"stages": [{"job": "a", **options}, {"job": "b"}], "input": "s3://data/in/"})
    assert_runs(outcome)
    assert (chained.maps[-1]["partitions"], chained.maps[-1]["maxRecordBytes"]) == (1, 16_000_000)
    assert chained.reduces[-1]["output"] is None


@pytest.mark.parametrize("field", ["job", "params", "output"])
def test_what_belongs_in_a_stage_is_refused_beside_stages(cloud: Cloud, field: str) -> None:
    values = {"job": "a", "params": {}, "output": "csv"}
    given = {"stages": [{"job": "a", "input": "s3://data/in/"}], field: values[field]}
    assert problems(cloud, given) == [f"{field}: belongs in a stage where stages are given"]


@pytest.mark.parametrize("field", ["job", "params", "output"])
def test_null_beside_stages_is_as_if_absent(cloud: Cloud, field: str) -> None:
    assert_runs(cloud.execute({"stages": [{"job": "a", "input": "s3://data/in/"}], field: None}))


@pytest.mark.parametrize("value", [[], {}, "a", 5, True, {"job": "a"}])
def test_stages_are_a_list_with_something_in_it(cloud: Cloud, value: Any) -> None:
    got, remedy = problems(cloud, {"stages": value, "input": "s3://data/in/"})
    assert got.startswith("stages: got ")
    assert remedy == "give a list of objects, each with a job"


def test_problems_of_stages_say_which(cloud: Cloud) -> None:
    given = {
        "stages": [
            {"job": "a", "inputs": "s3://data/in/"},
            "b",
            {"input": {"uri": "x"}, "partitions": 0, "stages": []},
            {"job": "d", "output": "xml", "params": 1},
        ],
        "concurrency": "all",
        "stage": 1,
    }
    said = "; ".join(problems(cloud, given))
    places = [
        "stages[0].inputs",
        "stages[0].input",
        "stages[1]",
        "stages[2].job",
        "stages[2].input.uri",
        "stages[2].partitions",
        "stages[2].stages",
        "stages[3].output",
        "stages[3].params",
        "concurrency",
        "stage",
    ]
    assert [place for place in places if f"{place}: " not in said] == []
    assert "stages[3].input: " not in said
    assert "stages[3].job: " not in said


def test_the_input_beside_stages_is_checked(cloud: Cloud) -> None:
    assert problems(cloud, {"stages": [{"job": "a"}], "input": "nowhere"})[0] == "input: got nowhere"


def test_the_first_stage_needs_an_input(cloud: Cloud) -> None:
    said = problems(cloud, {"stages": [{"job": "a", "input": None}, {"job": "b"}]})
    assert said == ["stages[0].input: got nothing", "give a URI such as s3://bucket/prefix/"]

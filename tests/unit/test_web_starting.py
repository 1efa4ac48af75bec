"""Executions checked, started, stopped, resumed and deleted from the console."""

from __future__ import annotations

from typing import Any

import pytest

from tests.statemachine.stub_cloud import definition
from tests.unit.console_cloud import BUCKET, START, Console
from tests.unit.fake_executions import EXECUTION

GOOD = {"job": "wordcount", "input": "s3://data/words/"}
QUERY = {
    "sql": {"map": "SELECT a, count(*) AS n FROM input GROUP BY a", "columns": "a VARCHAR"},
    "input": "s3://data/",
}


def console_of_our_machine(*, local: bool = True) -> Console:
    console = Console(local=local)
    console.states.definition = definition()
    return console


@pytest.fixture
def console() -> Console:
    return console_of_our_machine()


def problems(console: Console, document: Any, name: Any = None) -> dict[str, str]:
    answer = console.send("check", {"document": document, "name": name})
    assert answer.status_code == 200, answer.text
    return {one["field"]: one["message"] for one in answer.json["problems"]}  # type: ignore[index]


@pytest.mark.parametrize(
    "document",
    [
        GOOD,
        QUERY,
        GOOD | {"partitions": 4, "speculate": True, "output": "jsonl"},
        {"job": "sort", "input": "s3://data/", "partitions": 3},
        {"job": "top", "input": "s3://data/", "params": {"k": 3}},
        {"stages": [{"job": "wordcount"}, {"job": "sort"}], "input": "s3://data/"},
        {
            "job": "join",
            "input": [
                {"uri": "s3://data/v/", "name": "uservisits"},
                {"uri": "s3://data/r/", "name": "rankings"},
            ],
        },
    ],
    ids=["job", "query", "options", "range", "chain", "stages", "join"],
)
def test_an_input_that_the_machine_takes_has_no_problems(console: Console, document: Any) -> None:
    assert problems(console, document) == {}


@pytest.mark.parametrize(
    ("document", "field", "text"),
    [
        (5, "", "got 5; give an object"),
        ("resume", "", "got resume; give an object"),
        ({"input": "s3://data/"}, "job", "job: got nothing; give the name of a job"),
        ({"job": "wordcount"}, "input", "input: got nothing; give a URI"),
        (GOOD | {"partition": 1}, "partition", "partition: unknown field; the fields are job"),
        (GOOD | {"partitions": 0}, "partitions", "partitions: got 0; give a whole number from 1 to 1000"),
        (GOOD | {"input": ["s3://data/", {"uri": 5}]}, "input[1].uri", "input[1].uri: got 5; give a URI"),
        (GOOD | {"job": "wordcnt"}, "job", "job: there is no 'wordcnt'; the jobs are"),
        (GOOD | {"params": {"x": 1}}, "params.x", "params.x: this job has no such parameter; it takes none"),
        (
            {"job": "uservisits", "input": "s3://d-d/", "params": {"prefix": 0}},
            "params.prefix",
            "got 0; give at least",
        ),
        ({"job": "top", "input": "s3://d-d/", "params": {"k": "x"}}, "params.k", "params.k: got"),
        ({"job": "join", "input": "s3://data/"}, "input.name", "the job reads rankings, uservisits"),
        ({"sql": "SELEC a", "input": "s3://data/"}, "sql.map", 'syntax error at or near "SELEC"'),
        (
            {"sql": {"map": "SELECT b FROM input", "columns": "a VARCHAR"}, "input": "s3://data/"},
            "sql.map",
            'Referenced column "b" not found',
        ),
        (
            {"stages": [{"job": "wordcount"}, {"job": "sort", "params": {"a": 1}}], "input": "s3://data/"},
            "stages[1].params.a",
            "this job has no such parameter",
        ),
    ],
)
def test_a_problem_is_told_with_its_field_as_the_machine_or_the_worker_would_tell_it(
    console: Console, document: Any, field: str, text: str
) -> None:
    found = problems(console, document)
    assert list(found) == [field]
    assert text in found[field]


def test_all_problems_are_told_at_once(console: Console) -> None:
    assert problems(console, {"job": 5, "partitions": "x"}).keys() == {"job", "input", "partitions"}


@pytest.mark.parametrize(
    ("sql", "field"), [("", "sql"), (" \n", "sql"), ({"map": " ", "columns": "a INT"}, "sql.map")]
)
def test_a_query_that_is_not_there_is_told_at_once_with_the_other_problems(
    console: Console, sql: Any, field: str
) -> None:
    found = problems(console, {"sql": sql})
    assert found.keys() == {"input", field}
    assert found[field] == f"{field}: got nothing; give one SELECT, and nothing else"
    assert problems(console, {"sql": sql, "input": "s3://data/"}).keys() == {field}


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 81, "..", "<b>", 5])
def test_a_name_that_step_functions_refuses_is_a_problem_with_the_others(console: Console, name: Any) -> None:
    found = problems(console, GOOD | {"partitions": 0}, name)
    assert found.keys() == {"partitions", "name"}
    assert "give up to 80 characters, without spaces, control characters and any of <>{}" in found["name"]


@pytest.mark.parametrize("name", [None, "", "mine", "x" * 80, "a.b+c-d_e", "täglich-日", "..."])
def test_a_name_that_may_be_given_or_left_out_is_no_problem(console: Console, name: Any) -> None:
    assert problems(console, GOOD, name) == {}


def test_a_stack_on_aws_judges_its_own_catalogue_but_queries_are_the_same_everywhere() -> None:
    console = console_of_our_machine(local=False)
    assert problems(console, GOOD | {"job": "only-there"}) == {}
    assert problems(console, {"sql": "SELEC a", "input": "s3://data/"}).keys() == {"sql.map"}
    assert problems(console, GOOD | {"partitions": 0}).keys() == {"partitions"}


def test_a_machine_of_another_version_is_named_as_such(console: Console) -> None:
    console.states.definition = '{"States": {}}'
    answer = console.send("check", {"document": GOOD})
    assert answer.status_code == 409
    assert "of another version of MARLA" in answer.text


@pytest.mark.parametrize("body", [[], "x", 5, {}, {"documents": {}}])
def test_a_request_without_a_document_is_refused(console: Console, body: Any) -> None:
    assert console.send("check", body).status_code == 400


def test_json_that_is_none_or_nested_too_deep_is_refused(console: Console) -> None:
    headers = {"X-Marla": "1", "Content-Type": "application/json"}
    for text in ("{", "[" * 100_000, '{"document": ' * 50_000):
        answer = console.browser.post(
            "/api/check", base_url="http://127.0.0.1:14580", headers=headers, data=text
        )
        assert answer.status_code == 400
        assert "error" in (answer.json or {})


# ---- start ------------------------------------------------------------------------------------------------


def test_an_execution_is_started_with_exactly_the_document(console: Console) -> None:
    answer = console.send("executions", {"document": GOOD, "name": "mine"})
    assert (answer.status_code, answer.json) == (201, {"name": "mine", "url": "/executions/mine"})
    assert console.states.executions["mine"].asked == GOOD


@pytest.mark.parametrize(
    ("document", "title"),
    [(GOOD, "wordcount-"), (QUERY, "sql-"), (GOOD | {"job": "top:count"}, "top-count-")],
)
def test_without_a_name_it_is_called_after_its_job(console: Console, document: Any, title: str) -> None:
    answer = console.send("executions", {"document": document})
    assert answer.json
    assert answer.json["name"].startswith(title)


def test_an_input_with_problems_starts_nothing(console: Console) -> None:
    answer = console.send("executions", {"document": GOOD | {"partitions": 0}})
    assert answer.status_code == 400
    assert [one["field"] for one in (answer.json or {})["problems"]] == ["partitions"]
    assert console.states.calls["StartExecution"] == 0


@pytest.mark.parametrize("name", ["a b", "a/b", "x" * 81, "..", "<b>"])
def test_a_name_that_step_functions_refuses_is_refused_before(console: Console, name: str) -> None:
    answer = console.send("executions", {"document": GOOD, "name": name})
    assert answer.status_code == 400
    assert (answer.json or {})["problems"][0]["field"] == "name"
    assert console.states.calls["StartExecution"] == 0


def test_a_name_is_not_given_twice(console: Console) -> None:
    console.states.add("mine")
    answer = console.send("executions", {"document": GOOD, "name": "mine"})
    assert answer.status_code == 400
    assert "there is an execution mine already" in answer.text


@pytest.mark.parametrize(
    "input",
    ["s3://far-away/x/", ["s3://data/", {"uri": "s3://far-away/"}]],
    ids=["one", "among others"],
)
def test_data_in_another_region_is_not_moved_unasked(console: Console, input: Any) -> None:
    console.s3.regions["far-away"] = "eu-west-1"
    answer = console.send("executions", {"document": GOOD | {"input": input}})
    assert answer.status_code == 400
    assert (answer.json or {})["problems"][0]["field"] == "input"
    assert "the bucket far-away is in eu-west-1, the stack marla in us-east-1" in answer.text
    assert console.states.calls["StartExecution"] == 0


# ---- stop, resume, delete ---------------------------------------------------------------------------------


def test_an_execution_that_runs_is_stopped(console: Console) -> None:
    console.states.add("job")
    assert console.send("executions/job/stop").json == {}
    assert console.states.executions["job"].status == "ABORTED"
    assert console.states.causes == ["Stopped from the console"]


def test_one_that_is_over_is_not_stopped(console: Console) -> None:
    console.states.add("job").end("SUCCEEDED", 5)
    answer = console.send("executions/job/stop")
    assert answer.status_code == 409
    assert "is over already: SUCCEEDED" in answer.text


def test_a_job_that_failed_goes_on_in_a_new_execution_of_the_same_input(console: Console) -> None:
    console.states.add("job", asked=GOOD).end("FAILED", 5, error="BadRecord")
    answer = console.send("executions/job/resume")
    assert answer.status_code == 201
    name = (answer.json or {})["name"]
    assert name.startswith("job-")
    assert console.states.executions[name].asked == GOOD | {"resume": "job"}


def test_what_may_differ_when_a_job_is_resumed_is_taken_and_checked(console: Console) -> None:
    console.states.add("job", asked=GOOD).end("FAILED", 5, error="BadRecord")
    answer = console.send("executions/job/resume", {"maxBadRecords": 10, "concurrency": None})
    assert answer.status_code == 201, answer.text
    asked = console.states.executions[(answer.json or {})["name"]].asked
    assert asked == GOOD | {"resume": "job", "maxBadRecords": 10}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"maxBadRecords": -1}, "maxBadRecords"),
        ({"speculate": "x"}, "speculate"),
        ({"input": "s3://x-y/"}, "input"),
    ],
)
def test_a_job_is_not_resumed_with_what_is_wrong_or_must_stay(
    console: Console, given: dict[str, Any], field: str
) -> None:
    console.states.add("job", asked=GOOD).end("FAILED", 5, error="BadRecord")
    answer = console.send("executions/job/resume", given)
    assert (answer.status_code, (answer.json or {})["field"]) == (400, field)
    assert console.states.calls["StartExecution"] == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [("RUNNING", "is running"), ("SUCCEEDED", "has succeeded")],
    ids=["running", "succeeded"],
)
def test_what_runs_or_has_succeeded_is_not_resumed(console: Console, status: str, text: str) -> None:
    execution = console.states.add("job")
    if status != "RUNNING":
        execution.end(status, 5)
    answer = console.send("executions/job/resume")
    assert (answer.status_code, text in answer.text) == (409, True)
    assert console.states.calls["StartExecution"] == 0


def test_a_job_is_not_resumed_while_another_execution_of_it_runs(console: Console) -> None:
    console.states.add("job", asked=GOOD).end("FAILED", 5, error="BadRecord")
    console.states.add("again", asked=GOOD | {"resume": "job"})
    answer = console.send("executions/job/resume")
    assert answer.status_code == 409
    assert "again is running" in answer.text


def test_a_jobs_objects_are_deleted_and_its_result_kept_if_that_is_asked_for(console: Console) -> None:
    console.states.add("job").end("SUCCEEDED", 5)
    for key in ("stage-0/map/0", "stage-0/result/part-00000.csv", "stage-0/records/map/0/r.json"):
        console.s3.objects[f"jobs/job/{key}"] = b"12345"
    console.s3.objects["jobs/job-2/stage-0/map/0"] = b"another's"
    answer = console.send("executions/job?keepResult=1", method="DELETE")
    assert answer.json == {"objects": 2, "bytes": 10, "uploads": 0, "kept": 1}
    answer = console.send("executions/job", method="DELETE")
    assert answer.json == {"objects": 1, "bytes": 5, "uploads": 0, "kept": 0}
    assert list(console.s3.objects) == ["jobs/job-2/stage-0/map/0"]


def test_nothing_is_deleted_of_a_job_that_runs(console: Console) -> None:
    console.states.add("job")
    console.s3.objects["jobs/job/stage-0/map/0"] = b"x"
    answer = console.send("executions/job", method="DELETE")
    assert answer.status_code == 409
    assert console.s3.objects


def test_an_execution_that_was_refused_deletes_nothing_of_the_job_that_it_named(console: Console) -> None:
    console.states.add("job").end("SUCCEEDED", 5)
    console.states.add("stranger", asked=GOOD | {"resume": "job"}).end("FAILED", 5, error="ResumeRefused")
    console.s3.objects["jobs/job/stage-0/map/0"] = b"x"
    assert console.send("executions/stranger", method="DELETE").status_code == 409
    assert console.send("executions/stranger/resume").status_code == 409
    assert console.s3.objects


@pytest.mark.parametrize(
    ("path", "method"),
    [("executions/no/stop", "POST"), ("executions/no/resume", "POST"), ("executions/no", "DELETE")],
)
def test_what_there_is_not_cannot_be_changed(console: Console, path: str, method: str) -> None:
    answer = console.send(path, method=method)
    assert answer.status_code == 404
    assert "There is no execution no" in answer.text


# ---- what there is to read --------------------------------------------------------------------------------


def test_buckets_are_those_that_jobs_may_read(console: Console) -> None:
    assert [one["name"] for one in console.json("buckets")] == ["data", "more-data", BUCKET]
    console.stacks.input_buckets = ""
    assert [one["name"] for one in console.json("buckets")] == [BUCKET]


def test_a_bucket_is_browsed_folder_by_folder_and_page_by_page(console: Console) -> None:
    for key in ["input/a/1", "input/a/2", "input/b/1", *(f"input/c/{number:04}" for number in range(450))]:
        console.s3.objects[key] = b"123"
    assert console.json(f"objects?bucket={BUCKET}&prefix=input/") == {
        "folders": ["input/a/", "input/b/", "input/c/"],
        "objects": [],
        "next": None,
    }
    found: list[str] = []
    token = ""
    while token is not None:
        page = console.json(f"objects?bucket={BUCKET}&prefix=input/c/&next={token}")
        found += [one["key"] for one in page["objects"]]
        token = page["next"]
    assert found == [f"input/c/{number:04}" for number in range(450)]


@pytest.mark.parametrize("bucket", ["", "..", "A_B", "arn:aws:s3:::x", "a/b"])
def test_what_can_be_no_bucket_is_not_asked_for(console: Console, bucket: str) -> None:
    assert console.get(f"/api/objects?bucket={bucket}").status_code == 400
    assert not console.s3.calls


def test_a_bucket_that_is_not_there_is_said_to_be_so(console: Console) -> None:
    assert console.get("/api/objects?bucket=nobodys").status_code == 404


def test_the_catalogue_says_what_each_job_takes(console: Console) -> None:
    jobs = {job["name"]: job for job in console.json("jobs")}
    assert jobs["uservisits"]["params"][0] | {"help": ""} == {
        "name": "prefix",
        "required": False,
        "type": "integer",
        "default": 8,
        "minimum": 1,
        "help": "",
    }
    assert sorted(jobs["join"]["inputs"]) == ["rankings", "uservisits"]
    assert jobs["wordcount"]["inputs"] == []
    assert jobs["top"]["kind"] == "chain"


def test_a_job_whose_file_is_broken_is_listed_with_its_error(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> Any:
        raise SyntaxError("half a line")

    monkeypatch.setattr("mapreduce.catalogue.find", find)
    jobs = console.json("jobs")
    assert len(jobs) > 10
    assert all("half a line" in job["error"] for job in jobs)


def test_the_cloud_says_which_it_is(console: Console) -> None:
    cloud = console.json("cloud")
    assert (cloud["name"], cloud["region"], cloud["local"], cloud["jobBucket"]) == (
        "marla",
        "us-east-1",
        True,
        BUCKET,
    )


def test_executions_are_listed_newest_first_by_status_and_page_by_page(console: Console) -> None:
    for number in range(120):
        execution = console.states.add(f"job-{number}")
        if number % 2:
            execution.end("SUCCEEDED", 5)
    console.wait(30)
    first = console.json("executions")
    assert first["executions"][0] == {
        "name": "job-119",
        "status": "SUCCEEDED",
        "started": START.isoformat(),
        "stopped": START.replace(second=5).isoformat(),
        "seconds": 5.0,
    }
    assert first["executions"][1]["seconds"] == 30.0
    assert len(first["executions"]) == 50
    names = [one["name"] for one in first["executions"]]
    while first["next"]:
        first = console.json(f"executions?next={first['next']}")
        names += [one["name"] for one in first["executions"]]
    assert names == [f"job-{number}" for number in reversed(range(120))]
    running = console.json("executions?status=RUNNING")["executions"]
    assert {one["status"] for one in running} == {"RUNNING"}


def test_a_status_that_there_is_not_is_refused(console: Console) -> None:
    answer = console.get("/api/executions?status=DONE")
    assert answer.status_code == 400
    assert "give one of ABORTED, FAILED, RUNNING" in answer.text


def test_on_aws_an_execution_has_a_link_to_the_consoles_page_of_it() -> None:
    console = console_of_our_machine(local=False)
    console.states.add("job")
    url = console.json("executions")["executions"][0]["awsUrl"]
    assert url.startswith("https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/")
    assert url.endswith(EXECUTION + "job")

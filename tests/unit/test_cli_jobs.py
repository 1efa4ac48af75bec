"""`marla jobs`: what is said of the jobs of the catalogue, to people and to programs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mapreduce import catalogue
from marla import cli, description, request
from marla.arguments import Grammar
from marla.check import check_job
from marla.inputs import Located
from tests.unit.own_jobs import CHAIN_OF_TWO_INPUTS, TWO_INPUTS, own_jobs

Out = pytest.CaptureFixture[str]


@pytest.fixture
def catalogue_folder(tmp_path: Path) -> Iterator[Path]:
    with own_jobs(tmp_path) as folder:
        yield folder


def document(capsys: Out, job: str) -> dict[str, Any]:
    assert cli.main(["jobs", job, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def page(capsys: Out, job: str) -> str:
    assert cli.main(["jobs", job]) == 0
    return capsys.readouterr().out


def section(text: str, title: str) -> list[str]:
    """Return the lines below a title, without their indent."""
    lines = text.splitlines()
    after = lines[next(n for n, line in enumerate(lines) if line.startswith(title)) + 1 :]
    return [line[2:] for line in after[: after.index("") if "" in after else len(after)]]


# ---- the list ---------------------------------------------------------------------------------------------


def test_jobs_are_listed_with_a_line_each(capsys: Out) -> None:
    assert cli.main(["jobs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == catalogue.names()
    begins = {line.index(catalogue.summary(line.split()[0])) for line in lines}
    assert begins == {max(map(len, catalogue.names())) + 2}


def test_the_documents_of_all_jobs_are_those_of_each(capsys: Out) -> None:
    assert cli.main(["jobs", "--json"]) == 0
    jobs = json.loads(capsys.readouterr().out)
    assert list(jobs) == catalogue.names()
    assert jobs["join"] == document(capsys, "join")
    assert all(job["description"].endswith(".") for job in jobs.values())


def test_a_job_that_cannot_be_loaded_keeps_no_other_from_being_shown(
    capsys: Out, catalogue_folder: Path
) -> None:
    (catalogue_folder / "broken.py").write_text("import no_such_module\n")
    assert cli.main(["jobs"]) == 1
    shown = capsys.readouterr()
    assert "wordcount" in shown.out
    assert "broken: cannot be loaded. ModuleNotFoundError: No module named 'no_such_module'" in shown.err
    assert cli.main(["jobs", "wordcount"]) == 0
    capsys.readouterr()
    assert cli.main(["jobs", "broken"]) == 2
    assert "JOB: broken cannot be loaded. ModuleNotFoundError" in capsys.readouterr().err


def test_a_job_that_there_is_not_is_told_with_the_one_that_was_meant(capsys: Out) -> None:
    assert cli.main(["jobs", "wordcuont"]) == 2
    assert "no 'wordcuont'; the jobs are aggregate, " in (said := capsys.readouterr().err)
    assert said.endswith("did you mean wordcount?\n")


# ---- a document -------------------------------------------------------------------------------------------


def test_a_python_job_says_what_it_takes_reads_and_writes(capsys: Out) -> None:
    job = document(capsys, "uservisits")
    assert job.pop("description").startswith("Sum adRevenue by the first characters of sourceIP")
    assert job == {
        "kind": "python",
        "details": "",
        "parameters": {
            "prefix": {
                "type": "integer",
                "default": 8,
                "minimum": 1,
                "help": "how many characters of sourceIP make a group",
            }
        },
        "reads": [
            {
                "format": {
                    "type": "csv",
                    "delimiter": ",",
                    "quote": "",
                    "header": False,
                    "columns": [
                        "sourceIP",
                        "destURL",
                        "visitDate",
                        "adRevenue",
                        "userAgent",
                        "countryCode",
                        "languageCode",
                        "searchWord",
                        "duration",
                    ],
                }
            }
        ],
        "writes": {"format": None, "columns": ["source_ip", "revenue"]},
        "partitioning": "hash",
        "example": {
            "command": "marla run uservisits data/",
            "execution": {"job": "uservisits", "input": "s3://my-bucket/data/"},
        },
    }


def test_a_sql_job_says_its_statements_and_the_columns_that_follow(capsys: Out) -> None:
    job = document(capsys, "uservisits-sql")
    assert job["kind"] == "sql"
    assert job["reads"][0]["columns"]["adRevenue"] == "DOUBLE"
    assert job["statements"].keys() == {"map", "reduce"}
    assert job["statements"]["map"].startswith("SELECT substr(sourceIP, 1, $prefix)")
    assert job["writes"] == {"format": None, "columns": ["source_ip", "revenue"]}


def test_a_required_parameter_has_no_default(capsys: Out) -> None:
    pattern = document(capsys, "grep")["parameters"]["pattern"]
    assert pattern.keys() == {"type", "required", "help"}
    assert (pattern["type"], pattern["required"]) == ("string", True)


def test_a_chain_reads_what_its_first_stage_does_and_writes_what_its_last_does(capsys: Out) -> None:
    job = document(capsys, "join")
    assert job["kind"] == "chain"
    assert [(one["name"], one["columns"].keys() >= {"pageURL"}) for one in job["reads"]] == [
        ("rankings", True),
        ("uservisits", False),
    ]
    assert job["writes"]["columns"] == ["source_ip", "revenue", "average_rank"]
    assert [one["job"] for one in job["stages"]] == ["join:match", "join:total"]
    assert job["stages"][0]["statements"]["inputs"].keys() == {"rankings", "uservisits"}
    assert document(capsys, "top")["stages"][0]["description"].startswith("Count how often each line")


# ---- examples ---------------------------------------------------------------------------------------------


def of_command(command: str) -> request.Request:
    marla, *arguments = shlex.split(command)
    assert marla == "marla"
    return request.from_options(Grammar().parse(arguments))


@pytest.mark.parametrize("job", catalogue.names())
def test_the_example_of_each_job_is_right_and_the_same_in_both_ways(capsys: Out, job: str) -> None:
    example = document(capsys, job)["example"]
    asked = of_command(example["command"])
    check_job(asked)
    located = [Located(one.name, f"s3://my-bucket/{one.place}") for one in asked.inputs]
    assert asked.execution_input(located) == example["execution"]
    found = catalogue.find(job)
    required = {name for name, one in found.parameters().items() if one.required}
    assert required <= found.example.keys() <= found.parameters().keys()


def test_the_example_of_a_job_in_order_has_several_partitions(capsys: Out) -> None:
    example = document(capsys, "sort")["example"]
    assert example["command"] == "marla run sort data/ --partitions 4"
    assert example["execution"]["partitions"] == 4


def test_the_example_of_a_job_that_gives_no_values_has_some_of_their_types(
    capsys: Out, catalogue_folder: Path
) -> None:
    (catalogue_folder / "two.py").write_text(TWO_INPUTS)
    example = document(capsys, "two")["example"]
    assert example["command"] == (
        "marla run two left=data/left/ right=data/right/ --param least=2 --param text=text"
    )
    assert example["execution"] == {
        "job": "two",
        "input": [
            {"uri": "s3://my-bucket/data/left/", "name": "left"},
            {"uri": "s3://my-bucket/data/right/", "name": "right"},
        ],
        "params": {"least": 2, "text": "text"},
    }
    check_job(of_command(example["command"]))


def test_the_values_of_an_example_are_the_jobs_own_and_quoted_for_a_shell(
    capsys: Out, catalogue_folder: Path
) -> None:
    (catalogue_folder / "chain.py").write_text(
        CHAIN_OF_TWO_INPUTS.replace(
            "    params={", '    example={"letters": "a b$", "smallest": 7},\n    params={'
        )
    )
    example = description.of("chain")["example"]
    assert shlex.split(example["command"])[-4:] == ["--param", "letters=a b$", "--param", "smallest=7"]
    assert example["execution"]["params"] == {"letters": "a b$", "smallest": 7}


# ---- a page -----------------------------------------------------------------------------------------------


def test_a_page_has_the_whole_docstring(capsys: Out) -> None:
    text = page(capsys, "join")
    assert text.startswith("join: Rank addresses by the revenue of their visits")
    assert "\n    SELECT sourceIP, sum(adRevenue) AS totalRevenue" in text
    assert "The rank of all addresses is a stage of its own.\n" in text


def test_a_page_has_parameters_with_type_default_and_help(capsys: Out) -> None:
    assert section(page(capsys, "grep"), "Parameters") == [
        "pattern      text, required         a regular expression of Python's re, found anywhere in a line",
        "ignore_case  true or false (false)  whether case makes no difference",
        "invert       true or false (false)  whether to find the lines that do not match",
    ]
    assert section(page(capsys, "scan"), "Parameters") == [
        "rank  whole number of at least 0 (1000)  pages of a higher pageRank are found"
    ]
    assert "Parameters" not in page(capsys, "wordcount")


def test_a_page_says_what_the_job_reads(capsys: Out) -> None:
    assert section(page(capsys, "wordcount"), "Reads") == ["text"]
    assert section(page(capsys, "terasort"), "Reads") == ["fixed (length 100)"]
    lines = section(page(capsys, "join"), "Reads")
    assert lines[:2] == [
        'rankings: csv (delimiter ",", quote "", header false)',
        "  pageURL VARCHAR, pageRank INTEGER, avgDuration INTEGER",
    ]
    assert lines[2].startswith("uservisits: csv")
    assert lines[-1].endswith("duration INTEGER")


def test_a_page_says_of_a_query_what_its_objects_have_to_say(capsys: Out, catalogue_folder: Path) -> None:
    (catalogue_folder / "any.py").write_text(
        '"""Count."""\nfrom mapreduce import SqlJob\njob = SqlJob(map="SELECT count(*) AS n FROM input")\n'
    )
    text = page(capsys, "any")
    assert section(text, "Reads") == ["parquet, jsonl or csv, by the suffix"]
    assert section(text, "Writes") == ["csv, or jsonl if rows are not flat"]


def test_a_page_says_what_the_job_writes(capsys: Out) -> None:
    assert section(page(capsys, "wordcount"), "Writes") == ["csv, or jsonl if rows are not flat: word, count"]
    assert section(page(capsys, "grep"), "Writes") == ['text (fields separated by ":"): object, offset, line']
    assert section(page(capsys, "terasort"), "Writes") == [
        "raw: record",
        "in order, in several partitions (--partitions R) one after the other",
    ]
    assert section(page(capsys, "inverted-index"), "Writes") == ["jsonl: word, documents"]


def test_a_page_of_a_chain_has_its_stages(capsys: Out) -> None:
    assert section(page(capsys, "join"), "Stages") == [
        "0  join:match  SQL: ip, revenue, ranks, ranked",
        "1  join:total  SQL: source_ip, revenue, average_rank",
    ]
    assert section(page(capsys, "top"), "Stages")[1].startswith("1  top:largest  Find the groups")
    assert "Stages" not in page(capsys, "wordcount")


def test_a_page_has_an_example_for_the_shell_and_for_the_console(capsys: Out) -> None:
    text = page(capsys, "join")
    [command] = section(text, "Example")
    assert command == "marla run join rankings=data/rankings/ uservisits=data/uservisits/"
    execution = json.loads("".join(section(text, "The same from the console")))
    assert execution == document(capsys, "join")["example"]["execution"]

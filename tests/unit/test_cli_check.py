"""`marla run` with a job of the catalogue: what is refused before anything is uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marla import cli, pipelines, request
from marla.arguments import Grammar
from marla.check import check_job
from marla.errors import UsageError
from tests.unit.own_jobs import CHAIN_OF_TWO_INPUTS, TWO_INPUTS, own_jobs


def check(*arguments: str) -> None:
    check_job(request.from_options(Grammar().parse(["run", *arguments])))


@pytest.fixture
def catalogue_folder(tmp_path: Path) -> Iterator[Path]:
    with own_jobs(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["wordcount", "x", "--format", "whole", "--output", "text"],
        ["grep", "x", "--param", "pattern=a"],
        ["sort", "x", "--param", "field=2", "--partitions", "4", "--output", "raw"],
        ["top", "x", "--param", "k=3", "--partitions", "5"],
        ["url-frequency", "x", "--output", "jsonl", "--partitioning", "range"],
        ["join", "rankings=x", "uservisits=y", "--param", "until=1990-01-01", "--partitions", "3"],
        ["scan", "x", "--format", "jsonl"],
        ["terasort", "x", "--format", "fixed", "--record-bytes", "8", "--param", "characters=2"],
    ],
)
def test_what_the_stack_takes_is_taken(arguments: list[str]) -> None:
    check(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["uservisits", "x", "--param", "prefix=a"],
            '^--param prefix: got "a"; give a whole number .how many',
        ),
        (["uservisits", "x", "--param", "prefx=8"], "^--param prefx: this job has no such parameter; it tak"),
        (["grep", "x"], "^--param pattern: got nothing; give a text .a regular expression"),
        (["grep", "x", "--param", "pattern=["], r'^--param pattern: got "\["; give a regular expression'),
        (["top", "x", "--param", "k=0"], "^--param k: got 0; give at least 1"),
        (["top", "x", "--param", "n=3"], "^--param n: this job has no such parameter; it takes k, "),
        (["scan", "x", "--param", "rank=-1"], "^--param rank: got -1; give at least 0"),
        (["scan", "x", "--output", "text"], "^--output: got 'text'; give one of csv, jsonl, parquet"),
        (
            ["scan", "x", "--partitioning", "range"],
            "^--partitioning: got 'range'; a SQL job's partitions are",
        ),
        (["wordcount", "x", "--output", "parquet"], "^--output: got 'parquet'; give one of csv, jsonl, text"),
        (["wordcount", "x", "--format", "parquet"], "^--format: got parquet, which SQL jobs read"),
        (
            ["terasort", "x", "--format", "fixed", "--record-bytes", "0"],
            "^--record-bytes: got 0; give a whole",
        ),
    ],
)
def test_what_the_stack_would_refuse_is_refused_here(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(*arguments)


@pytest.mark.parametrize("job", ["top", "url-frequency"])
def test_the_output_of_a_chain_is_that_of_its_last_stage(job: str) -> None:
    check(job, "x", "--output", "text")
    with pytest.raises(UsageError, match=r"^--output: got 'parquet'; .* a Python job writes"):
        check(job, "x", "--output", "parquet")


def test_the_output_of_a_chain_that_ends_in_sql_is_what_sql_writes() -> None:
    check("join", "rankings=x", "uservisits=y", "--output", "parquet")
    with pytest.raises(UsageError, match=r"^--output: got 'text'; .* a SQL job writes"):
        check("join", "rankings=x", "uservisits=y", "--output", "text")


def test_a_parameter_is_called_as_the_chain_calls_it(
    catalogue_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (catalogue_folder / "chain.py").write_text(CHAIN_OF_TWO_INPUTS)
    monkeypatch.setattr(pipelines, "check", lambda name: None)
    inputs = ["left=x", "right=y"]
    check("chain", *inputs, "--param", "smallest=2", "--param", "letters=a")
    with pytest.raises(UsageError, match=r"^--param letters: got '1'; give letters"):
        check("chain", *inputs, "--param", "smallest=2", "--param", "letters=1")
    with pytest.raises(UsageError, match=r"^--param smallest: got 1; give at least 2"):
        check("chain", *inputs, "--param", "smallest=1", "--param", "letters=a")


def test_a_job_of_several_inputs_is_checked_with_their_names(catalogue_folder: Path) -> None:
    (catalogue_folder / "two.py").write_text(TWO_INPUTS)
    check("two", "left=x", "right=y", "--param", "least=2", "--param", "text=a")
    with pytest.raises(UsageError, match=r"^--param text: got nothing; give a text"):
        check("two", "left=x", "right=y", "--param", "least=2")


def test_a_job_that_the_local_cloud_cannot_have_is_refused_with_the_one_that_was_meant(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match=r"no 'wordcuont'; the jobs are .*; did you mean wordcount\?"):
        check("wordcuont", "x")
    with pytest.raises(UsageError, match="which is an input; give a job"):
        check(str(tmp_path), "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_module\n",
            r"ModuleNotFoundError: No module named 'no_such_module' .jobs/broken\.py li",
        ),
        ("from mapreduce import Job\n", r"jobs/broken\.py has to define one subclass of Job"),
        (
            "from mapreduce import Job\n\n\nclass Broken(Job):\n    map = reduce = print\n\n"
            "    def __init__(self, **params):\n        super().__init__(**params)\n        self.no_such\n",
            r"AttributeError: .*no_such",
        ),
    ],
)
def test_a_job_that_cannot_be_loaded_is_refused_with_the_reason(
    catalogue_folder: Path, text: str, message: str
) -> None:
    (catalogue_folder / "broken.py").write_text(text)
    with pytest.raises(UsageError, match=f"^JOB: broken.*{message}"):
        check("broken", "x")
    check("wordcount", "x")
    check("top", "x")


@pytest.mark.parametrize(
    ("job", "before", "after"),
    [
        ("top", '{"from": "params.k"}', "10"),
        ("top", "        top:\n", "        other:\n"),
        ("sort", '"sort", "partitioning": "range"', '"sort"'),
        ("wordcount", "        top:\n", '        wordcount:\n        - {"job": "x"}\n        top:\n'),
    ],
)
def test_a_table_of_chains_that_is_old_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str, before: str, after: str
) -> None:
    definition = pipelines.DEFINITION.read_text()
    assert before in definition
    old = tmp_path / "mapreduce.asl.yaml"
    old.write_text(definition.replace(before, after))
    monkeypatch.setattr(pipelines, "DEFINITION", old)
    with pytest.raises(UsageError, match=f"^JOB: the state machine does not know {job} .*`make pipelines`"):
        check(job, "x")
    check("scan", "x")


def test_a_table_without_any_chains_is_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, _, rest = pipelines.DEFINITION.read_text().partition(pipelines.BEGIN)
    _, end, after = rest.partition(pipelines.END)
    empty = tmp_path / "mapreduce.asl.yaml"
    empty.write_text(f"{before}{pipelines.BEGIN} {{}}\n{end}{after}")
    monkeypatch.setattr(pipelines, "DEFINITION", empty)
    check("wordcount", "x")
    with pytest.raises(UsageError, match="`make pipelines`"):
        check("sort", "x")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["top", "FILE", "--param", "k=0"], "marla: --param k: got 0; give at least 1"),
        (["join", "rankings=FILE"], "marla: INPUT: got nothing for uservisits"),
    ],
)
def test_nothing_is_started_for_a_job_that_is_refused(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(cli, "connect", lambda *_, **__: pytest.fail("the cloud is asked for"))
    (tmp_path / "data.txt").write_text("x\n")
    assert cli.main(["run", *(text.replace("FILE", f"{tmp_path}/data.txt") for text in arguments)]) == 2
    assert capsys.readouterr().err.startswith(said)


def test_a_stack_on_aws_may_have_other_parameters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class AskedForError(Exception):
        pass

    def connect(*_: object, **__: object) -> None:
        raise AskedForError

    monkeypatch.setattr(cli, "connect", connect)
    (tmp_path / "data.txt").write_text("x\n")
    arguments = ["run", "wordcount", str(tmp_path / "data.txt"), "--param", "new=1"]
    with pytest.raises(AskedForError):
        cli.main([*arguments, "--stack", "mine"])
    assert cli.main(arguments) == 2

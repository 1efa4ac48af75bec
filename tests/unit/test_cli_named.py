"""`marla run` over several inputs: INPUT arguments by the names that a job has for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marla import request
from marla.arguments import Grammar
from marla.errors import UsageError
from marla.inputs import Located
from tests.unit.own_jobs import CHAIN_OF_TWO_INPUTS, TWO_INPUTS, own_jobs


def asked(*arguments: str) -> request.Request:
    return request.from_options(Grammar().parse(["run", *arguments]))


@pytest.fixture(autouse=True)
def catalogue_folder(tmp_path: Path) -> Iterator[Path]:
    with own_jobs(tmp_path) as folder:
        (folder / "two.py").write_text(TWO_INPUTS)
        (folder / "chain.py").write_text(CHAIN_OF_TWO_INPUTS)
        yield folder


@pytest.mark.parametrize("job", ["two", "chain"])
def test_each_input_is_told_apart_by_its_name(job: str) -> None:
    found = asked(job, "right=s3://b/r/", "left=a=b.txt", "--param", "least=2", "right=more/*.csv")
    assert found.inputs == [("right", "s3://b/r/"), ("left", "a=b.txt"), ("right", "more/*.csv")]


def test_a_chain_in_sql_has_the_names_of_its_first_stage() -> None:
    found = asked("join", "uservisits=v", "rankings=r")
    assert found.inputs == [("uservisits", "v"), ("rankings", "r")]


def test_names_go_with_the_uris() -> None:
    located = [Located("right", "s3://b/r/"), Located("right", "s3://b/more/"), Located("left", "s3://b/l/")]
    assert asked("two", "right=r", "left=l").execution_input(located) == {
        "job": "two",
        "input": [
            {"uri": "s3://b/r/", "name": "right"},
            {"uri": "s3://b/more/", "name": "right"},
            {"uri": "s3://b/l/", "name": "left"},
        ],
    }


RULE = r"two reads left and right: give each as NAME=INPUT, such as left=data/left/$"


@pytest.mark.parametrize(
    ("operands", "message"),
    [
        ([], rf"^INPUT: got nothing for left and right; {RULE}"),
        (["left=x"], rf"^INPUT: got nothing for right; {RULE}"),
        (["left=x", "y"], rf"^INPUT: got 'y', which begins with no name of an input; {RULE}"),
        (["left=x", "rigth=y"], rf"^INPUT: got 'rigth=y', .*; did you mean right\?; {RULE}"),
        (["left=x", "right"], rf"^INPUT: got 'right', which begins with no name of an input; {RULE}"),
        (
            ["s3://b/left=x/", "right=y"],
            rf"^INPUT: got 's3://b/left=x/', which begins with no name.*; {RULE}",
        ),
    ],
)
def test_names_that_are_missing_or_unknown_are_told_with_those_that_there_are(
    operands: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        asked("two", *operands)


@pytest.mark.parametrize(
    "options", [["--format", "csv"], ["--header"], ["--delimiter", ";"], ["--record-bytes", "9"]]
)
def test_inputs_with_names_have_formats_of_their_own(options: list[str]) -> None:
    with pytest.raises(UsageError, match=f"^{options[0]}: each input of two has a format of its own; leave"):
        asked("two", "left=x", "right=y", *options)


@pytest.mark.parametrize("operand", ["a=b.txt", "left=x", "s3://b/day=1/"])
def test_where_a_job_has_no_names_for_inputs_an_equals_sign_is_part_of_a_path(operand: str) -> None:
    assert asked("wordcount", operand).inputs == [("", operand)]


def test_a_job_that_only_the_stack_has_may_have_any_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "day=1").touch()
    operands = ["left=x", "right=s3://b/r/", "s3://b/day=2/", "day=1", "day=*"]
    assert asked("elsewhere", *operands).inputs == [
        ("left", "x"),
        ("right", "s3://b/r/"),
        ("", "s3://b/day=2/"),
        ("", "day=1"),
        ("", "day=*"),
    ]


def test_a_job_that_cannot_be_loaded_is_left_to_the_check_of_jobs(catalogue_folder: Path) -> None:
    (catalogue_folder / "broken.py").write_text("import no_such_module\n")
    found: Any = asked("broken", "x", "--param", "a=1")
    assert (found.inputs, found.params) == ([("", "x")], {"a": 1})

"""What an execution may be called: one rule, in the same words in the console and on the command line."""

from __future__ import annotations

import pytest

from marla import naming
from marla.arguments import Grammar
from marla.local.api import NAME
from marla.web import starting

RUN = ["run", "wordcount", "s3://bucket/x/", "--name"]
GOOD = ["a.b+c-d_e", "täglich-日", "x" * 80, "...", "(1)=2@home!", "it's"]
BAD = ["a b", "a/b", "a:b", "<b>", 'a"b', "a\\b", "50%", "a\tb", "x" * 81, ".", ".."]


@pytest.mark.parametrize("name", GOOD)
def test_what_step_functions_takes_is_taken(name: str) -> None:
    assert Grammar().parse([*RUN, name]).name == name
    assert starting.problem_of_name(name) is None
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_is_refused_is_told_the_rule_in_the_same_words(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    problem = naming.problem(name)
    assert problem.startswith(f"got {name!r}; give up to 80 characters, without spaces,")
    assert starting.problem_of_name(name) == {"field": "name", "message": f"name: {problem}"}
    with pytest.raises(SystemExit):
        Grammar().parse([*RUN, name])
    assert f"--name: {problem}" in capsys.readouterr().err


def test_every_character_that_is_refused_is_named() -> None:
    characters = [chr(number) for number in range(0x21, 0x7F)]
    refused = {character for character in characters if not naming.is_name(character)} - {"."}
    listed = naming.problem("a b").partition("any of ")[2].partition(" ")[0]
    assert set(listed) == refused
    assert len(listed) == len(refused)


def test_no_name_is_one_that_is_made_up() -> None:
    assert Grammar().parse([*RUN, ""]).name == ""
    assert starting.problem_of_name(None) is None
    assert starting.problem_of_name({"a": 1}) is not None

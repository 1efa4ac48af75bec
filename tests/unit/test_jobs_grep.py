import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.grep import Grep
from mapreduce import InvalidParameter, run
from tests.unit.job_runs import Way, csv_rows, in_all_ways, json_rows, objects_of, text_lines
from tests.unit.pipeline import INPUT, run_on

LINES = [
    "the quick brown fox",
    "",
    "한글 Fox",
    "  a:b:12:fox  ",
    *(f"{number} {'fo' * (number % 4)}x {'z' * (number * 7919 % 53)}" for number in range(60)),
    "FOXES",
    "the end",
]
SEARCHES = [
    ({"pattern": "fox"}, ["-e", "fox"]),
    ({"pattern": "^[0-9]+ (fo){2}x"}, ["-E", "-e", "^[0-9]+ (fo){2}x"]),
    ({"pattern": "FOX", "ignore_case": True}, ["-i", "-e", "FOX"]),
    ({"pattern": "x", "invert": True}, ["-v", "-e", "x"]),
    ({"pattern": "X", "invert": True, "ignore_case": True}, ["-v", "-i", "-e", "X"]),
    ({"pattern": "^$"}, ["-e", "^$"]),
    ({"pattern": ""}, ["-e", ""]),
    ({"pattern": "no such line"}, ["-e", "no such line"]),
]


def gnu_grep(objects: dict[str, bytes], options: list[str], folder: Path) -> list[str]:
    """What `grep -bH` prints for the objects, with their URLs in place of their names."""
    for key, data in objects.items():
        path = folder / INPUT / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    names = [f"{INPUT}/{key}" for key in sorted(objects)]
    command = ["grep", "-a", "-b", "-H", *options, "--", *names]
    found = subprocess.run(
        command, cwd=folder, env=os.environ | {"LC_ALL": "C.UTF-8"}, capture_output=True, check=False
    )
    assert found.returncode in (0, 1), found.stderr
    return [f"s3://{line}" for line in text_lines(found.stdout)]


@in_all_ways
@pytest.mark.parametrize(("params", "options"), SEARCHES, ids=[" ".join(options) for _, options in SEARCHES])
def test_grep_prints_what_grep_prints(
    params: dict[str, Any], options: list[str], way: Way, tmp_path: Path
) -> None:
    objects = objects_of(LINES)
    outcome = run_on(objects, "grep", params=params, **way._asdict())
    expected = gnu_grep(objects, options, tmp_path)
    found = [text_lines(part) for part in outcome.parts]
    if way.partitions == 1:
        assert found == [expected]
    assert sorted(line for part in found for line in part) == sorted(expected)
    hits = [[line for line in expected if line.startswith(f"s3://{INPUT}/{key}:")] for key in sorted(objects)]
    for part in found:  # the hits of some objects, all of them, in order
        assert part == [line for of_object in hits if set(of_object) & set(part) for line in of_object]
    assert outcome.format == "txt"


def test_hits_of_an_object_stay_together() -> None:
    objects = {f"{number}.txt": b"yes\nno\n" * (number + 1) for number in range(8)}
    outcome = run_on(objects, "grep", params={"pattern": "yes"}, split_bytes=13, partitions=4)
    keys = [[line.split(":")[1] for line in text_lines(part)] for part in outcome.parts]
    assert sum(map(len, keys)) == sum(range(1, 9))
    assert sum(len(set(some)) for some in keys) == 8
    assert len([some for some in keys if some]) > 1


def test_the_order_is_that_of_inputs_before_that_of_objects() -> None:
    inputs = {"first": {"z": b"-\nx2", "b": b"x1\nx1"}, "second": {"a": b"x3\n"}}
    outcome = run_on(inputs, "grep", params={"pattern": "x"}, split_bytes=2)
    keys_and_lines = [line.removeprefix(f"s3://{INPUT}/") for line in text_lines(outcome.parts[0])]
    assert keys_and_lines == ["b:0:x1", "b:3:x1", "z:2:x2", "a:0:x3"]


@pytest.mark.parametrize("output", ["csv", "jsonl"])
def test_grep_has_columns_in_other_formats(output: str) -> None:
    part = run_on({"k": b'say "x", please\n'}, "grep", params={"pattern": "x"}, output=output).parts[0]
    if output == "csv":
        assert csv_rows(part) == [[f"s3://{INPUT}/k", "0", 'say "x", please']]
    else:
        assert json_rows(part) == [{"object": f"s3://{INPUT}/k", "offset": 0, "line": 'say "x", please'}]


def test_offsets_count_the_bytes_of_windows_line_ends() -> None:
    outcome = run_on(objects_of(["한", "x", "no", "x"], end="\r\n"), "grep", params={"pattern": "x$"})
    assert text_lines(outcome.parts[0]) == [f"s3://{INPUT}/한.txt:{offset}:x" for offset in (0, 7)]


@given(
    st.lists(st.text("abA ", max_size=5)), st.sampled_from(["a", "^b+$", "(a)(?=b)", "[^a]"]), st.booleans()
)
def test_grep_finds_what_re_finds(lines: list[str], pattern: str, invert: bool) -> None:
    expected = [
        (("s3:///", index), line)
        for index, line in enumerate(lines)
        if bool(re.search(pattern, line)) != invert
    ]
    assert list(run(Grep(pattern=pattern, invert=invert), lines)) == expected


@pytest.mark.parametrize(
    "params", [{"pattern": "x"}, {"pattern": "[x]"}, {"pattern": "X", "ignore_case": True}]
)
def test_a_line_that_does_not_match_is_searched_and_nothing_else(params: dict[str, Any]) -> None:
    class Untouchable(Grep):
        def map(self, record: str) -> Any:
            pytest.fail(f"mapped {record}")

    assert list(run(Untouchable(**params), ["a line", "another"])) == []
    assert len(list(run(Grep(**params), ["a line", "x", "axb"]))) == 2


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing ), unterminated subpattern at position 0"),
        ("a{99999999999999999999}", "the repetition number is too large"),
        ("*", "nothing to repeat"),
        ("(" * 5000 + ")" * 5000, "recursion"),
    ],
)
def test_a_wrong_pattern_says_why(pattern: str, reason: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        Grep(pattern=pattern)
    assert str(caught.value).startswith(f'params.pattern: got "{pattern}"; give a regular expression')
    assert reason in str(caught.value)


def test_grep_needs_a_pattern() -> None:
    with pytest.raises(InvalidParameter, match=r"params\.pattern: got nothing; give a text \(a regular expr"):
        Grep()

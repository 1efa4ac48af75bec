import os
import random
import re
import subprocess
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.sort import Sort, number
from jobs.terasort import TeraSort
from mapreduce import BadRecord, run
from tests.unit.job_runs import Way, in_all_ways, objects_of, text_lines
from tests.unit.pipeline import run_on


def words(count: int) -> list[str]:
    """Lines of three fields: a word, a number, and the line's own."""
    numbers = random.Random(3)
    starts = ["ab", "b", "ㄱ", "Z"]
    return [
        f"{numbers.choice(starts)}{numbers.randrange(9)} {numbers.randrange(-50, 50)}  row{row}"
        for row in range(count)
    ]


def written_numbers(count: int) -> list[str]:
    """Lines of a number, as people and programs write them, and the line's own."""
    numbers = random.Random(4)
    lines = []
    for row in range(count):
        digits = f"{numbers.randrange(400) / 8:{numbers.choice(['.3f', 'g', 'e'])}}"
        lines.append(f"{numbers.choice(['', '-', '+'])}{digits};{row}")
    return lines


WORDS = words(70)
ASCII = [line for line in WORDS if line.isascii()]  # sort counts bytes where we count characters
NUMBERS = written_numbers(70)

SORTS: list[tuple[list[str], dict[str, Any], list[str]]] = [
    (WORDS, {}, []),
    (WORDS, {"descending": True}, ["-r"]),
    (WORDS, {"characters": 1}, ["-k1.1,1.1"]),
    (ASCII, {"field": 1, "characters": 2}, ["-k1,1.2"]),
    (WORDS, {"field": 2, "numeric": True}, ["-k2,2", "-n"]),
    (WORDS, {"field": 3, "descending": True}, ["-b", "-k3,3", "-r"]),
    (WORDS, {"field": 2, "delimiter": "  "}, ["-t", "\t", "-k3,3", "-b"]),
    (NUMBERS, {"field": 1, "delimiter": ";", "numeric": True}, ["-t", ";", "-k1,1", "-g"]),
    (
        NUMBERS,
        {"field": 1, "delimiter": ";", "numeric": True, "descending": True},
        ["-t;", "-k1,1", "-g", "-r"],
    ),
    (NUMBERS, {"field": 2, "delimiter": ";"}, ["-t", ";", "-k2,2"]),
]
SORT_NAMES = [" ".join(options) or "plain" for _, _, options in SORTS]


def gnu_sort(lines: list[str], options: list[str]) -> list[str]:
    if options[:2] == ["-t", "\t"]:  # sort takes a delimiter of one byte
        lines = [line.replace("  ", "\t").replace(" ", "\t", 1) for line in lines]
        return [
            line.replace("\t", " ", 1).replace("\t", "  ") for line in gnu_sort(lines, ["-t\t", *options[2:]])
        ]
    text = "".join(line + "\n" for line in lines).encode()
    found = subprocess.run(
        ["sort", "-s", *options],
        input=text,
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    return text_lines(found.stdout)


@in_all_ways
@pytest.mark.parametrize(("lines", "params", "options"), SORTS, ids=SORT_NAMES)
def test_lines_are_sorted_as_sort_does(
    lines: list[str], params: dict[str, Any], options: list[str], way: Way
) -> None:
    outcome = run_on(objects_of(lines), "sort", params=params, **way._asdict())
    expected = gnu_sort(lines, options)
    parts = [text_lines(part) for part in outcome.parts]
    if way.partitions == 1:
        assert parts == [expected]
    # A part of the right order has the lines of equal keys in that order too.
    assert all(part == [line for line in expected if line in part] for part in parts)
    assert sorted(line for part in parts for line in part) == sorted(lines)


@pytest.mark.parametrize("partitions", [2, 5])
@pytest.mark.parametrize(("lines", "params", "options"), SORTS, ids=SORT_NAMES)
def test_result_objects_are_in_order_one_after_the_other(
    lines: list[str], params: dict[str, Any], options: list[str], partitions: int
) -> None:
    outcome = run_on(
        objects_of(lines),
        "sort",
        params=params,
        split_bytes=97,
        partitions=partitions,
        partitioning="range",
        fan_in=5,
    )
    expected = gnu_sort(lines, options)
    parts = [text_lines(part) for part in outcome.parts]
    together = [line for part in parts for line in part]

    def keys(some: list[str]) -> list[Any]:
        return [key for line in some for key, _ in Sort(**params).map(line)]

    # A key of several lines may be divided among result objects.
    assert keys(together) == keys(expected)
    assert sorted(together) == sorted(lines)
    assert all(part == [line for line in expected if line in part] for part in parts)
    assert all(parts)


@pytest.mark.parametrize(("lines", "params", "options"), SORTS, ids=SORT_NAMES)
def test_lines_are_sorted_in_memory_too(lines: list[str], params: dict[str, Any], options: list[str]) -> None:
    assert list(run(Sort(**params), lines)) == [(line, ()) for line in gnu_sort(lines, options)]


def test_lines_that_are_equal_are_all_there() -> None:
    lines = ["b", "", "a", "b", "", "b"]
    assert text_lines(run_on(objects_of(lines), "sort", split_bytes=3).parts[0]) == sorted(lines)
    assert [line for line, _ in run(Sort(characters=1), ["ab", "aa", "a", "ab"])] == ["ab", "aa", "a", "ab"]


def test_quoted_fields_are_read_as_csv() -> None:
    lines = ['"z, ""last""",1', "b,2", '"a",3', '5" pipe,4', '"open,5']
    keys = ['5" pipe', "a", "b", "open,5", 'z, "last"']
    order = [lines[3], lines[2], lines[1], lines[4], lines[0]]
    assert keys == sorted(keys)
    assert [line for line, _ in run(Sort(field=1, delimiter=","), lines)] == order


exact = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
near = st.sampled_from([2**53, 2**53 + 1, float(2**53), 2**53 - 1, 2**64, 2**64 + 1, float(2**64), -0.0, 0])


@given(st.lists(exact | near, max_size=12), st.booleans())
def test_numbers_are_compared_exactly(values: list[int | float], descending: bool) -> None:
    lines = [repr(value) for value in values]
    expected = sorted(values, key=Fraction, reverse=descending)
    found = run(Sort(numeric=True, descending=descending), lines)
    assert [line for line, _ in found] == [repr(value) for value in expected]


def test_large_numbers_keep_their_order_between_workers() -> None:
    values = [2**53 + 1, float(2**53), 2**53, 2**80 + 1, float(2**80), 10**400, -(10**400), 1e308, 0.1]
    lines = [repr(value) for value in values]
    outcome = run_on(objects_of(lines), "sort", params={"numeric": True}, split_bytes=5, fan_in=2)
    assert text_lines(outcome.parts[0]) == [repr(value) for value in sorted(values, key=Fraction)]


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), (" -1.5\t", -1.5), ("+2", 2), (".5", 0.5), ("5.", 5.0), ("1E3", 1000.0)]
)
def test_what_is_a_number(text: str, value: float) -> None:
    assert number(text) == value
    assert type(number(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "1x",
        "inf",
        "-Infinity",
        "nan",
        "1_000",
        "1,5",
        "0x10",
        "٣",
        "1e999",
        "9" * 5000,
        "-",
        ".",
    ],
)
def test_what_is_no_number_is_a_bad_record(text: str) -> None:
    with pytest.raises(BadRecord, match="number"):
        list(run(Sort(numeric=True), [text]))


def test_a_bad_record_names_its_place_and_may_be_set_aside() -> None:
    objects = {"a.txt": b"x 3\nx 1\nx y\nx\n"}
    params = {"field": 2, "numeric": True}
    with pytest.raises(BadRecord, match=r"a\.txt at byte 8: the key 'y' is no number"):
        run_on(objects, "sort", params=params)
    with pytest.raises(BadRecord, match=r"at byte 12: there is no field 2 in a line of 1"):
        run_on(objects, "sort", params=params, maxBadRecords=1)
    outcome = run_on(objects, "sort", params=params, maxBadRecords=2)
    assert outcome.parts == [b"x 1\nx 3\n"]


def test_a_sort_asks_for_ranges() -> None:
    assert (Sort.partitioning, Sort.splits_keys) == ("range", True)
    assert (TeraSort.partitioning, TeraSort.splits_keys) == ("range", True)


# terasort


def tera_records(count: int) -> list[bytes]:
    """Records of any bytes, newlines among them, some of which have the same key."""
    numbers = random.Random(5)
    return [
        numbers.choice([numbers.randbytes(10), b"\n" * 10, b"same\xff\x00\nkey"]) + numbers.randbytes(90)
        for _ in range(count)
    ]


@pytest.mark.parametrize("split_bytes", [37, 1999, 1 << 20])
def test_terasort_sorts_records_of_100_bytes(split_bytes: int) -> None:
    records = tera_records(60)
    objects = {"a": b"".join(records[:1]), "b": b"".join(records[1:7]), "c": b"".join(records[7:])}
    outcome = run_on(objects, "terasort", split_bytes=split_bytes, fan_in=5)
    expected = sorted(records, key=lambda record: record[:10])
    assert outcome.parts == [b"".join(expected)]
    assert [
        record.encode("latin-1") for record, _ in run(TeraSort(), [r.decode("latin-1") for r in records])
    ] == expected


def test_terasort_divides_a_key_that_most_records_have() -> None:
    numbers = random.Random(6)
    records = [b"many\n-many" + numbers.randbytes(90) for _ in range(90)] + tera_records(10)
    numbers.shuffle(records)
    outcome = run_on(
        {"a": b"".join(records[:3]), "b": b"".join(records[3:])},
        "terasort",
        split_bytes=1999,
        partitions=4,
        partitioning="range",
    )
    together = b"".join(outcome.parts)
    found = [together[start : start + 100] for start in range(0, len(together), 100)]
    assert sorted(found) == sorted(records)
    assert [record[:10] for record in found] == sorted(record[:10] for record in records)
    assert max(map(len, outcome.parts)) < len(together) / 2


def test_a_record_that_is_too_short_is_bad() -> None:
    with pytest.raises(BadRecord, match="at byte 100"):
        run_on({"a": b"x" * 199}, "terasort")


def test_terasort_is_sort_with_other_defaults() -> None:
    assert TeraSort().characters == 10
    assert not TeraSort().numeric
    assert re.search("100 bytes", str(TeraSort.__doc__))

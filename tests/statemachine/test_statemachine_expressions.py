"""The definition's JSONata by itself."""

import json
import re

import pytest

from marla.local.jsonata import JSON, QueryEvaluationError, evaluate
from tests.statemachine.machine import document, expressions, strings

KIB, MIB = 1024, 1024 * 1024


def problem_of(text: str) -> str:
    """Why Step Functions would refuse an expression; empty if it would not."""
    try:
        evaluate(text, {})
    except QueryEvaluationError as error:
        return str(error) if "is not valid" in str(error) else ""
    return ""


@pytest.mark.parametrize("path", expressions())
def test_every_expression_is_one_that_step_functions_accepts(path: str) -> None:
    assert problem_of(expressions()[path]) == ""


@pytest.mark.parametrize("text", ["$", "$$.a", "$eval('1')", "1 +", "$map([1], function($i) {$})"])
def test_an_expression_that_step_functions_refuses_is_noticed(text: str) -> None:
    assert problem_of(text) != ""


def test_whatever_looks_like_an_expression_begins_and_ends_as_one() -> None:
    for path, text in strings(document()):
        if path.endswith("Comment"):
            continue
        if "{%" in text or "%}" in text or re.search(r"\$\w", text):
            assert text.startswith("{%"), path
            assert text.endswith("%}"), path
            assert text.count("{%") == text.count("%}") == 1, path


def test_every_expression_of_the_definition_is_checked_here() -> None:
    written = [text[2:-2] for _, text in strings(document()) if text.startswith("{%")]
    assert sorted(expressions().values()) == sorted(written)


# ---- The cut ----


def cut(objects: list[tuple[str, int, bool]], split: int) -> list[list[tuple[str, int, int]]]:
    """The batches that a page of (key, size, whole) is cut into, as (key, start, end) of their pieces."""
    page = {
        "fits": True,
        "splitBytes": split,
        "objects": [{"key": key, "size": size, "whole": whole} for key, size, whole in objects],
    }
    wave = evaluate(
        expressions()["Cut into batches.Assign.wave"], {"page": page, "wave": [], "inputIndex": 3}
    )
    assert all(batch["input"] == 3 for batch in wave)
    return [[(p["key"], p["start"], p["end"]) for p in batch["pieces"]] for batch in wave]


def test_the_tape_is_cut_at_multiples_of_the_split_with_a_cost_before_each_object() -> None:
    # On the tape a lies at 256..1256 KiB and b at 1512..2512 KiB.
    batches = cut([("a", 1000 * KIB, False), ("b", 1000 * KIB, False)], MIB)
    assert batches == [
        [("a", 0, 768 * KIB)],
        [("a", 768 * KIB, 1000 * KIB), ("b", 0, 536 * KIB)],
        [("b", 536 * KIB, 1000 * KIB)],
    ]


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (1, [(0, 1)]),
        (768 * KIB - 1, [(0, 768 * KIB - 1)]),
        (768 * KIB, [(0, 768 * KIB)]),
        (768 * KIB + 1, [(0, 768 * KIB), (768 * KIB, 768 * KIB + 1)]),
        (1792 * KIB, [(0, 768 * KIB), (768 * KIB, 1792 * KIB)]),
    ],
)
def test_an_object_that_ends_at_a_cut_leaves_no_empty_piece(size: int, pieces: list[tuple[int, int]]) -> None:
    assert cut([("a", size, False)], MIB) == [[("a", start, end)] for start, end in pieces]


def test_a_whole_object_lies_in_the_batch_in_which_it_begins() -> None:
    batches = cut([("a", 512 * KIB, False), ("b.gz", 9 * MIB, True), ("c", 512 * KIB, False)], MIB)
    assert [("b.gz", 0, 9 * MIB)] in batches
    assert batches[0] == [("a", 0, 512 * KIB)]
    assert batches[-1][0][0] == "c"


def test_many_batches_keep_the_order_of_the_tape() -> None:
    batches = cut([("a", 30 * MIB, False)], MIB)
    assert [pieces[0][1] for pieces in batches] == sorted(pieces[0][1] for pieces in batches)
    assert len(batches) == 31


@pytest.mark.parametrize(
    ("fits", "objects"), [(True, []), (False, [{"key": "a", "size": 5, "whole": False}])]
)
def test_a_page_with_nothing_to_map_leaves_the_wave_as_it_was(fits: bool, objects: list[JSON]) -> None:
    page = {"fits": fits, "splitBytes": 1, "objects": objects}
    before = [{"input": 0, "pieces": [{"key": "x", "start": 0, "end": 1}]}]
    bindings = {"page": page, "wave": before, "inputIndex": 0}
    assert evaluate(expressions()["Cut into batches.Assign.wave"], bindings) == before


def test_a_page_is_added_to_the_wave() -> None:
    before = [{"input": 0, "pieces": [{"key": "x", "start": 0, "end": 1}]}]
    page = {"fits": True, "splitBytes": MIB, "objects": [{"key": "a", "size": 5, "whole": False}]}
    wave = evaluate(
        expressions()["Cut into batches.Assign.wave"], {"page": page, "wave": before, "inputIndex": 1}
    )
    assert wave == [*before, {"input": 1, "pieces": [{"key": "a", "start": 0, "end": 5}]}]


# ---- What fits a variable ----


def page_of(keys: list[str], size: int = 1) -> JSON:
    bindings = {
        "config": {
            "splitBytes": 64 * MIB,
            "inputs": [{"prefix": "", "open": True, "splittable": True}],
        },
        "inputIndex": 0,
        "states": {"result": {"Contents": [{"Key": key, "Size": size} for key in keys]}},
    }
    return evaluate(expressions()["List input.Assign.page"], bindings)


@pytest.mark.parametrize(
    ("keys", "fits"),
    [
        ([f"{number:060d}" for number in range(180)], True),
        ([f"{number:01024d}" for number in range(180)], False),
        ([f"{number:01024d}" for number in range(45)], True),
        (["한" * 341], True),
        (["한" * 341] * 180, False),
        (["\x01" * 1024], True),
        (['"' * 1024], True),
        (['"' * 300] * 180, False),
    ],
)
def test_a_page_fits_if_its_batches_leave_room_for_a_wave(keys: list[str], fits: bool) -> None:
    assert page_of(keys)["fits"] is fits


def test_split_bytes_grow_only_as_far_as_a_page_needs() -> None:
    assert page_of(["a"], size=1000 * 64 * MIB)["splitBytes"] == 64 * MIB
    assert page_of(["a"], size=2000 * 64 * MIB)["splitBytes"] == 128 * MIB


@pytest.mark.parametrize(
    ("batches", "key", "full"),
    [
        (1, "a", False),
        (999, "a", False),
        (1000, "a", True),
        (90, "k" * 1000, False),
        (100, "k" * 1000, True),
        (60, "한" * 300, False),
        (80, "한" * 300, True),
    ],
)
def test_a_wave_is_full_by_its_batches_or_its_bytes(batches: int, key: str, full: bool) -> None:
    wave = [{"input": 0, "pieces": [{"key": key, "start": 0, "end": 1}]}] * batches
    size = len(json.dumps(wave, ensure_ascii=False).encode())
    bindings = {"wave": wave, "inputIndex": 0, "config": {"inputs": [{}]}}
    go_on = evaluate(expressions()["Wave full?.Choices[1].Condition"], bindings)
    if full:
        assert not go_on
    elif key.isascii():  # what is not ASCII counts for more than it takes
        assert go_on
    assert not go_on or size < 100_000


# ---- The fan ----


@pytest.mark.parametrize(
    ("outputs", "partitions", "map_bytes", "fan_in", "fan"),
    [
        (1, 1, 0, None, 256),
        (200, 1, 200 * 1000, None, 256),  # small outputs: 256 at most
        (200, 1, 200 * MIB, None, 64),  # 64 MiB at most
        (100, 1, 100 * 1000 * MIB, None, 10),  # large ones: two steps, the square root
        (101, 1, 101 * 1000 * MIB, None, 11),
        (2, 1, 10**12, None, 2),
        (1000, 1000, 10**12, None, 500),  # 2,000 reducers
        (2000, 999, 10**12, None, 1000),
        (202, 1, 10**12, 2, 2),
        (202, 1, 10, 1000, 1000),
        (1000, 1000, 10**12, 2, 500),
    ],
)
def test_the_fan_is_as_asked_or_follows_from_sizes(
    outputs: int, partitions: int, map_bytes: int, fan_in: int | None, fan: int
) -> None:
    config = {"partitions": partitions} | ({"fanIn": fan_in} if fan_in else {})
    bindings = {"step": 0, "fan": 0, "outputs": outputs, "flow": {"bytes": map_bytes}, "config": config}
    assert evaluate(expressions()["Plan reduce step.Assign.fan"], bindings) == fan


def test_the_fan_stays_as_it_is_after_the_first_step() -> None:
    bindings = {
        "step": 1,
        "fan": 7,
        "outputs": 5,
        "flow": {"bytes": 1},
        "config": {"partitions": 1, "fanIn": 2},
    }
    assert evaluate(expressions()["Plan reduce step.Assign.fan"], bindings) == 7


# ---- The problems ----


@pytest.mark.parametrize(
    ("execution_input", "count"),
    [
        ({"job": "a", "input": "s3://bucket"}, 0),
        ({"job": "a", "input": ["s3://bucket"]}, 0),
        ({"job": "a", "input": [{"uri": "s3://bucket/a*"}]}, 0),
        ({"stages": [{"job": "a", "input": "s3://bucket"}]}, 0),
        ({"stages": [{"job": "a"}, {"job": "b"}], "input": "s3://bucket"}, 0),
        ({}, 2),
        ({"job": "a", "input": ["x", "y", "z"]}, 3),
        ({"stages": [{}, {}]}, 3),
        ([], 1),
        (None, 1),
    ],
)
def test_problems_are_a_list_of_texts(execution_input: JSON, count: int) -> None:
    literals = document()["States"]["Configure job"]["Assign"]
    bindings = {"limits": literals["limits"], "pipelines": literals["pipelines"]}
    states = {"states": {"input": execution_input}}
    found = evaluate(expressions()["Check input.Assign.problems"], bindings | states)
    assert len(found) == count
    assert all(isinstance(text, str) and "got" in text for text in found)

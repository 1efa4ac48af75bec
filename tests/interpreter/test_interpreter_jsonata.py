"""JSONata as Step Functions evaluates it."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marla.local.jsonata import JSON, QueryEvaluationError, evaluate

documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(documents)
def test_a_variable_comes_back_as_it_was_whatever_it_holds(value: JSON) -> None:
    assert evaluate("$x", {"x": value}) == value


@given(st.dictionaries(st.text(), documents))
def test_a_variable_is_never_changed(value: dict[str, JSON]) -> None:
    before = copy.deepcopy(value)
    evaluate("[$append([$x], 1), $merge([{'a': $x}]), [{'a': $x}] ~> |a|{'b': 1}|]", {"x": value})
    assert value == before


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("$x.a", None),
        ("$x.list[0]", None),
        ("$x.a = null", True),
        ("$exists($x.a)", True),
        ("$exists($x.b)", False),
        ("$map($x.list, function($i) {$i = null})", [True, False]),
        ("$type($x.a)", "null"),
    ],
)
def test_null_is_not_undefined(expression: str, result: JSON) -> None:
    assert evaluate(expression, {"x": {"a": None, "list": [None, 1]}}) == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("$partition([1..5], 2)", [[1, 2], [3, 4], [5]]),
        ("$range(0, 10, 3)", [0, 3, 6, 9]),
        ("$range(0, 9, 3)", [0, 3, 6, 9]),
        ("$range(3, 0, -1)", [3, 2, 1, 0]),
        ("$hash('a', 'MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$hash('a', 'SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("$parse('{\"a\": [null, 1.0]}').a", [None, 1]),
        ("$random(7) = $random(7)", True),
        ("$random() < 1", True),
        ("$length($uuid())", 36),
    ],
)
def test_the_functions_of_aws_are_there(expression: str, result: JSON) -> None:
    assert evaluate(expression, {}) == result


@pytest.mark.parametrize(
    ("expression", "result"), [("7 / 2 * 2", 7), ("$sum([1.5, 2.5])", 4), ("$ceil(7 / 2)", 4)]
)
def test_a_number_without_a_fraction_is_an_integer(expression: str, result: int) -> None:
    value = evaluate(expression, {})
    assert value == result
    assert isinstance(value, int)


@pytest.mark.parametrize(
    "expression",
    [
        "$x.a[b = 2].c",
        "$x.a.b.%.c",
        "$x.a^(>b).c",
        "$x.a{$string(b): c}",
        "$x.a#$i.{'i': $i, 'c': c}",
        "$map($x.a, function($x) {$x.c})",
        "($y := $x; $y.a.c)",
        "$x.*.c",
        "$x.**.c",
        "$x.a.{'c': c, 'd': $x.d}",
        "$x.a[$x.d = 3][0].c",
        "$lookup($x, 'a').c",
        "$x ~> |a|{'e': 1}|",
    ],
)
def test_an_expression_sees_all_that_it_reads_of_a_variable(expression: str) -> None:
    x = {"a": [{"b": 1, "c": "one"}, {"b": 2, "c": "two"}], "d": 3}
    # A wildcard elsewhere in the expression makes it read the variable whole.
    assert evaluate(expression, {"x": x}) == evaluate(f"($whole := $x; {expression})", {"x": x})


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("$nothing", "returned nothing (undefined)"),
        ("1 +", "is not valid"),
        ("1 / 0", "failed"),
        ("$missing(1)", "failed"),
        ("function($i) {$i}", "a function, which is not JSON"),
        ("/a/", "a regular expression, which is not JSON"),
        ("$error('no luck')", "no luck"),
        ("($deep := function($n) {1 + $deep($n)}; $deep(1))", "recursion"),
        ("$hash('a', 'CRC')", "$hash takes one of MD5"),
        ("$range(1, 2, 0)", "other than 0"),
        ("$eval('1')", "use $parse"),
        ("$.a", "use $states.input"),
        ("$$.a", "use $states.input"),
    ],
)
def test_a_failure_names_the_expression_and_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(QueryEvaluationError) as failure:
        evaluate(expression, {})
    assert expression in str(failure.value)
    assert reason in str(failure.value)


def test_a_long_expression_is_shortened_in_the_message() -> None:
    with pytest.raises(QueryEvaluationError) as failure:
        evaluate("$nothing" + " + 1" * 1000, {})
    assert len(str(failure.value)) < 250


def test_threads_do_not_disturb_each_other() -> None:
    def count(number: int) -> JSON:
        return evaluate(
            "$reduce([1..$n], function($sum, $i) {$sum + $i * $factor}, 0)", {"n": 20, "factor": number}
        )

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(count, range(200))) == [210 * number for number in range(200)]


def test_the_clock_moves_between_evaluations_of_one_expression() -> None:
    first = evaluate("$millis()", {})
    evaluate("1", {})
    later = first
    while later == first:
        later = evaluate("$millis()", {})
    assert later > first


def test_string_leaves_characters_beyond_ascii_as_they_are() -> None:
    assert evaluate("$string([$key])", {"key": "가"}) == '["가"]'
    assert evaluate("$length($string({'k': $key}))", {"key": "가"}) == 9

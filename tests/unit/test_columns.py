import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce import columns

texts = st.text(st.characters(exclude_categories=[]), max_size=5)  # lone surrogates too
integers = st.integers() | st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | texts | integers | floats,
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=3),
    max_leaves=4,
)


def through(column: list[Any]) -> list[Any]:
    return list(columns.decode(*columns.encode(column)))


@given(
    st.lists(texts, min_size=1)
    | st.lists(integers, min_size=1)
    | st.lists(floats, min_size=1)
    | st.lists(values, min_size=1)
)
def test_values_come_back_as_json_would_give_them_back(column: list[Any]) -> None:
    assert repr(through(column)) == repr(json.loads(json.dumps(column)))


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["a", "", "한", "\ud800"], "text"),
        ([""], "text"),
        (["", ""], "text"),
        (["a\n", "b"], "json"),
        (["\r\u2028"], "text"),
        ([1.5, -0.0, 5e-324, 1e308, 1.0], "float"),
        ([1e308] * 3, "float"),
        ([0, -(2**63), 2**63 - 1], "int"),
        ([1, 2**63], "json"),
        ([1, 1.0], "json"),
        ([True, False], "json"),
        ([1, True], "json"),
        ([None], "json"),
        ([["a"], []], "json"),
        (["a", None], "json"),
    ],
)
def test_columns_of_one_simple_type_are_packed(column: list[Any], kind: str) -> None:
    assert columns.encode(column)[0] == kind
    assert repr(through(column)) == repr(column)


def test_subclasses_come_back_as_json_has_them() -> None:
    class Name(str):
        __slots__ = ()

    class Count(int):
        pass

    assert repr(through([Name("a"), Name("b")])) == "['a', 'b']"
    assert repr(through([Count(1)])) == "[1]"
    assert repr(through([(1, ("a",))])) == "[[1, ['a']]]"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {1}, b"bytes", object()])
@pytest.mark.parametrize("others", [[], [1.5], ["a"], [1]])
def test_what_json_cannot_say_is_an_error(value: Any, others: list[Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        columns.encode([*others, value])


@pytest.mark.parametrize(
    ("kind", "data"),
    [("float", b"1234567"), ("int", b"123456789"), ("json", b"["), ("text", b"\xff"), ("", b"")],
)
def test_what_is_no_column_is_an_error(kind: Any, data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        columns.decode(kind, data)

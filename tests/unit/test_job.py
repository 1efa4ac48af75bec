from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from mapreduce import Job, parameter, required, run
from mapreduce.errors import BadKey, BadResult, InvalidParameter
from tests.unit.sample_jobs import Collect, Fussy, Shouted, Spread, Total

PAIRS = [["b", 1], ["a", 2], ["b", 3], ["b", 4], ["c", 5]]


# Parameters


def test_a_parameter_has_its_default_unless_given() -> None:
    job = Shouted(times=3, mark="?")
    assert (job.times, job.scale, job.mark, job.loud) == (3, 1.5, "?", True)


def test_a_number_with_a_fraction_may_be_given_as_a_whole_one() -> None:
    assert Shouted(scale=2).scale == 2


def test_parameters_of_a_base_class_are_parameters_too() -> None:
    class Louder(Shouted):
        marks: int = parameter(2, "how many")

    assert list(Louder.parameters()) == ["times", "scale", "mark", "loud", "marks"]
    assert Louder(times=5, marks=6).times == 5


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"time": 1}, "params.time: this job has no such parameter; it takes times, scale, mark, loud"),
        ({"times": "3"}, r'params.times: got "3"; give a whole number \(how often\)'),
        ({"times": 1.0}, "params.times: got 1.0; give a whole number"),
        ({"times": True}, "params.times: got true; give a whole number"),
        ({"times": None}, "params.times: got null; give a whole number"),
        ({"times": 0}, r"params.times: got 0; give at least 1 \(how often\)"),
        ({"scale": "big"}, 'params.scale: got "big"; give a number'),
        ({"scale": True}, "params.scale: got true; give a number"),
        ({"mark": 1}, "params.mark: got 1; give a text"),
        ({"loud": 1}, "params.loud: got 1; give true or false"),
        ({"mark": ["!"]}, r'params.mark: got \["!"\]; give a text'),
    ],
)
def test_a_wrong_parameter_names_itself_its_value_and_what_it_takes(
    params: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Shouted(**params)


def test_a_job_without_parameters_says_so() -> None:
    with pytest.raises(
        InvalidParameter, match=r"params.times: this job has no such parameter; it takes none"
    ):
        Fussy(times=1)


def test_only_a_job_with_a_combine_combines() -> None:
    assert Total().combines
    assert not Collect().combines


# A job in memory


def test_run_gives_rows_in_the_order_of_keys() -> None:
    assert list(run(Total(), PAIRS)) == [("a", 2), ("b", 8), ("c", 5)]


def test_run_keeps_the_order_of_a_keys_values() -> None:
    assert list(run(Collect(), PAIRS)) == [("a", [2]), ("b", [1, 3, 4]), ("c", [5])]


def test_run_hands_values_to_reduce_as_json_gives_them_back() -> None:
    assert list(run(Spread(), [["a", 1]])) == [("a", (1, 1))]

    class Seen(Collect):
        def map(self, record: Any) -> Any:
            yield "key", (1, {2: ()})

    assert list(run(Seen(), [0])) == [("key", [[1, {"2": []}]])]


def test_run_combines_what_was_combined() -> None:
    class Depth(Total):
        def combine(self, key: Any, values: list[int]) -> int:
            return max(values) + 1

        def reduce(self, key: Any, values: Any) -> Any:
            yield key, list(values)

    assert list(run(Depth(), [["a", 0], ["a", 0], ["a", 0]])) == [("a", [2])]


def test_run_shows_combine_both_kinds_of_values_that_workers_do() -> None:
    kinds = []

    class Watched(Spread):
        def combine(self, key: Any, values: list[Any]) -> Any:
            kinds.append({type(value) for value in values})
            return super().combine(key, values)

    assert list(run(Watched(), [["a", 1], ["a", 2], ["a", 3]])) == [("a", (1, 3))]
    # Of the mapper's own pairs, then of other workers' outputs, then Spread's reduce.
    assert kinds == [{tuple}, {tuple}, {list}, {list}]


def test_run_refuses_a_key_that_a_worker_would_refuse() -> None:
    with pytest.raises(BadKey):
        list(run(Collect(), [[None, 1]]))
    with pytest.raises(BadKey, match="of one kind"):
        list(run(Collect(), [["a", 1], [1, 1]]))


def test_a_job_must_say_how_to_map_and_to_reduce() -> None:
    with pytest.raises(NotImplementedError):
        list(run(Job(), ["line"]))


class Triples(Job):
    """A reduce that yields rows of three fields, which is one too many for a pair."""

    def map(self, record: str) -> Iterator[tuple[str, int]]:
        yield record, 1

    def reduce(self, key: str, values: Iterable[int]) -> Iterator[Any]:
        yield key, 1, 2


def test_run_refuses_what_is_no_pair_as_workers_do() -> None:
    with pytest.raises(BadResult, match=r"reduce yielded \('a', 1, 2\).*yield key, value"):
        list(run(Triples(), ["a"]))


# Required parameters, groups, inputs, places


class Needy(Fussy):
    pattern: str = required(str, "what to look for")
    most: int = required(int, "how many", minimum=1)


def test_a_required_parameter_has_to_be_given() -> None:
    assert (Needy(pattern="", most=1).pattern, Needy(pattern="x", most=2).most) == ("", 2)
    with pytest.raises(
        InvalidParameter, match=r"params.pattern: got nothing; give a text \(what to look for\)"
    ):
        Needy(most=1)
    with pytest.raises(InvalidParameter, match=r"params\.most: got 0; give at least 1"):
        Needy(pattern="x", most=0)


class ByFirst(Collect):
    group_fields = 1


class ByTwo(Collect):
    group_fields = 2


def test_values_of_a_group_come_in_the_order_of_whole_keys() -> None:
    records = [[["b", 2], "x"], [["a", 3], "y"], [["a", 1], "z"], [["a", 1], "w"]]
    assert list(run(ByFirst(), records)) == [("a", ["z", "w", "y"]), ("b", ["x"])]
    assert list(run(ByTwo(), [[[*key, 0], value] for key, value in records])) == [
        (("a", 1), ["z", "w"]),
        (("a", 3), ["y"]),
        (("b", 2), ["x"]),
    ]


@pytest.mark.parametrize("key", ["a", 1, ["a"]])
def test_a_key_needs_more_fields_than_its_group(key: Any) -> None:
    with pytest.raises(BadKey, match="ByFirst groups by 1 of a key's fields"):
        list(run(ByFirst(), [[key, 1]]))


def test_keys_may_be_in_descending_order() -> None:
    class Falling(Collect):
        descending = True

    assert [key for key, _ in run(Falling(), PAIRS)] == ["c", "b", "a"]


def test_a_job_of_several_inputs_knows_which_a_record_is_of() -> None:
    class Tagged(Job):
        def map(self, record: str) -> Iterator[tuple[str, Any]]:
            yield record, (self.place.input, self.place.number, self.place.offset)

        def reduce(self, key: str, values: Iterable[Any]) -> Iterator[tuple[str, Any]]:
            yield key, list(values)

    assert list(run(Tagged(), {"left": ["a", "b"], "right": ["b"]})) == [
        ("a", [["left", 0, 0]]),
        ("b", [["left", 0, 1], ["right", 1, 0]]),
    ]

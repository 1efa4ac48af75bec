"""What a job is: the class that users write, its parameters, and how to try it in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from .errors import BadResult, InvalidParameter
from .formats import Format, Text
from .keys import check_key, sort_keys

NO_PAIR = "something that is no pair; yield key, value (a row of several fields is key, (a, b))"

Key = Any  # a string, a number, or a tuple of them
Value = Any  # anything that JSON can say
Pair = tuple[Key, Value]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A job's parameter: its default, which also gives its type, and one line of help."""

    default: Any
    help: str
    minimum: float | None = None


def parameter(default: Any, help: str, minimum: float | None = None) -> Any:
    """Declare a parameter in a job's class body; in the instance it is the value.

    >>> class Count(Job):
    ...     prefix: int = parameter(8, "how many characters", minimum=1)
    """
    return Parameter(default, help, minimum)


class Job:
    """A MapReduce job over (key, value) pairs, after Dean and Ghemawat 2004.

    A subclass has `map` and `reduce`, perhaps `combine`, as generators of pairs. Keys are strings, numbers or
    tuples of them, mutually comparable within a job; values are anything that JSON can say, and reach reduce
    as JSON gives them back (a tuple as a list). So they reach combine, except in the mapper they come from.

    Class attributes:
        format: what input objects hold, unless the execution's input says otherwise.
        output: "csv" or "jsonl"; None chooses csv if the first row is flat, jsonl otherwise.
        columns: names for the fields of a result row (key's, then value's), for people and for jsonl.
    """

    format: ClassVar[Format] = Text()
    output: ClassVar[Literal["csv", "jsonl"] | None] = None
    columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **params: Any) -> None:
        """Set the parameters. Raises InvalidParameter, naming parameter, value and what it takes."""
        for name, value in arguments_for(self.parameters(), params).items():
            setattr(self, name, value)

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Return the declared parameters by name, base classes' first."""
        return {
            name: value
            for base in reversed(cls.__mro__)
            for name, value in vars(base).items()
            if isinstance(value, Parameter)
        }

    @property
    def combines(self) -> bool:
        """Whether the job has a combine."""
        return type(self).combine is not Job.combine

    def map(self, record: Any) -> Iterable[Pair]:
        """Yield pairs for one record of the input. May raise BadRecord, or anything, if it cannot read it."""
        raise NotImplementedError

    def combine(self, key: Key, values: list[Value]) -> Value:
        """Return one value that stands for some values of a key.

        Must be associative, for it is applied to its own results too. Its result must mean to `reduce` what
        the values meant.
        """
        raise NotImplementedError

    def reduce(self, key: Key, values: Iterable[Value]) -> Iterable[Pair]:
        """Yield result rows for a key and all of its values; called once a key, in the order of keys."""
        raise NotImplementedError


def arguments_for(declared: Mapping[str, Parameter], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each declared parameter: the one given, or its default. Raises InvalidParameter."""
    for name, value in params.items():
        if name not in declared:
            takes = f"it takes {', '.join(declared)}" if declared else "it takes none"
            raise InvalidParameter(f"params.{name}: this job has no such parameter; {takes}")
        _check_parameter(name, value, declared[name])
    return {name: params.get(name, spec.default) for name, spec in declared.items()}


def _check_parameter(name: str, value: Any, spec: Parameter) -> None:
    wanted = type(spec.default)
    accepted = (int, float) if wanted is float else (wanted,)
    if type(value) not in accepted:
        raise InvalidParameter(
            f"params.{name}: got {json.dumps(value)}; give a {wanted.__name__} ({spec.help})"
        )
    if spec.minimum is not None and value < spec.minimum:
        raise InvalidParameter(f"params.{name}: got {value}; give at least {spec.minimum} ({spec.help})")


def run(job: Job, records: Iterable[Any]) -> Iterator[Pair]:
    """Apply a job in memory, for unit tests: yield its result rows in the order of keys.

    Combine (if there is one) is applied to halves of a key's values, as map yielded them, and then to the
    halves' results. What it gets then, and what reduce gets, went through JSON, as it does between workers.
    """
    groups: dict[Key, list[Value]] = {}
    for record in records:
        for key, value in _pairs("map", job.map(record)):
            check_key(key)
            groups.setdefault(key, []).append(value)
    for key in sort_keys(groups):
        values = groups[key]
        if job.combines and len(values) > 1:
            middle = len(values) // 2
            halves = [job.combine(key, values[:middle]), job.combine(key, values[middle:])]
            values = [job.combine(key, _through_json(halves))]
        yield from _pairs("reduce", job.reduce(key, iter(_through_json(values))))


def _pairs(method: str, yielded: Iterable[Pair]) -> Iterator[Pair]:
    for pair in yielded:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise BadResult(f"{method} yielded {pair!r}, {NO_PAIR}")
        yield pair


def _through_json(values: list[Value]) -> list[Value]:
    through: list[Value] = json.loads(json.dumps(values, allow_nan=False))
    return through

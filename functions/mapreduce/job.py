"""What a job is: the class that users write, and its parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from .errors import BadKey, InvalidParameter, in_words
from .formats import Format, Text
from .place import Place

NO_PAIR = "something that is no pair; yield key, value (a row of several fields is key, (a, b))"

Key = Any  # a string, a number, or a tuple of them
Value = Any  # anything that JSON can say
Pair = tuple[Key, Value]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A job's parameter: its type, one line of help, and its default unless it is required."""

    type: type
    default: Any
    help: str
    minimum: float | None = None
    required: bool = False


def parameter(default: Any, help: str, minimum: float | None = None) -> Any:
    """Declare a parameter in a job's class body; in the instance it is the value. The default gives its type.

    >>> class Count(Job):
    ...     prefix: int = parameter(8, "how many characters", minimum=1)
    """
    return Parameter(type(default), default, help, minimum)


def required(type: type, help: str, minimum: float | None = None) -> Any:
    """Declare a parameter that has no default."""
    return Parameter(type, None, help, minimum, required=True)


class Job:
    """A MapReduce job over (key, value) pairs, after Dean and Ghemawat 2004.

    A subclass has `map` and `reduce`, perhaps `combine`, as generators of pairs. Keys are strings, numbers or
    tuples of them, mutually comparable within a job; values are anything that JSON can say, and reach reduce
    as JSON gives them back (a tuple as a list). So they reach combine, except in the mapper they come from.

    Class attributes:
        format: what input objects hold, unless the execution's input says otherwise.
        inputs: for a job over several inputs, their names, and what each one's objects hold. `map` then asks
            `self.place.input` which it is.
        output: "csv", "jsonl", "text" (a line for each row), or "raw" (nothing but the rows' characters, each
            a byte); None chooses csv if the first row is flat, jsonl otherwise.
        columns: names for the fields of a result row (key's, then value's), for people and for jsonl.
        separator: what is between the fields of a row in text.
        group_fields: if not 0, keys are tuples, and `reduce` is called once for each that differ in their
            first so many fields, with the values in the order of the whole keys (a secondary sort). Its key
            is these fields: a tuple, or the field itself where it is one.
        descending: whether keys are in descending order. A parameter of this name says it for an instance.
        partitioning: "hash", or "range" if the result objects are to be in order one after the other, unless
            the execution's input says otherwise.
        splits_keys: whether, with ranges, the values of a key that is too frequent for one partition may go
            to several that follow each other.
        example: values of parameters for the example that `marla jobs` shows; at least of required ones.
        accepts: if set, `map` gets only the records for which it is true. A function in C, as a pattern's
            `search` is, takes a fraction of the time that a look in `map` does.
        place: where the record that is being mapped comes from.
    """

    format: ClassVar[Format] = Text()
    inputs: ClassVar[Mapping[str, Format]] = {}
    output: ClassVar[Literal["csv", "jsonl", "text", "raw"] | None] = None
    columns: ClassVar[tuple[str, ...]] = ()
    separator: ClassVar[str] = "\t"
    group_fields: ClassVar[int] = 0
    descending: bool = False
    partitioning: ClassVar[Literal["hash", "range"]] = "hash"
    splits_keys: ClassVar[bool] = False
    example: ClassVar[Mapping[str, Any]] = {}
    accepts: Callable[[Any], Any] | None = None
    place: Place

    def __init__(self, **params: Any) -> None:
        """Set the parameters. Raises InvalidParameter, naming parameter, value and what it takes."""
        for name, value in arguments_for(self.parameters(), params).items():
            setattr(self, name, value)
        self.place = Place()

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

    def group_of(self, key: Key) -> Key:
        """Return the key that `reduce` gets. Raises BadKey if the job groups by fields that it has not."""
        if not self.group_fields:
            return key
        if type(key) is not tuple or len(key) <= self.group_fields:
            raise BadKey(
                f"key {key!r}: {type(self).__name__} groups by {self.group_fields} of a key's fields "
                "(group_fields), so its keys are tuples of more"
            )
        return key[0] if self.group_fields == 1 else key[: self.group_fields]

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
    for name, spec in declared.items():
        if spec.required and name not in params:
            raise InvalidParameter(f"params.{name}: got nothing; give {in_words(spec.type)} ({spec.help})")
    return {name: params.get(name, spec.default) for name, spec in declared.items()}


def _check_parameter(name: str, value: Any, spec: Parameter) -> None:
    accepted = (int, float) if spec.type is float else (spec.type,)
    if type(value) not in accepted:
        raise InvalidParameter(
            f"params.{name}: got {json.dumps(value)}; give {in_words(spec.type)} ({spec.help})"
        )
    if spec.minimum is not None and value < spec.minimum:
        raise InvalidParameter(f"params.{name}: got {value}; give at least {spec.minimum} ({spec.help})")

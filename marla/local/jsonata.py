"""JSONata as AWS Step Functions evaluates it.

jsonata-python does the work; this module adds what Step Functions adds ($partition, $range, $hash, $random,
$uuid, $parse), refuses what it refuses ($eval, and the input document, `$` and `$$`), and keeps null apart
from undefined.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import copy
import hashlib
import json
import random
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from jsonata import Jsonata, functions, utils

# What json.loads returns. Not spelled out: a recursive type would need a cast at each use.
JSON: TypeAlias = Any

NULL = utils.Utils.NULL_VALUE  # jsonata-python's null; its None is "undefined"
ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
REFUSED = {
    "": "the input document $ is not available in Step Functions; use $states.input",
    "$": "the input document $$ is not available in Step Functions; use $states.input",
    "eval": "the function $eval is not available in Step Functions; use $parse",
}
# A step with one of these looks at more of its value than the names that follow it.
LOOKS_AROUND = ("stages", "predicate", "group", "focus", "index", "tuple", "ancestor")
EXACT_FLOATS = 2**53  # integers up to here survive a round trip through a double


class _Encoder(functions.Functions.Encoder):  # type: ignore[misc]
    """Writes JSON as $string should: as JSON.stringify, which leaves characters beyond ASCII as they are.

    jsonata-python (0.7.1) escapes them, so that a text has another length here than on AWS.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"ensure_ascii": False})


functions.Functions.Encoder = _Encoder

# Which parts of a variable an expression reads: names to follow, or None for the whole value.
Parts: TypeAlias = "dict[str, Parts] | None"


class QueryEvaluationError(Exception):
    """A JSONata expression failed, or had no result; the message says which and why."""

    def __init__(self, expression: str, reason: str) -> None:
        text = " ".join(expression.split())
        shown = text if len(text) <= 120 else f"{text[:80]} … {text[-36:]}"
        super().__init__(f"The JSONata expression '{shown}' {reason}")


@dataclass(frozen=True)
class Compiled:
    """A parsed expression and the parts of its variables that it can read."""

    program: Any
    reads: dict[str, Parts]


def evaluate(expression: str, bindings: Mapping[str, JSON]) -> JSON:
    """Evaluate one expression, without its {% %}, over variables named without their $.

    The variables are bound, never written into the text, and never changed. Numbers without a fraction come
    back as int. Raises QueryEvaluationError if the expression fails or its result is undefined.
    """
    try:
        compiled = _compile(expression)
    except QueryEvaluationError:
        raise
    except Exception as error:  # the parser raises IndexError, TypeError … for malformed text
        raise QueryEvaluationError(expression, f"is not valid: {error}") from error
    bound = {
        name: _bound(bindings[name], parts) for name, parts in compiled.reads.items() if name in bindings
    }
    # jsonata-python keeps the running expression in a thread-local and its clock in that: give it our own.
    program = copy.copy(compiled.program)
    Jsonata.CURRENT.jsonata = program
    try:
        result = program.evaluate(None, bound)
        if result is not None:
            return _plain(result)
    except Exception as error:  # besides its own, ZeroDivisionError, TypeError … escape from jsonata-python
        raise QueryEvaluationError(expression, f"failed: {error}") from error
    raise QueryEvaluationError(expression, "returned nothing (undefined).")


@lru_cache(maxsize=4096)
def _compile(expression: str) -> Compiled:
    program = Jsonata.jsonata(expression)
    reads = _reads(program.ast)
    for name, reason in REFUSED.items():
        if name in reads:
            raise QueryEvaluationError(expression, f"is not valid: {reason}")
    program.set_output_convert_nulls(False)
    program.set_validate_input(False)
    for name, function in FUNCTIONS.items():
        program.register_lambda(name, function)
    return Compiled(program, reads)


def _reads(ast: Any) -> dict[str, Parts]:
    """The variables in a syntax tree, each with the parts of it that are read.

    A Map's ItemSelector is evaluated for each of thousands of items beside variables of up to 256 KiB, so
    copying only what is read is what makes it fast.
    """
    symbols = list(_symbols(ast, set()))
    reads: dict[str, Parts] = {}
    followed = set()
    if not any(symbol.type == "parent" for symbol in symbols):  # % climbs out of what a path names
        for symbol in symbols:
            steps = symbol.steps if symbol.type == "path" else []
            if steps and steps[0].type == "variable" and not _looks_around(steps[0]):
                followed.add(id(steps[0]))
                _follow(reads, [str(steps[0].value), *_names(steps[1:])])
    for symbol in symbols:
        if symbol.type == "variable" and id(symbol) not in followed:
            reads[str(symbol.value)] = None
    return reads


def _symbols(node: Any, seen: set[int]) -> Iterator[Any]:
    """All symbols below a node of the syntax tree, which is a graph of objects and lists."""
    if isinstance(node, list | tuple):
        for child in node:
            yield from _symbols(child, seen)
    elif hasattr(node, "nud") and id(node) not in seen:
        seen.add(id(node))
        if hasattr(node, "type"):
            yield node
        for name, child in vars(node).items():
            if name != "_outer_instance":  # the parser
                yield from _symbols(child, seen)


def _looks_around(step: Any) -> bool:
    return any(getattr(step, attribute, None) for attribute in LOOKS_AROUND)


def _names(steps: list[Any]) -> Iterator[str]:
    """The leading steps of a path that are nothing but names."""
    for step in steps:
        if step.type != "name":
            return
        yield str(step.value)
        if _looks_around(step):
            return


def _follow(reads: dict[str, Parts], path: list[str]) -> None:
    """Add a path to the tree of parts; the last name on it is read whole."""
    *outer, last = path
    for name in outer:
        inner = reads.setdefault(name, {})
        if inner is None:  # already read whole
            return
        reads = inner
    reads[last] = None


def _bound(value: JSON, parts: Parts) -> Any:
    """Copy the parts of a value that are read, with null for None."""
    if parts is not None and isinstance(value, dict):
        return {name: _bound(value[name], inner) for name, inner in parts.items() if name in value}
    if isinstance(value, dict):
        return {name: _bound(inner, None) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        # A path over a list goes into each of its items.
        return [_bound(inner, parts) for inner in value]
    return NULL if value is None else value


def _plain(value: Any) -> JSON:
    """Copy a result of jsonata-python as plain JSON."""
    if value is NULL or value is None:
        return None
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= EXACT_FLOATS else value
    if isinstance(value, bool | int | str):
        return value
    raise TypeError(f"the result holds {_kind(value)}, which is not JSON")


def _kind(value: Any) -> str:
    if isinstance(value, re.Pattern):
        return "a regular expression"
    if utils.Utils.is_function(value) or functions.Functions.is_lambda(value):
        return "a function"
    return f"a {type(value).__name__}"


# AWS's own functions. As in all of JSONata, an undefined first argument gives an undefined result.


def _partition(array: list[Any] | None, size: int | None) -> list[list[Any]] | None:
    if array is None or size is None:
        return None
    if int(size) < 1:
        raise ValueError(f"$partition takes a size of at least 1, got {size}")
    return [array[start : start + int(size)] for start in range(0, len(array), int(size))]


def _range(first: int | None, last: int | None, step: int | None) -> list[int] | None:
    if first is None or last is None or step is None:
        return None
    if step == 0:
        raise ValueError("$range takes a step other than 0")
    return list(range(int(first), int(last) + (1 if step > 0 else -1), int(step)))  # the end is included


def _hash(text: str | None, algorithm: str) -> str | None:
    if text is None:
        return None
    if algorithm not in ALGORITHMS:
        raise ValueError(f"$hash takes one of {', '.join(ALGORITHMS)}, got {algorithm}")
    return hashlib.new(ALGORITHMS[algorithm], str(text).encode(), usedforsecurity=False).hexdigest()


def _random(seed: float | None = None) -> float:
    return (random if seed is None else random.Random(seed)).random()  # noqa: S311 (AWS's is no secret either)


def _uuid() -> str:
    return str(uuid.uuid4())


def _parse(text: str | None) -> Any:
    return None if text is None else _bound(json.loads(text), None)


FUNCTIONS = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": _uuid,
    "parse": _parse,
}

"""The format whose records are lines of JSON."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from .lines import LineError, LineFormat, text_lines

# How deep values may be nested. Python's own limit depends on who asks, and a job's values go on: they are
# measured, written, read and merged by code that calls itself at each level.
NESTING = 200
TOO_DEEP = f"nested more than {NESTING} deep"


@dataclass(frozen=True)
class JsonLines(LineFormat):
    """One JSON value a line: `map` receives it decoded, most often a dict. Blank lines are skipped.

    Of a name that an object has twice, the last value counts. What is not JSON is a bad record (NaN and
    Infinity too), and so are numbers that are too large for Python, and what is nested too deeply.
    """

    def _parse(self, text: str) -> list[Any]:
        try:
            return [_decode(line) for line in text_lines(text) if line]
        except RecursionError as error:
            raise LineError(TOO_DEEP) from error
        except (json.JSONDecodeError, LineError):
            raise
        except ValueError as error:  # of Python's int
            raise LineError(f"a whole number of more than {sys.get_int_max_str_digits()} digits") from error


def _refuse_constant(name: str) -> NoReturn:
    raise LineError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise LineError("a number that is too large")
    return value


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _decode(line: str) -> Any:
    try:
        value, end = _decoder.raw_decode(line)  # in half the time of `decode`, which looks for white space
    except json.JSONDecodeError:
        end = -1
    if end != len(line):
        value = _decoder.decode(line)
    brackets = line.count("[") + line.count("{") if len(line) > 2 * NESTING else 0
    if brackets > NESTING and _is_too_deep(value):
        raise LineError(TOO_DEEP)
    return value


def _is_too_deep(value: Any) -> bool:
    level: list[Any] = [[value]]  # the lists and objects that are so deep
    for _ in range(NESTING + 1):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in inner for item in items if type(item) is list or type(item) is dict]
    return bool(level)

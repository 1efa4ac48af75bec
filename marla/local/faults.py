"""Schedules of faults for the local cloud: which requests are hit, by what, and how often.

A schedule is a seed and rules. What happens to a request follows from the seed, the rule, what the request
asks for, and how often the same was asked before, and not from the order in which different requests arrive:
a job that is run again, by the same name and under the same schedule, meets the same faults.
`marla.local.injection` is what carries them out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from marla.local.requests import INVOKE, OPERATIONS, Request

KINDS = {
    "delay": "is handled, or answered, `seconds` later",
    "slow": "the answer's body takes `seconds`",
    "break": "the connection is closed before the request is handled, or after it instead of an answer",
    "truncate": "the connection is closed within the answer's body",
    "throttle": "S3's 503 SlowDown, Lambda's 429 TooManyRequestsException; the request is not handled",
    "error": "S3's 500 InternalError, Lambda's 500 ServiceException; the request is not handled",
    "corrupt": "a bit of an intermediate object is flipped as it is read, or of any object as it is written",
    "kill": "the process that serves an invocation is killed `seconds` after the handler began",
    "duplicate": "an invocation is handled twice, the second time `seconds` later; the first answer counts",
}
LONGEST = 900.0  # seconds; as long as a function may take


class BadScheduleError(ValueError):
    """A document that is no schedule: what is wrong, and what it takes."""


@dataclass(frozen=True)
class Fault:
    """What happens to a request.

    Attributes:
        when: "before" the request is handled, or "after".
        where: from 0 to 1: at which part of a body.
    """

    kind: str
    seconds: float = 0.0
    when: str = "before"
    where: float = 0.5


@dataclass(frozen=True)
class Rule:
    """A fault, and which requests it hits.

    Attributes:
        match: patterns by what of a request they are searched in; services and operations by name.
        seconds: at least and at most.
        times: how many of the requests that ask for the same may be hit, from the first that may; None: all.
        after: how many that ask for the same go unharmed first.
    """

    fault: str
    match: Mapping[str, str]
    probability: float = 1.0
    seconds: tuple[float, float] = (0.0, 0.0)
    times: int | None = None
    after: int = 0
    when: str = "before"

    def fits(self, request: Request) -> bool:
        """Say whether the rule is about such a request."""
        if self.fault in {"kill", "duplicate"} and request.operation != INVOKE:
            return False
        if self.fault == "corrupt" and not request.covered:
            return False
        return all(
            value == getattr(request, name) if name in NAMED else re.search(value, getattr(request, name))
            for name, value in self.match.items()
        )

    def draw(self, text: str, seen: int) -> Fault | None:
        """Return what happens to a request that was seen so many times before, drawn by a text."""
        if not self.after <= seen < self.after + (self.times if self.times is not None else seen + 1):
            return None
        digest = blake2b(f"{text} {seen}".encode(), digest_size=24).digest()
        chance, seconds, where = (int.from_bytes(digest[at : at + 8]) / 2**64 for at in (0, 8, 16))
        if chance >= self.probability:
            return None
        least, most = self.seconds
        return Fault(self.fault, least + seconds * (most - least), self.when, where)


NAMED = {"service", "operation"}  # what a match gives by name; the rest are patterns
PATTERNS = {"bucket", "key", "function", "payload"}


class Schedule:
    """A seed and rules, and what became of them so far.

    Args:
        document: {"seed": whole number, "rules": [{"fault": …, "match": {…}, …}]}, as the module says.

    Raises:
        BadScheduleError: with the field, what it got and what it takes.
    """

    def __init__(self, document: Any) -> None:
        fields = _fields(document, "the schedule", {"seed", "rules"})
        self.seed = _number(fields.get("seed", 0), "seed", -(2**63), 2**63, whole=True)
        if not isinstance(fields.get("rules"), list):
            raise BadScheduleError(f"rules: got {_shown(fields.get('rules'))}; give a list of rules")
        self.rules = [_rule(rule, f"rules[{number}]") for number, rule in enumerate(fields["rules"])]
        self.injected: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()

    @property
    def kills(self) -> bool:
        """Whether any rule kills."""
        return any(rule.fault == "kill" for rule in self.rules)

    def draw(self, request: Request) -> Fault | None:
        """Return what happens to a request, by the first rule that hits it; and remember that it was made."""
        fitting = [(number, rule) for number, rule in enumerate(self.rules) if rule.fits(request)]
        if not fitting:
            return None
        seen = self._seen[request.identity]
        self._seen[request.identity] += 1
        faults = (rule.draw(f"{self.seed} {number} {request.identity}", seen) for number, rule in fitting)
        return next((fault for fault in faults if fault), None)


def _rule(document: Any, where: str) -> Rule:
    names = {"fault", "match", "probability", "seconds", "times", "after", "when"}
    fields = _fields(document, where, names)
    kind = fields.get("fault")
    if kind not in KINDS:
        raise BadScheduleError(f"{where}.fault: got {_shown(kind)}; give one of {', '.join(KINDS)}")
    when = fields.get("when", "before")
    if when not in {"before", "after"}:
        raise BadScheduleError(f"{where}.when: got {_shown(when)}; give before or after")
    times = fields.get("times")
    return Rule(
        fault=kind,
        match=_match(fields.get("match", {}), f"{where}.match"),
        probability=_number(fields.get("probability", 1), f"{where}.probability", 0, 1),
        seconds=_seconds(fields.get("seconds", 0), f"{where}.seconds"),
        times=None if times is None else int(_number(times, f"{where}.times", 1, 2**31, whole=True)),
        after=int(_number(fields.get("after", 0), f"{where}.after", 0, 2**31, whole=True)),
        when=when,
    )


def _match(document: Any, where: str) -> dict[str, str]:
    fields = _fields(document, where, NAMED | PATTERNS)
    operations = set().union(*OPERATIONS.values())
    for name, value in fields.items():
        known = {"service": set(OPERATIONS), "operation": operations}.get(name)
        if known is not None and value not in known:
            raise BadScheduleError(
                f"{where}.{name}: got {_shown(value)}; give one of {', '.join(sorted(known))}"
            )
        try:
            re.compile(value)
        except (re.error, TypeError) as error:
            raise BadScheduleError(
                f"{where}.{name}: got {_shown(value)}; give a regular expression ({error})"
            ) from error
    return fields


def _fields(document: Any, where: str, known: set[str]) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise BadScheduleError(f"{where}: got {_shown(document)}; give an object")
    for name in document:
        if name not in known:
            raise BadScheduleError(
                f"{where}: unknown field {name}; the fields are {', '.join(sorted(known))}"
            )
    return document


def _seconds(value: Any, where: str) -> tuple[float, float]:
    ends = value if isinstance(value, list) and len(value) == 2 else [value, value]
    least, most = (_number(end, where, 0, LONGEST) for end in ends)
    if least > most:
        raise BadScheduleError(f"{where}: got {_shown(value)}; give the least first")
    return least, most


def _number(value: Any, where: str, low: float, high: float, *, whole: bool = False) -> float:
    if not isinstance(value, int if whole else int | float) or isinstance(value, bool):
        raise BadScheduleError(f"{where}: got {_shown(value)}; give a {'whole ' if whole else ''}number")
    if not low <= value <= high:
        raise BadScheduleError(f"{where}: got {_shown(value)}; give {low} to {high}")
    return value


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, default=str)[:200]

"""Sizes of payloads, and Step Functions' limits to them."""

import json
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from marla.local.jsonata import JSON

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
LARGEST = 256 * 1024  # bytes of JSON text: a payload, a variable, all variables of one Assign
LARGEST_VARIABLES = 10 * 1024 * 1024  # all variables of an execution


def size(value: JSON) -> int:
    """The bytes of a value as JSON text in UTF-8."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode())


def fits(value: JSON) -> bool:
    """Whether a value may be a payload."""
    return size(value) <= LARGEST


def failure(env: Any, error: Any, event_type: str, cause: str) -> Any:
    """The exception with which a state fails in moto.

    `error` is a member of StatesErrorNameType, or one of moto's error name objects.
    """
    name = StatesErrorName(typ=error) if isinstance(error, StatesErrorNameType) else error
    # moto finds the details under whatever name they have; this is the one of the event type.
    details = f"{event_type[0].lower()}{event_type[1:]}EventDetails"
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=event_type,
            event_details=EventDetails(**{details: {"error": name.error_name, "cause": cause}}),
        )
    )


def too_large(env: Any, event_type: str, cause: str) -> Any:
    """The failure States.DataLimitExceeded."""
    return failure(env, StatesErrorNameType.StatesStatesDataLimitExceeded, event_type, cause)

"""State machine definitions: YAML or JSON text, read into what moto's parser takes."""

import json
from functools import lru_cache
from typing import Any

import yaml
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from marla.local.jsonata import JSON


class InvalidDefinitionError(Exception):
    """A definition that is not a state machine; the message is the parser's."""


def read(definition: str | dict[str, JSON]) -> dict[str, JSON]:
    """Read a definition from YAML or JSON text; a dict comes back as it is."""
    if isinstance(definition, dict):
        return definition
    try:
        document = json.loads(definition)
    except ValueError:
        try:
            document = yaml.safe_load(definition)
        except yaml.YAMLError as error:
            raise InvalidDefinitionError(f"The definition is neither JSON nor YAML: {error}") from error
    if not isinstance(document, dict):
        raise InvalidDefinitionError(f"The definition is a {type(document).__name__}, not a mapping")
    return document


def to_json(definition: str | dict[str, JSON]) -> str:
    """The same definition as JSON text that moto's grammar accepts."""
    # Every execution asks, and to read ours from YAML takes a fifth of a second.
    return _text_to_json(definition) if isinstance(definition, str) else _to_json(definition)


@lru_cache(maxsize=16)
def _text_to_json(definition: str) -> str:
    return _to_json(definition)


def _to_json(definition: str | dict[str, JSON]) -> str:
    return json.dumps(_with_decimal_percentages(read(definition)), ensure_ascii=False)


def _with_decimal_percentages(node: JSON) -> JSON:
    """Write ToleratedFailurePercentage: 5 as 5.0: moto's grammar takes only the latter (as of 5.2.5)."""
    if isinstance(node, dict):
        return {
            key: float(value)
            if key == "ToleratedFailurePercentage" and isinstance(value, int)
            else _with_decimal_percentages(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_with_decimal_percentages(value) for value in node]
    return node


@lru_cache(maxsize=256)
def parse(text: str) -> Any:
    """Parse JSON text into moto's Program, which holds no state of an execution and so can be shared.

    Raises InvalidDefinitionError.
    """
    try:
        return AmazonStateLanguageParser.parse(text)[0]
    except Exception as error:  # its preprocessor raises whatever it trips over
        raise InvalidDefinitionError(f"{type(error).__name__}: {error}") from error

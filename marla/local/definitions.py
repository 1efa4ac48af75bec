"""State machine definitions: YAML or JSON text, read into what moto's parser takes."""

import json
from functools import lru_cache
from typing import Any

from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from marla.asl import DefinitionError, document_of
from marla.local.jsonata import JSON


def to_json(definition: str | dict[str, JSON]) -> str:
    """The same definition as JSON text that moto's grammar accepts."""
    # Every execution asks, and to read ours from YAML takes a fifth of a second.
    return _text_to_json(definition) if isinstance(definition, str) else _to_json(definition)


@lru_cache(maxsize=16)
def _text_to_json(definition: str) -> str:
    return _to_json(document_of(definition))


def _to_json(document: dict[str, JSON]) -> str:
    return json.dumps(_with_decimal_percentages(document), ensure_ascii=False)


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

    Raises DefinitionError.
    """
    try:
        return AmazonStateLanguageParser.parse(text)[0]
    except Exception as error:  # its preprocessor raises whatever it trips over
        raise DefinitionError(f"{type(error).__name__}: {error}") from error

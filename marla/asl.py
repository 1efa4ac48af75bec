"""The text of a state machine's definition in Amazon States Language: JSON, or YAML as SAM takes it too."""

from __future__ import annotations

import json
from typing import Any

import yaml

from .errors import CloudError

# Written in C where PyYAML was built with it, as its wheels are: a definition takes 8 ms instead of 120.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DefinitionError(CloudError):
    """A text that is not the definition of a state machine."""


def document_of(definition: str) -> dict[str, Any]:
    """Read a definition from JSON or YAML. Raises DefinitionError for what is neither, or no object."""
    try:
        document = json.loads(definition)
    except ValueError:
        try:
            document = yaml.load(definition, _LOADER)  # noqa: S506 - one of the two safe ones
        except yaml.YAMLError as error:
            raise DefinitionError(f"the definition is neither JSON nor YAML: {error}") from error
    if not isinstance(document, dict):
        raise DefinitionError(f"the definition is no object with States: got a {type(document).__name__}")
    return document

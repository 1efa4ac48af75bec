"""Names of executions, as they stand in addresses."""

from __future__ import annotations

from ..naming import is_name
from .answers import Refused


def checked(name: str) -> str:
    """Return a name. Raises Refused, as for an execution that there is not, if it can be none."""
    if not is_name(name):
        raise Refused(404, f"There is no execution {name[:100]!r}: that cannot be a name")
    return name

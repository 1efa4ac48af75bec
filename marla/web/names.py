"""Names of executions, as they stand in addresses."""

from __future__ import annotations

import re

from .answers import Refused

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")


def is_name(text: str) -> bool:
    """Say whether a text can be the name of an execution, and so of a job's folder."""
    return _NAME.fullmatch(text) is not None and text not in {".", ".."}


def checked(name: str) -> str:
    """Return a name. Raises Refused, as for an execution that there is not, if it can be none."""
    if not is_name(name):
        raise Refused(404, f"There is no execution {name[:100]!r}: that cannot be a name")
    return name

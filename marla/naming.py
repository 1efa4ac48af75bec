"""Names of executions, which their jobs have too, and so the folders of these."""

from __future__ import annotations

import re
from typing import Any

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")
_NO_FOLDERS = {".", ".."}
_RULE = (
    """up to 80 characters, without spaces, control characters and any of <>{}[]?*"#%\\^|~`$&,;:/ """
    "(and not . or .. alone)"
)


def is_name(text: str) -> bool:
    """Say whether a text can be the name of an execution, and so of a job's folder."""
    return _NAME.fullmatch(text) is not None and text not in _NO_FOLDERS


def problem(given: Any) -> str:
    """Return why an execution cannot be called so, or nothing if it can, or if no name is given.

    Args:
        given: a text, or in JSON anything else.
    """
    if not given or (isinstance(given, str) and is_name(given)):
        return ""
    return f"got {str(given)[:100]!r}; give {_RULE}, or leave it out"

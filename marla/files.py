"""Files that the commands write: each all of it or nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import UsageError


def write_whole(path: Path, text: str) -> None:
    """Write a file in place of one that is there, all of it or nothing.

    Raises UsageError if it cannot be written, as where the disk is full.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".marla-", dir=path.absolute().parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            # As any new file has it; a temporary one is for its owner alone.
            temporary.chmod(0o666 & ~_mask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> UsageError:
    """Return what to say of a file that cannot be written."""
    return UsageError(f"--out: {path} cannot be written: {error.strerror}; give another file")


def _mask() -> int:
    """Return what the process's new files are not to allow: it can only be asked for by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
